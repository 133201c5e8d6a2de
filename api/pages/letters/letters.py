"""Dead letters: what could not be accepted, searched by place, reason, words and time."""

import asyncio
from typing import NamedTuple
from urllib.parse import urlencode

from fastapi import HTTPException

from api.letters import MOST_AT_ONCE
from api.moments import instant
from api.pages import text
from api.pages.elements.element import box, say
from api.pages.elements.field import filled
from api.pages.elements.number import figure, moment
from api.pages.elements.pane import Pane
from api.pages.frame.layout import frame
from api.pages.frame.visit import Visit
from api.pages.letters import text_letters
from api.pages.letters.action import LetterActions, Words
from api.pages.letters.text_reasons import REASONS, UNKNOWN_REASON
from store.registry.deadletters import DeadLetter, Search, by_reason, count, found

SHOWN = 50
_ALL = Words(text_letters.REPLAY_ALL, text_letters.DISCARD_ALL)
_SOME = Words(text_letters.REPLAY_SOME, text_letters.DISCARD_SOME)


class Asked(NamedTuple):
    """The query of the page as it was written, named as in the API; `site` is the visitor's, `within` the letters'."""

    text: str = ""
    reason: str = ""
    device: str = ""
    within: str = ""
    from_: str = ""
    to: str = ""
    before: str = ""
    site: str = ""

    @property
    def narrow(self) -> bool:
        """Whether it asks for less than everything."""
        return any(self[:-1])

    @classmethod
    def of(cls, visit: Visit) -> "Asked":
        """What a visit asks for."""
        query = visit.request.query_params
        return cls(*(query.get(name.rstrip("_"), "").strip()[:200] for name in cls._fields))

    def address(self) -> str:
        """The page that shows it."""
        chosen = {name.rstrip("_"): value for name, value in self._asdict().items() if value}
        return f"/dead-letters?{urlencode(chosen)}" if chosen else "/dead-letters"


class Shelf(NamedTuple):
    """What a search finds: how many, by reason (of any), a page of them, and all that may be acted on at once."""

    total: int
    reasons: dict[str, int]
    letters: list[DeadLetter]
    ids: list[int]


async def show(visit: Visit) -> None:
    """The search and what it finds."""
    asked = Asked.of(visit)
    search, faulty = _search(visit, asked)
    shelf = await asyncio.to_thread(_read, visit, search, asked.before)
    with frame(visit, text.DEAD_LETTERS):
        with box("div", "page-head"):
            say("h1", visit.say(text.DEAD_LETTERS))
            say("span", visit.say(text_letters.LETTERS_HINT), "aside")
        if not shelf.reasons and not asked.narrow:
            say("p", visit.say(text_letters.NO_LETTERS), "nothing")
            return
        tiles = Pane[dict[str, int]](box("div"), lambda reasons: _reasons(visit, asked, reasons))
        _form(visit, asked, shelf.reasons)
        if faulty:
            say("p", visit.say(text_letters.BAD_TIME), "note", role="status")
        with box("div", "found"):
            number = say("p", "", "found-count")
            actions = LetterActions(visit, lambda: draw())  # noqa: PLW0108 - defined below
        sheet = box("div", "sheet")

    def fill(shelf: Shelf) -> None:
        tiles.show(shelf.reasons)
        number.set_text(visit.say(text_letters.FOUND, count=figure(shelf.total)))
        actions.offer(shelf.ids, _ALL if shelf.total == len(shelf.ids) else _SOME)
        sheet.clear()
        with sheet:
            _table(visit, asked, shelf.letters)

    async def draw() -> None:
        fill(await asyncio.to_thread(_read, visit, search, asked.before))

    fill(shelf)


def _search(visit: Visit, asked: Asked) -> tuple[Search, bool]:
    """What to look for, and whether a time could not be read."""
    times: dict[str, int | None] = {"start": None, "end": None}
    faulty = False
    for name, written in (("start", asked.from_), ("end", asked.to)):
        try:
            times[name] = instant(written, visit.zone, name) if written else None
        except HTTPException:
            faulty = True
    site = (visit.caller.site if visit.caller else None) or asked.within or None
    return Search(site, asked.device or None, asked.reason or None, asked.text or None, **times), faulty


def _read(visit: Visit, search: Search, before: str) -> Shelf:
    edge = int(before) if before.isdecimal() and len(before) < 19 else None
    with visit.context.registry.reading() as session:
        return Shelf(
            count(session, search),
            by_reason(session, search._replace(reason=None)),
            found(session, search, before=edge, limit=SHOWN),
            [letter.id for letter in found(session, search, limit=MOST_AT_ONCE)],
        )


def _reasons(visit: Visit, asked: Asked, reasons: dict[str, int]) -> None:
    """How many there are for each reason; each leads to those."""
    with box("ul", "counts", aria_label=visit.say(text_letters.KEPT_NOW)):
        for reason, number in reasons.items():
            here = {"aria_current": "true"} if reason == asked.reason else {}
            chosen = asked._replace(reason="" if here else reason, before="")
            with box("li"), box("a", "panel", href=chosen.address(), **here):
                say("span", figure(number), "number")
                say("span", reason_named(visit, reason), "hint")


def _form(visit: Visit, asked: Asked, reasons: dict[str, int]) -> None:
    """A plain form, so that what it finds has an address."""
    with box("form", "filters letters-search", method="get", action="/dead-letters", role="search"):
        box("input", type="hidden", name="site", value=asked.site)
        words, device = visit.say(text_letters.WORDS), visit.say(text.DEVICE)
        filled("search", "text", asked.text, placeholder=words, aria_label=words)
        filled("text", "device", asked.device, placeholder=device, aria_label=device)
        named = {reason: reason_named(visit, reason) for reason in {*reasons, *filter(None, (asked.reason,))}}
        _select(
            visit.say(text_letters.REASON), "reason", {"": visit.say(text_letters.ANY_REASON), **named}, asked.reason
        )
        if len(visit.sites) > 1:
            sites = {site.id: site.title_zh if visit.language == "zh" else site.title_en for site in visit.sites}
            every = visit.say(text_letters.ANY_SITE)
            _select(visit.say(text_letters.SITE), "within", {"": every, **sites}, asked.within)
        for title, name, value in ((text_letters.FROM, "from", asked.from_), (text_letters.TO, "to", asked.to)):
            with box("label", "when"):
                say("span", visit.say(title))
                filled("datetime-local", name, value)
        say("button", visit.say(text_letters.SEARCH), "button primary", type="submit")
        if asked.narrow:
            say("a", visit.say(text_letters.CLEAR), "button", href=visit.link("/dead-letters"))


def _select(label: str, name: str, options: dict[str, str], value: str) -> None:
    with box("select", name=name, aria_label=label):
        for option, words in options.items():
            say("option", words, value=option, **({"selected": "selected"} if option == value else {}))


def reason_named(visit: Visit, reason: str) -> str:
    """A reason in a word."""
    return visit.say(REASONS[reason].name) if reason in REASONS else f"{visit.say(UNKNOWN_REASON.name)} ({reason})"


def _table(visit: Visit, asked: Asked, letters: list[DeadLetter]) -> None:
    if not letters:
        say("p", visit.say(text_letters.NONE_FOUND), "nothing").style("padding:14px 12px")
        return
    with box("table", "rows wide"):
        with box("thead"), box("tr"):
            for title in (text_letters.REASON, text_letters.TOPIC, text_letters.DETAIL, text_letters.RECEIVED):
                say("th", visit.say(title), scope="col")
            say("th", visit.say(text_letters.SIZE), "number", scope="col")
        with box("tbody"):
            for letter in letters:
                _row(visit, letter)
    if len(letters) == SHOWN:
        older = asked._replace(before=str(letters[-1].id))
        with box("p", "older"):
            say("a", visit.say(text_letters.OLDER), "button", href=older.address())


def _row(visit: Visit, letter: DeadLetter) -> None:
    with box("tr"):
        with box("th", scope="row"):
            say("a", reason_named(visit, letter.reason), "name", href=visit.link(f"/dead-letters/{letter.id}"))
            if letter.asked is not None:
                say("small", visit.say(text_letters.ASKED))
            elif letter.tried:
                say("small", visit.say(text_letters.TRIED, count=letter.tried))
        say("td", letter.topic, "code")
        say("td", letter.detail, "detail")
        say("td", moment(letter.received, visit.zone), "brief")
        say("td", f"{figure(letter.size, 0)} B", "number brief")
