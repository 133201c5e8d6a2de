"""A byte line over real pseudo terminals and a real gateway: noise, late answers, a bus that dies and comes back."""

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.drivers.byte_line import Gateway, Line, Serial, place
from edge.drivers.dlt645 import ask
from schema.errors import Reject, RetryLater
from tests.edge.drivers.bus_peers import Bus, bus, gateway
from tests.servers import free_port

METER = "202610010042"
ENERGY = 0x00010000


async def energy(line: Line, within: float = 10.0) -> str:
    return (await ask(line, METER, ENERGY, within)).data.hex()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    with bus(tmp_path_factory.mktemp("bus")) as found:
        yield found


@pytest.fixture
def running(lasting: Bus) -> Bus:
    lasting.tell("reset")
    return lasting


def at(running: Bus) -> Line:
    return Line(place(f"dlt645+{running.tail}"))


def test_urls() -> None:
    assert place("dlt645+tcp://192.0.2.7:4001") == Gateway("192.0.2.7", 4001)
    assert place("cjt188+serial:///dev/ttyUSB0") == Serial("/dev/ttyUSB0", 2400, "E", 1)
    assert place("x+serial:///dev/a?baud=9600&parity=N&stop=2") == Serial("/dev/a", 9600, "N", 2)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("dlt645+tcp://192.0.2.7", "no line; write dlt645.tcp://host:port"),
        ("dlt645+tcp://192.0.2.7:99999", "out of range"),
        ("dlt645+tcp://192.0.2.7:1?baud=2400", "no line"),
        ("tcp://192.0.2.7:4001", "no line"),
        ("dlt645+serial://ttyUSB0", "no line"),
        ("dlt645+serial:///dev/ttyUSB0?bauds=2400", "unknown bauds"),
        ("dlt645+serial:///dev/ttyUSB0?baud=2401", "none of 300"),
        ("dlt645+serial:///dev/ttyUSB0?parity=X", "parity is N, E or O"),
    ],
)
def test_urls_that_are_wrong(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        place(url)


def test_questions_of_many_take_turns(running: Bus) -> None:
    async def play(line: Line) -> None:
        assert await asyncio.gather(*(energy(line) for _ in range(10))) == ["78563412"] * 10
        line.close()

    asyncio.run(play(at(running)))


def test_noise_around_an_answer_and_answers_of_others_are_not_seen(running: Bus) -> None:
    async def play(running: Bus) -> None:
        line = at(running)
        running.tell("noise", "1")
        running.tell("foreign", "1")
        for _ in range(5):
            assert await energy(line) == "78563412"
        line.close()

    asyncio.run(play(running))


def test_a_late_answer_is_never_taken_for_the_next(running: Bus) -> None:
    async def play(running: Bus) -> None:
        line = at(running)
        assert await energy(line) == "78563412"
        running.tell("slow", "0.4")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await energy(line)
        # The answer to what was given up is on its way; another question must not get it.
        assert (await ask(line, METER, 0x02010100, 10.0)).data.hex() == "0422"
        line.close()

    asyncio.run(play(running))


def test_who_goes_on_being_silent_is_left_alone_and_costs_others_no_time(running: Bus) -> None:
    async def play(running: Bus) -> None:
        line = at(running)
        for _ in range(2):
            with pytest.raises(RetryLater, match="meter 000000000009"):
                await ask(line, "000000000009", ENERGY, 0.3)
        begun = time.monotonic()
        with pytest.raises(RetryLater, match="asked again in") as told:
            await ask(line, "000000000009", ENERGY, 60.0)
        assert time.monotonic() - begun < 30
        assert told.value.after > 0
        assert await energy(line) == "78563412"
        line.close()

    asyncio.run(play(running))


def test_a_bus_that_dies_and_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play(running: Bus) -> None:
        line = at(running)
        assert await energy(line) == "78563412"
        running.die()
        for _ in range(4):
            with pytest.raises(RetryLater):
                await energy(line, 0.2)
        running.start()
        running.tell("energy", "123460.00")
        deadline = time.monotonic() + 60
        while True:
            try:
                assert await energy(line, 1.0) == "00603412"
                break
            except RetryLater as error:
                assert time.monotonic() < deadline
                await asyncio.sleep(min(error.after, 0.2))
        line.close()

    caplog.set_level(logging.INFO, "edge.drivers.byte_line")
    with bus(tmp_path) as running:
        asyncio.run(play(running))
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == ["lost", "back"]


def test_a_gateway_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    async def play(running: Bus, port: int) -> None:
        line = Line(place(f"dlt645+tcp://127.0.0.1:{port}"))
        with pytest.raises(RetryLater, match=f"127.0.0.1:{port}"):
            await line.open()
        with pytest.raises(RetryLater, match="the next try is in"):
            await line.open()
        for _ in range(2):
            with gateway(running.link, port):
                deadline = time.monotonic() + 60
                while True:
                    try:
                        assert await energy(line, 1.0) == "78563412"
                        break
                    except RetryLater as error:
                        assert time.monotonic() < deadline
                        await asyncio.sleep(min(error.after, 0.2))
        line.close()

    with bus(tmp_path) as running:
        asyncio.run(play(running, free_port()))


def test_a_connection_that_nothing_comes_from_is_opened_anew() -> None:
    async def play() -> None:
        served: list[asyncio.Task[None] | None] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            mute = not served
            served.append(asyncio.current_task())
            while said := await reader.read(100):
                if not mute:
                    writer.write(said)
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            line = Line(Gateway("127.0.0.1", server.sockets[0].getsockname()[1]))
            for who in "abc":
                with pytest.raises(RetryLater, match="did not answer within"):
                    await line.ask(who, b"?", bytes, 0.05)
            assert await line.ask("d", b"!", bytes, 10.0) == b"!"
            line.close()
            await asyncio.gather(*(task for task in served if task))
            assert len(served) == 2

    asyncio.run(play())


def test_a_tty_belongs_to_one_program_and_what_is_no_tty_to_none(running: Bus, tmp_path: Path) -> None:
    async def play(running: Bus) -> None:
        first, second = at(running), at(running)
        await first.open()
        with pytest.raises(RetryLater, match="cannot be set up"):
            await second.open()
        first.close()
        plain = tmp_path / "file"
        plain.touch()
        with pytest.raises(RetryLater, match="cannot be set up"):
            await Line(Serial(str(plain))).open()

    asyncio.run(play(running))


def test_errors_of_the_taker_pass_and_leave_the_line_usable(running: Bus) -> None:
    async def play(running: Bus) -> None:
        line = at(running)
        with pytest.raises(Reject, match="no such data"):
            await ask(line, METER, 0x00020000, 10.0)
        assert await energy(line) == "78563412"
        line.close()

    asyncio.run(play(running))
