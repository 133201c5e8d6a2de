"""A Modbus line among peers that misbehave: told to whoever asked, never a number, the next answer is not spoilt."""

import asyncio
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket

from edge.drivers.modbus_line import Line, _Decoder, place
from schema.errors import RetryLater
from tests.edge.drivers.modbus_peers import crc, peer

pytestmark = pytest.mark.anyio


def mbap(asked: bytes, pdu: bytes, *, unit: int | None = None, number: int = 0) -> bytes:
    """A TCP answer to a request, of another unit or number when told so."""
    tid = (int.from_bytes(asked[:2], "big") + number).to_bytes(2, "big")
    return tid + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes([asked[6] if unit is None else unit]) + pdu


GOOD = b"\x03\x04\x00\x01\x00\x02"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda asked: mbap(asked, GOOD, unit=8), "unit 7 did not answer in 0.1 s, the line said 00 01"),
        (lambda asked: mbap(asked, GOOD, number=1), "unit 7 did not answer"),
        (lambda asked: mbap(asked, GOOD)[:-3], "did not answer in 0.1 s, the line said 00 01 00 00 00 07 07 03 04 00$"),
        (lambda _: b"GET / HTTP/1.1\r\n\r\n", "the line said 47 45 54"),
        (lambda _: b"", "unit 7 did not answer in 0.1 s$"),
        (lambda _: None, "unit 7 did not answer"),
        (lambda asked: mbap(asked, b"\x03\x02\x00\x01"), "sent 1 registers for registers 16 to 17"),
        (lambda asked: mbap(asked, b"\x03\xf0\x00\x01"), "broken answer to registers 16 to 17"),
        (lambda asked: mbap(asked, b"\x04" + GOOD[1:]), "unit 7 sent 2 registers"),
        (lambda asked: mbap(asked, b"\x2b\x0e\x01"), "broken answer"),
        (lambda asked: mbap(asked, b"\x83"), "broken answer|did not answer"),
        (lambda asked: mbap(asked, b"\x83\x06"), "unit 7: busy to registers 16 to 17"),
        (lambda asked: mbap(asked, b"\x83\x0b"), "unit 7: gateway had no answer"),
    ],
)
async def test_a_bad_answer_is_told_and_never_a_reading(
    answer: Callable[[bytes], bytes | None], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with peer(answer) as port:
        with closing(Line(place(f"modbus+tcp://127.0.0.1:{port}"))) as line, pytest.raises(RetryLater, match=says):
            await line.ask(7, 3, 16, 2, 0.1 if "did not answer" in says or "the line said" in says else 10.0)
        await asyncio.sleep(0.01)
    assert not caplog.records, "whoever asked says it, once"


@pytest.mark.parametrize("cut", range(len(GOOD) + 7))
async def test_an_answer_in_two_pieces_is_one_answer(cut: int) -> None:
    pieces: list[bytes] = []

    def answer(asked: bytes) -> bytes:
        whole = mbap(asked, GOOD)
        pieces.append(whole[cut:])
        return whole[:cut]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(await reader.read(260)))
        await asyncio.sleep(0.005)
        writer.write(pieces.pop())
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        with closing(Line(place(f"modbus+tcp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"))) as line:
            assert await line.ask(7, 3, 16, 2, 10.0) == [1, 2]
        await asyncio.sleep(0.01)


async def test_a_cancellation_that_comes_with_the_answer_is_heard() -> None:
    class Cancelling(Line):
        """Cancels whoever asks at the very turn of the loop in which the answer arrives."""

        def _hear(self, sending: bool, data: bytes) -> bytes:
            if not sending:
                asyncio.get_running_loop().call_soon(task.cancel)
            return super()._hear(sending, data)

    async with peer(lambda asked: mbap(asked, GOOD)) as port:
        with closing(Cancelling(place(f"modbus+tcp://127.0.0.1:{port}"))) as line:
            task = asyncio.create_task(line.ask(7, 3, 16, 2, 10.0))
            with pytest.raises(asyncio.CancelledError):
                await task
        await asyncio.sleep(0.01)


async def test_a_connection_gone_mute_is_opened_again_and_nobody_is_blamed_for_it() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        mute = connections == 1
        while asked := await reader.read(260):
            if not mute:
                writer.write(mbap(asked, GOOD))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        with closing(Line(place(f"modbus+tcp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"))) as line:
            for unit in (1, 2, 3):
                with pytest.raises(RetryLater, match="did not answer in"):
                    await line.ask(unit, 3, 16, 2, 0.2)
            for unit in (4, 3):
                assert await line.ask(unit, 3, 16, 2, 10.0) == [1, 2]
        await asyncio.sleep(0.01)
    assert connections == 2


def rtu(asked: bytes, pdu: bytes = GOOD) -> bytes:
    return asked[:1] + pdu + crc(asked[:1] + pdu)


async def test_rtu_over_tcp_with_noise_a_wrong_checksum_and_another_unit() -> None:
    said: list[bytes] = []
    async with peer(lambda asked: said.pop(0) if said else rtu(asked)) as port:
        with closing(Line(place(f"modbus+rtu://127.0.0.1:{port}"))) as line:
            assert await line.ask(7, 3, 16, 2, 10.0) == [1, 2]
            whole = rtu(b"\x07")
            broken = [whole[:-1] + bytes([whole[-1] ^ 1]), rtu(b"\x08"), whole[:5], b"\xff\x00\x55" * 9]
            for unit, bad in enumerate(broken, 20):
                said.append(bad)
                with pytest.raises(RetryLater, match=r"did not answer in 0.1 s, the line said"):
                    await line.ask(unit, 3, 16, 2, 0.1)
                assert await line.ask(7, 3, 16, 2, 10.0) == [1, 2], "the next answer is not spoilt"
        await asyncio.sleep(0.01)


async def test_every_flipped_bit_of_an_rtu_answer_is_noticed() -> None:
    whole = rtu(b"\x07")
    said = [
        bytes(byte ^ (1 << bit % 8 if at == bit // 8 else 0) for at, byte in enumerate(whole))
        for bit in range(0, len(whole) * 8, 3)
    ]
    async with peer(lambda _: said.pop()) as port:
        while said:
            with closing(Line(place(f"modbus+rtu://127.0.0.1:{port}"))) as line, pytest.raises(RetryLater):
                await line.ask(7, 3, 16, 2, 0.02)
        await asyncio.sleep(0.01)


@given(frame=st.binary(max_size=60), unit=st.integers(1, 247))
def test_no_bytes_make_pymodbus_raise_where_nobody_listens(frame: bytes, unit: int) -> None:
    whole = bytes([unit]) + frame
    header = b"\0\1\0\0" + len(whole).to_bytes(2, "big")
    for framer, data in (
        (FramerSocket, whole),
        (FramerSocket, header + whole),
        (FramerRTU, frame),
        (FramerRTU, whole + crc(whole)),
    ):
        framer(_Decoder(is_server=False)).handleFrame(data, unit, 1)
