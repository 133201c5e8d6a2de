"""Dead letters as people handle them, for the API and the pages: taken in again or discarded, and audited."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.auth import Caller
from store.registry import deadletters
from store.registry.deadletters import DeadLetter
from store.registry.people import audit

MOST_AT_ONCE = 500


def own(session: Session, caller: Caller, ids: Iterable[int]) -> list[int]:
    """Those of the letters that are there and for the caller to see."""
    rows = session.execute(select(DeadLetter.id, DeadLetter.site).where(DeadLetter.id.in_(list(ids))))
    return [id_ for id_, site in rows if caller.sees(site)]


def replay(session: Session, caller: Caller, ids: Iterable[int], now: int) -> list[int]:
    """Have ingest take letters in again; the ids of those that can be."""
    asked = deadletters.ask(session, own(session, caller, ids), now)
    audit(session, now, caller.name, "dead letters replayed", f"{len(asked)} letters", _span(asked))
    return asked


def discard(session: Session, caller: Caller, ids: Iterable[int], now: int) -> int:
    """Take letters off the shelf for good; how many."""
    chosen = own(session, caller, ids)
    deadletters.discard(session, chosen)
    audit(session, now, caller.name, "dead letters discarded", f"{len(chosen)} letters", _span(chosen))
    return len(chosen)


def legible(payload: bytes) -> str | None:
    """A payload as text, None where it is not."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    return text if all(character.isprintable() or character in "\t\r\n" for character in text) else None


def _span(ids: list[int]) -> str:
    return f"{min(ids)} to {max(ids)}" if ids else ""
