"""A bus with one electricity and one water meter on a pseudo terminal, written from the standards and nothing of ours.

A process of its own: `bus_meter.py LINK` makes LINK point to the terminal and takes orders on standard input, each
answered with a line: `set energy 12345.67`, `set slow 0.3`, `set mute 1`, `set noise 1`, `set foreign 1`,
`set damage 1`, `set lack 02060000`, `set order 2004`, `set low_battery 1`, `set wild 923456.78` (the energy of one
answer only), `set reset`.
"""

import os
import select
import sys
import time
import tty
from collections.abc import Callable
from pathlib import Path

METER, WATER = bytes.fromhex("420001102620"), bytes.fromhex("44332211003378")
told = {"energy": "123456.78", "slow": "0", "mute": "", "noise": "", "foreign": "", "damage": "", "lack": ""}
told |= {"order": "2018", "low_battery": "", "volume": "1234.56", "wild": ""}
AT_FIRST = dict(told)


def bcd(text: str, size: int) -> bytes:
    """Decimal digits, low byte first."""
    return bytes.fromhex(text.replace(".", "").zfill(size * 2))[::-1]


def summed(body: bytes) -> bytes:
    """A body with its check sum and end."""
    return body + bytes([sum(body) % 256, 0x16])


def electricity(di: str) -> bytes | None:
    """The data of an identifier."""
    known = {
        "00010000": bcd(told["wild"] or told["energy"], 4),
        "02010100": bcd("220.4", 2),
        "02010200": bcd("221.5", 2),
        "02010300": bcd("222.6", 2),
        "0201FF00": bcd("220.4", 2) + bcd("221.5", 2) + bcd("222.6", 2),
        "02020100": bcd("5.123", 3),
        # The top bit of the highest byte is the sign: power flows back.
        "02030000": bytes.fromhex("563492"),
        "02060000": bcd("0.987", 2),
        "0400040B": b"0042-DTSD"[::-1].rjust(10, b"\0"),
    }
    told["wild"] = ""
    return None if di == told["lack"] else known.get(di)


def answer_645(request: bytes) -> bytes | None:
    """The answer to a whole frame that begins at its first 68."""
    address, control = request[1:7], request[8]
    data = bytes((byte - 0x33) % 256 for byte in request[10:-2])
    if any(got not in {0xAA, own} for got, own in zip(address, METER, strict=True)):
        return None

    def reply(code: int, out: bytes) -> bytes:
        plus = bytes((byte + 0x33) % 256 for byte in out)
        return summed(b"\x68" + METER + b"\x68" + bytes([code, len(out)]) + plus)

    if control == 0x13:
        return reply(0x93, METER)
    di = data[3::-1].hex().upper()
    tariffs = bcd("100.00", 4) + bcd("40.00", 4) + bcd("30.00", 4) + bcd("20.00", 4) + bcd("10.00", 4)
    if di == "0001FF00":
        return reply(0xB1, data[:4] + tariffs[:8]) if control == 0x11 else more(reply, data, tariffs)
    out = electricity(di)
    return reply(0xD1, b"\x02") if out is None else reply(0x91, data[:4] + out)


def more(reply: Callable[[int, bytes], bytes], data: bytes, tariffs: bytes) -> bytes:
    """Frame 1 or 2 of what follows a block's first frame."""
    at = 8 * data[4]
    last = at + 8 >= len(tariffs)
    return reply(0x92 if last else 0xB2, data[:4] + tariffs[at : at + 8] + data[4:5])


def answer_188(request: bytes) -> bytes | None:
    """The water meter's answer."""
    kind, address, control, data = request[1], request[2:9], request[9], request[11:-2]
    if kind not in {0x10, 0xAA} or address not in {WATER, b"\xaa" * 7}:
        return None
    head = b"\x68\x10" + WATER
    wanted = b"\x90\x1f" if told["order"] == "2004" else b"\x1f\x90"
    if control == 0x03 and data[:2] in {b"\x81\x0a", b"\x0a\x81"}:
        return summed(head + b"\x83\x03" + data)
    if control != 0x01 or data[:2] != wanted:
        return None
    status = bytes([0x04 if told["low_battery"] else 0, 0])
    clock = bcd("20260314092653", 7)
    out = data + bcd(told["volume"], 4) + b"\x2c" + bcd("1200.00", 4) + b"\x2c" + clock + status
    return summed(head + bytes([0x81, len(out)]) + out)


def split(heard: bytearray) -> bytes | None:
    """Cut the first whole request out of what was heard."""
    start = heard.find(0x68)
    if start < 0 or len(heard) < start + 12:
        return None
    at = start + (9 if heard[start + 7] == 0x68 else 10)
    end = at + heard[at] + 3 if len(heard) > at else len(heard) + 1
    if len(heard) < end:
        return None
    request = bytes(heard[start:end])
    del heard[:end]
    return request


def speak(bus: int, out: bytes) -> None:
    """Answer as the orders say."""
    if told["mute"]:
        return
    time.sleep(float(told["slow"]))
    if told["foreign"]:
        stranger = bytearray(out[:-2])
        stranger[1] ^= 0x01
        stranger[-1] ^= 0x10
        os.write(bus, summed(bytes(stranger)))
    if told["damage"]:
        out = out[:-3] + bytes([out[-3] ^ 0x01]) + out[-2:]
    if told["noise"]:
        out = b"\x00\x68\xff\x68\x16" + out + b"\x68\x68\x00"
    for at in range(0, len(out), 3):
        os.write(bus, out[at : at + 3])
        time.sleep(0.001)


def say(word: str) -> None:
    """Tell whoever started this."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until standard input ends."""
    bus, keep_open = os.openpty()
    tty.setraw(keep_open)
    link = Path(sys.argv[1])
    link.unlink(missing_ok=True)
    link.symlink_to(os.ttyname(keep_open))
    say("ready")
    heard = bytearray()
    while True:
        for ready in select.select([bus, 0], [], [])[0]:
            if ready == 0:
                words = os.read(0, 4096).decode().split()
                if not words:
                    return
                told[words[1]] = words[2] if len(words) > 2 else ""
                if words[1] == "reset":
                    told.update(AT_FIRST)
                say("ok")
                continue
            heard += os.read(bus, 4096)
            while request := split(heard):
                out = answer_645(request) if request[7] == 0x68 else answer_188(request)
                if out is not None:
                    speak(bus, out)


if __name__ == "__main__":
    main()
