"""A gate on the real platform: what it decides, and what the gate does when it is gone, ends in the registry."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pytest
from sqlalchemy import select

from access.credential import keyed_hash
from dayuan.child import bound
from dayuan.parts import pepper
from schema.event import Event, Pass
from schema.instant import now
from store.registry.base import Registry
from store.registry.events import EventRow
from store.registry.passes import PermitRow
from store.registry.places import Device, Site
from tests.house.one_box import OneBox, one_box
from tests.house.platform import Platform, platform

pytestmark = [pytest.mark.broker, pytest.mark.influx]


class Heard(NamedTuple):
    """What the registry keeps of a card that was shown."""

    direction: str
    granted: bool
    reason: str
    decided_by: str


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path) as house:
        house.start("ingest")
        house.listening()
        house.start("api")
        until(lambda: answers(house), house, "api")
        yield house


def answers(house: Platform) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{house.port}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def until(holds: object, house: Platform, service: str, patience: float = 60) -> None:
    assert callable(holds)
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, house.said(service)
        time.sleep(0.05)


def permit(registry: Registry, key: bytes, card: str, standing: str) -> None:
    with registry.writing() as session:
        session.add(
            PermitRow(
                site="demo",
                id=card,
                credential=keyed_hash(key, card),
                subject="visitor",
                gates=["gate-1"],
                valid_from=now(),
                valid_to=None,
                schedule=None,
                max_uses=None,
                standing=standing,
                changed=now(),
            )
        )


@contextmanager
def agent(house: Platform) -> Iterator[subprocess.Popen[str]]:
    """`dayuan edge` with the gate that `dayuan gate` speaks of."""
    piece, _ = house.command("gate", "gate-1", "--site", "demo", "--building", "yard").communicate(timeout=60)
    assert piece.startswith("[[gates]]"), piece
    config = house.folder / "agent.toml"
    head = f'id = "yard-box"\nsite = "demo"\noutbox = "agent.db"\nbroker = "{house.broker.url}"\n'
    config.write_text(f"{head}{piece}budget = 5\n", encoding="utf-8")
    process = subprocess.Popen(
        bound(sys.executable, "-m", "dayuan", "edge", "--config", str(config)),
        env=house.environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said


def show(process: subprocess.Popen[str], direction: str, card: str) -> None:
    """Hold a card to the reader, and wait for the gate's answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"gate-1 {direction} {card}\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith(f"gate-1 {direction}: ")


def heard(registry: Registry) -> list[Heard]:
    with registry.reading() as session:
        rows = session.scalars(select(EventRow.body).where(EventRow.device == "gate-1").order_by(EventRow.time)).all()
    events = [msgspec.json.decode(body, type=Event) for body in rows]
    return [Heard(e.direction, e.granted, e.reason, e.decided_by) for e in events if isinstance(e, Pass)]


def test_what_a_gate_did_ends_in_the_registry_with_and_without_the_platform(house: Platform) -> None:
    registry = Registry(house.registry)
    key = pepper((house.folder / "secret").read_text().strip())
    with registry.writing() as session:
        session.add(Site(id="demo", title_zh="大院", title_en="Compound", area_m2=None, people=None))
    permit(registry, key, "good", "active")
    permit(registry, key, "gone", "revoked")

    def registered() -> bool:
        with registry.reading() as session:
            return session.get(Device, ("demo", "gate-1")) is not None

    with agent(house) as process:
        assert process.stdout is not None
        process.stdout.readline()
        until(registered, house, "ingest")
        for card in ("good", "gone", "stranger"):
            show(process, "in", card)
        house.kill("api")
        for direction, card in (("out", "good"), ("in", "gone"), ("out", "stranger"), ("in", "good")):
            show(process, direction, card)
        until(lambda: len(heard(registry)) == 7, house, "ingest")
    assert heard(registry) == [
        Heard("in", granted=True, reason="ok", decided_by="platform"),
        Heard("in", granted=False, reason="revoked", decided_by="platform"),
        Heard("in", granted=False, reason="unknown", decided_by="platform"),
        Heard("out", granted=True, reason="ok", decided_by="controller"),
        Heard("in", granted=False, reason="revoked", decided_by="controller"),
        Heard("out", granted=True, reason="unknown", decided_by="controller"),
        Heard("in", granted=True, reason="ok", decided_by="controller"),
    ]
    registry.close()
    house.stop()


def children(box: OneBox) -> list[str]:
    """The command lines of processes that were told of the box's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if str(box.folder / "var") in line]


def test_the_demo_has_a_gate_that_may_ask_and_nothing_of_it_outlives_a_killed_platform(tmp_path: Path) -> None:
    with one_box(tmp_path, simulation=True) as (box, _):
        box.environment["DAYUAN_SIMULATION__DAYS"] = "1"
        box.start()
        box.sign_in()
        box.wait(lambda: "gate-visitors" in {device["id"] for device in box.get("/sites/demo/devices")})
        time.sleep(1)  # by then it has asked for the permit list
        lines = children(box)
        assert sorted("simulate" in line for line in lines) == [False, True], lines
        assert not any("dayuan_" in line for line in lines)
        said = (box.folder / "var/simulation.log").read_text()
        assert "from the platform" not in said, said
        box.kill()
        box.wait(lambda: not children(box))
