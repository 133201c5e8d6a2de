"""One dead letter: why it was parked, what to do about it, and what it holds."""

import asyncio

from api.pages import text
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import figure, moment
from api.pages.frame.layout import frame
from api.pages.frame.visit import Visit
from api.pages.letters import text_letters
from api.pages.letters.action import LetterActions, Words
from api.pages.letters.letters import Asked, reason_named
from api.pages.letters.payload import readable
from api.pages.letters.text_reasons import REASONS, UNKNOWN_REASON
from store.registry.deadletters import KEPT_BYTES, DeadLetter
from store.registry.places import Device

_WORDS = Words(text_letters.REPLAY_ONE, text_letters.DISCARD_ONE)


async def show(visit: Visit) -> None:
    """The page of the letter in the path."""
    letter, known = await asyncio.to_thread(_look, visit)
    with frame(visit, text.DEAD_LETTERS):
        with box("a", "back", href=visit.link("/dead-letters")):
            icon("back")
            say("span", visit.say(text_letters.BACK))
        if letter is None:
            say("p", visit.say(text_letters.NO_SUCH_LETTER), "nothing")
            return
        with box("div", "page-head"):
            say("h1", visit.say(text_letters.LETTER, number=letter.id))
            say("span", moment(letter.received, visit.zone), "aside")
        with box("div", "evidence"):
            with box("div", "stack"):
                why = box("section", "panel")
                with box("section", "panel"):
                    _payload(visit, letter)
            with box("div", "stack"):
                with box("section", "panel"):
                    say("h2", visit.say(text.ACTION), "panel-title")
                    actions = LetterActions(visit, lambda: draw())  # noqa: PLW0108 - defined below
                with box("section", "panel"):
                    _place(visit, letter, known)

    def fill(letter: DeadLetter | None) -> None:
        why.clear()
        with why:
            _why(visit, letter)
        actions.offer([letter.id] if letter else [], _WORDS, whole=letter is not None and letter.size <= KEPT_BYTES)

    async def draw() -> None:
        fill((await asyncio.to_thread(_look, visit))[0])

    fill(letter)


def _look(visit: Visit) -> tuple[DeadLetter | None, bool]:
    """The letter, and whether its device is known."""
    number = visit.request.path_params["id"]
    # More digits than a database can count are no letter's.
    if not number.isdecimal() or len(number) > 18:
        return None, False
    with visit.context.registry.reading() as session:
        letter = session.get(DeadLetter, int(number))
        if letter is None or visit.caller is None or not visit.caller.sees(letter.site):
            return None, False
        return letter, session.get(Device, (letter.site, letter.device)) is not None


def _why(visit: Visit, letter: DeadLetter | None) -> None:
    if letter is None:
        say("p", visit.say(text_letters.NO_SUCH_LETTER), "nothing")
        return
    meaning = REASONS.get(letter.reason, UNKNOWN_REASON)
    say("h2", visit.say(text_letters.MEANING), "panel-title")
    with box("p", "reason"):
        say("strong", reason_named(visit, letter.reason))
        say("span", f" · {visit.say(meaning.meaning)}")
    say("p", letter.detail, "code")
    say("h3", visit.say(text.WHAT_TO_DO), "sub-title")
    say("p", visit.say(meaning.remedy))
    if letter.tried:
        say("p", visit.say(text_letters.TRIED, count=letter.tried), "hint watch")
    if letter.asked is not None:
        say("p", visit.say(text_letters.WAITING, count=1), "hint")


def _payload(visit: Visit, letter: DeadLetter) -> None:
    form, words = readable(letter.payload)
    with box("div", "panel-head"):
        say("h2", visit.say(text_letters.PAYLOAD), "panel-title")
        if letter.payload:
            say("span", f"{visit.say(form)} · {figure(letter.size, 0)} B", "hint")
    if letter.size > KEPT_BYTES:
        cut = visit.say(text_letters.ONLY_BEGINNING, size=figure(letter.size, 0), kept=figure(KEPT_BYTES, 0))
        say("p", cut, "hint watch")
    if letter.payload:
        say("pre", words, "payload code", tabindex="0", aria_label=visit.say(text_letters.PAYLOAD))
    else:
        say("p", visit.say(text_letters.EMPTY_PAYLOAD), "nothing")


def _place(visit: Visit, letter: DeadLetter, known: bool) -> None:
    with box("dl", "figures upright"):
        with box("div"):
            say("dt", visit.say(text_letters.TOPIC))
            say("dd", letter.topic, "code")
        if letter.device:
            with box("div"):
                say("dt", visit.say(text.DEVICE))
                with box("dd"):
                    if known:
                        say("a", letter.device, "more", href=f"/devices/{letter.site}/{letter.device}")
                    else:
                        say("span", letter.device)
    if letter.device:
        others = Asked(device=letter.device, within=letter.site, site=visit.site.id if visit.site else "")
        say("a", visit.say(text_letters.OTHERS_LIKE_IT), "more start", href=others.address())
