"""Taking letters in again, and discarding them, from a page; and what came of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from nicegui.element import Element
from sqlalchemy.orm import Session

from api import letters
from api.auth import Caller
from api.pages.elements.element import box, say
from api.pages.frame.visit import Visit
from api.pages.frame.writing import write
from api.pages.letters import text_letters
from schema.text import Text
from store.registry.deadletters import Waiting, outcome

LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 20.0


class Words(NamedTuple):
    """What the two buttons say, with the count filled in."""

    replay: Text
    discard: Text


class LetterActions:
    """The buttons for some letters, and a line that says what came of pressing them."""

    def __init__(self, visit: Visit, done: Callable[[], Awaitable[None]]) -> None:
        self._visit, self._done = visit, done
        self._buttons: Element = box("div", "acts")
        self._state = say("p", "", "hint", role="status")

    def offer(self, ids: list[int], words: Words, *, whole: bool = True) -> None:
        """Offer them for these letters; with `whole` false they cannot be taken in again."""
        visit = self._visit
        self._buttons.clear()
        if not ids:
            return
        with self._buttons:
            if whole:
                replay = say("button", visit.say(words.replay, count=len(ids)), "button primary", type="button")
                replay.on("click", lambda: self._replay(ids))
            discard = say("button", visit.say(words.discard, count=len(ids)), "button", type="button")
            with box("span", "sure", role="group") as sure:
                say("span", visit.say(text_letters.SURE, count=len(ids)), "hint watch")
                say("button", visit.say(text_letters.DISCARD_NOW), "button danger", type="button").on(
                    "click", lambda: self._discard(ids)
                )
                keep = say("button", visit.say(text_letters.KEEP), "button", type="button")
        sure.set_visibility(False)

        def ask(*, sure_of_it: bool) -> None:
            sure.set_visibility(sure_of_it)
            discard.set_visibility(not sure_of_it)

        discard.on("click", lambda: ask(sure_of_it=True))
        keep.on("click", lambda: ask(sure_of_it=False))

    async def _discard(self, ids: list[int]) -> None:
        def discard(session: Session, caller: Caller, now: int) -> int:
            return letters.discard(session, caller, ids, now)

        count = await write(self._visit, "operator", discard)
        if count is not None:
            self._state.set_text(self._visit.say(text_letters.DISCARDED, count=count))
            await self._done()

    async def _replay(self, ids: list[int]) -> None:
        def replay(session: Session, caller: Caller, now: int) -> list[int]:
            return letters.replay(session, caller, ids, now)

        asked = await write(self._visit, "operator", replay)
        if asked is None:
            return
        self._buttons.clear()
        left = await self._wait(asked)
        self._state.set_text(self._told(len(ids), len(asked), left))
        await self._done()

    async def _wait(self, asked: list[int]) -> Waiting:
        """What is left of them once none waits, or ingest has done nothing for too long."""
        left, quiet = Waiting(len(asked), 0), 0.0
        while left.waiting and quiet < PATIENCE_SECONDS and not self._state.is_deleted:
            self._state.set_text(self._visit.say(text_letters.WAITING, count=left.waiting))
            await asyncio.sleep(LOOK_SECONDS)
            now = await asyncio.to_thread(self._outcome, asked)
            quiet = quiet + LOOK_SECONDS if now.waiting == left.waiting else 0.0
            left = now
        return left

    def _outcome(self, asked: list[int]) -> Waiting:
        with self._visit.context.registry.reading() as session:
            return outcome(session, asked)

    def _told(self, wanted: int, asked: int, left: Waiting) -> str:
        counts = (
            (text_letters.TAKEN_IN, asked - left.waiting - left.refused),
            (text_letters.REFUSED_AGAIN, left.refused),
            (text_letters.CUT_OFF, wanted - asked),
            (text_letters.STILL_WAITING, left.waiting),
        )
        return " · ".join(self._visit.say(words, count=count) for words, count in counts if count)
