"""HTTP pull against a vendor's server in another process: every meal once, every misbehaviour told, nothing blocked."""

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest

from edge.drivers import Wired
from edge.drivers.pull import Section
from edge.tomlfile import Wrong
from schema.event import Meal
from tests.edge.drivers.hearing import hearing, until, wired
from tests.servers import free_port, running

pytestmark = pytest.mark.anyio
EVENT = {
    "type": "meal",
    "window": {"from": "mealType", "values": {"1": "breakfast", "2": "lunch", "3": "dinner"}},
    "price": "amount",
    "diner": "card",
}


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
        return True
    return False


def serve(folder: Path, port: int) -> AbstractContextManager[object]:
    command = (sys.executable, "-m", "tests.edge.drivers.vendor", str(port))
    return running(command, folder, lambda: listens(port))


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    with serve(tmp_path_factory.mktemp("vendor"), port):
        yield port


def terminal(port: int, path: str, **more: object) -> Wired:
    told = {
        "url": f"http://127.0.0.1:{port}{path}",
        "records": "data.rows",
        "id": "id",
        "time": {"from": "mealTime", "form": "s"},
        "event": EVENT,
        "pepper": "YSBwZXBwZXIgb2YgdGhlIGNvbXBvdW5k",
        "timeout": 10.0,
        **more,
    }
    return wired("canteen-1", "canteen_terminal", "pull", told)


async def test_numbers_of_any_length_are_marks(vendor: int, tmp_path: Path) -> None:
    """One digit more than int() reads."""
    async with hearing(tmp_path, terminal(vendor, "/endless-number?after={mark}")) as kept:
        await until(lambda: kept.events)
    assert kept.ids == ["9" * 200]


async def test_every_meal_comes_once_page_by_page_also_over_a_restart(vendor: int, tmp_path: Path) -> None:
    wire = terminal(vendor, "/meals?after={mark}")
    async with hearing(tmp_path, wire) as kept:
        await until(lambda: len(kept.events) >= 120)
        await asyncio.sleep(0.3)
    assert kept.ids == [str(n) for n in range(1, 121)]
    first = kept.events[0]
    assert isinstance(first, Meal)
    assert (first.window, first.price, first.time) == ("lunch", "8.50", 1_750_000_001_000_000)
    assert len(first.diner) == 64, "a keyed hash, not the card"
    async with hearing(tmp_path, wire) as again:
        await asyncio.sleep(0.3)
    assert not again.events
    assert not kept.troubles


async def test_a_device_that_gives_the_same_again_is_heard_once(vendor: int, tmp_path: Path) -> None:
    async with hearing(tmp_path, terminal(vendor, "/meals")) as kept:
        await until(lambda: len(kept.events) >= 50)
        await asyncio.sleep(0.5)
    assert kept.ids == [str(n) for n in range(1, 51)]


async def test_what_could_not_be_kept_is_asked_for_again(vendor: int, tmp_path: Path) -> None:
    async with hearing(tmp_path, terminal(vendor, "/meals?after={mark}")) as kept:
        kept.full = True
        await asyncio.sleep(0.4)
        kept.full = False
        await until(lambda: len(kept.events) >= 120)
    assert kept.ids == [str(n) for n in range(1, 121)]


async def test_a_challenge_that_is_none_is_trouble(vendor: int, tmp_path: Path) -> None:
    asked = terminal(vendor, "/odd-digest", user="admin", password="a password", auth="digest")
    async with hearing(tmp_path, asked) as kept:
        await until(lambda: kept.reasons == ["not_understood"])


@pytest.mark.parametrize(
    ("path", "reason", "says"),
    [
        ("/error", "silent", "500"),
        ("/moved", "not_understood", "redirects"),
        ("/garbage", "not_understood", "no JSON"),
        ("/half", "silent", "RemoteProtocolError"),
        ("/drip", "silent", "TimeoutError"),
        ("/silent", "silent", "ReadTimeout"),
        ("/endless", "not_understood", "more than 4 MB"),
        ("/safe", "unauthorised", "401"),
    ],
)
async def test_misbehaviour_is_told_as_trouble_and_gives_nothing(
    vendor: int, tmp_path: Path, path: str, reason: str, says: str
) -> None:
    patience = 0.3 if "Timeout" in says else 10.0
    async with hearing(tmp_path, terminal(vendor, path, timeout=patience)) as kept:
        await until(lambda: kept.troubles)
    assert not kept.events
    [trouble] = kept.troubles
    assert trouble is not None
    assert trouble.reason == reason
    assert says in trouble.detail


async def test_the_right_password_opens(vendor: int, tmp_path: Path) -> None:
    async with hearing(tmp_path, terminal(vendor, "/safe", user="admin", password="a password")) as kept:
        await until(lambda: kept.events)


async def test_a_device_that_dies_and_comes_back_goes_on(tmp_path: Path) -> None:
    port = free_port()
    async with hearing(tmp_path, terminal(port, "/meals?after={mark}")) as kept:
        await until(lambda: kept.reasons == ["silent"])
        with serve(tmp_path, port):
            await until(lambda: len(kept.events) >= 120)
            await until(lambda: kept.reasons == ["silent", None])
        await until(lambda: kept.reasons == ["silent", None, "silent"])
    assert kept.ids == [str(n) for n in range(1, 121)]


def test_a_section_that_is_wrong_is_told() -> None:
    with pytest.raises(Wrong, match="no address to ask"):
        Section(url="192.0.2.20/api", readings={"meals": "n"})
    with pytest.raises(Wrong, match="a user needs a password"):
        Section(url="http://192.0.2.20/api", readings={"meals": "n"}, user="admin")
    with pytest.raises(Wrong, match="needs id, or mark"):
        Section(url="http://192.0.2.20/api?{mark}", readings={"meals": "n"})
