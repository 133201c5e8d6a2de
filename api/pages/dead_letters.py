"""Dead letters: what could not be accepted, by reason, and the newest of it."""

import asyncio

from sqlalchemy import select

from api.pages import text
from api.pages.element import box, say
from api.pages.frame import frame
from api.pages.number import figure, moment
from api.pages.visit import Visit
from store.registry.deadletters import DeadLetter, counts

SHOWN = 100


async def show(visit: Visit) -> None:
    """The counts and the newest letters."""
    by_reason, letters = await asyncio.to_thread(_read, visit)
    with frame(visit, text.DEAD_LETTERS):
        with box("div", "page-head"):
            say("h1", visit.say(text.DEAD_LETTERS))
            say("span", visit.say(text.LETTERS_HINT), "aside")
        if not by_reason:
            say("p", visit.say(text.NO_LETTERS), "nothing")
            return
        with box("ul", "counts", aria_label=visit.say(text.COUNT)):
            for reason, count in sorted(by_reason.items(), key=lambda item: -item[1]):
                with box("li", "panel"):
                    say("span", figure(count), "number")
                    say("span", visit.say(text.REASONS[reason]) if reason in text.REASONS else reason, "hint")
        with box("div", "sheet"), box("table", "rows wide"):
            with box("thead"), box("tr"):
                for title in (text.RECEIVED, text.REASON, text.TOPIC, text.DETAIL):
                    say("th", visit.say(title), scope="col")
                say("th", visit.say(text.SIZE), "number", scope="col")
            with box("tbody"):
                for letter in letters:
                    _row(visit, letter)


def _read(visit: Visit) -> tuple[dict[str, int], list[DeadLetter]]:
    with visit.context.registry.reading() as session:
        newest = select(DeadLetter).order_by(DeadLetter.id.desc()).limit(SHOWN)
        return counts(session), list(session.scalars(newest))


def _row(visit: Visit, letter: DeadLetter) -> None:
    with box("tr"):
        say("td", moment(letter.received, visit.zone))
        with box("td"):
            say("span", visit.say(text.REASONS[letter.reason]) if letter.reason in text.REASONS else letter.reason)
            say("small", letter.reason, "code")
        say("td", letter.topic, "code")
        say("td", letter.detail)
        say("td", f"{figure(letter.size, 0)} B", "number")
