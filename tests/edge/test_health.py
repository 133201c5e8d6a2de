"""Device health: a failure that lasts is told once with its reason, and once when it is over."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bus.messages import Birth, Trouble, decode_state
from bus.senml import decode
from edge.agent import Agent
from edge.driver import Ear, hear, poll
from edge.drivers.left_out import LeftOut
from edge.ear import Heard
from edge.health import Disturbed, Health
from edge.marks import Marks
from edge.settings import AgentSettings, Device
from edge.vitals import Vitals
from schema.errors import Reject, RetryLater
from schema.instant import now
from schema.reading import Reading
from schema.text import Text
from schema.trouble import TROUBLES, saying
from tests.broker import mosquitto
from tests.edge.drivers.hearing import Kept
from tests.edge.stand import Platform

METER = Device(id="m-1", kind="electricity_meter", building="a", title=Text("电表", "Meter"))


def told() -> tuple[Health, list[str | None]]:
    said: list[str | None] = []
    return Health("m-1", lambda trouble: said.append(None if trouble is None else trouble.reason)), said


def test_one_lost_frame_is_nobodys_business_and_what_lasts_is_told_once() -> None:
    health, said = told()
    health.failed(RetryLater("no answer"))
    health.well()
    assert not said
    for _ in range(5):
        health.failed(RetryLater("no answer"))
    assert said == ["silent"]
    health.well()
    assert said == ["silent"]
    health.well()
    health.well()
    assert said == ["silent", None]
    assert health.failures == 6


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "silent"),
        (Disturbed("the line said 00 ff"), "strange"),
        (Reject("modbus_refused"), "refused"),
        (Reject("unsteady", "energy read 1, then 9"), "unsteady"),
        (Reject("implausible"), "implausible"),
        (Reject("clock"), "clock"),
        (Reject("bad_digits"), "not_understood"),
        (KeyError("a driver's own mistake"), "not_understood"),
    ],
)
def test_each_failure_has_its_reason_which_people_can_read(error: Exception, reason: str) -> None:
    health, said = told()
    health.failed(error)
    health.failed(error)
    assert said == [reason]
    assert saying(reason) == TROUBLES[reason]


def test_a_failure_that_is_another_one_every_turn_is_told_once() -> None:
    health, said = told()
    for _ in range(4):
        health.failed(RetryLater("no answer"))
        health.failed(Disturbed("the line said 00 ff"))
    assert said == ["strange"]
    health.failed(RetryLater("no answer"))
    health.failed(RetryLater("no answer"))
    assert said == ["strange", "silent"]


def test_points_in_doubt_are_trouble_and_points_a_meter_does_not_have_are_none() -> None:
    health, said = told()
    left_out = LeftOut("m-1")
    left_out.add("voltage_c", Reject("not_fitted"))
    for _ in range(3):
        health.well(left_out.why)
    assert not said
    left_out.add("energy", Reject("unsteady", "energy read 1, then 9"))
    for _ in range(3):
        health.well(left_out.why)
    assert said == ["unsteady"]


def test_what_the_disk_did_not_take_is_told_a_turn_later() -> None:
    full = [True]
    said: list[object] = []

    def tell(trouble: Trouble | None) -> None:
        if full:
            raise RetryLater("disk: full")
        said.append(trouble)

    health = Health("m-1", tell)
    for _ in range(3):
        health.failed(TimeoutError())
    full.clear()
    health.failed(TimeoutError())
    assert said == [Trouble("silent", "TimeoutError")]


@pytest.mark.anyio
async def test_a_device_whose_driver_fails_is_in_trouble_and_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    class Speaker:
        async def speak(self, ear: Ear) -> None:
            ear.well()
            raise KeyError("a driver's own mistake")

    class Listening:
        mark = ""

        def __init__(self) -> None:
            self.heard: list[str] = []

        def take(self, said: Sequence[object], mark: str | None = None) -> None:
            raise NotImplementedError

        def well(self) -> None:
            self.heard.append("well")

        def failed(self, error: Exception) -> None:
            self.heard.append(type(error).__name__)

    monkeypatch.setattr("edge.driver._ANEW", 0.0)
    ear = Listening()
    task = asyncio.create_task(hear(Speaker(), ear))
    async with asyncio.timeout(60):
        while len(ear.heard) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0)
    task.cancel()
    assert ear.heard[:4] == ["well", "KeyError"] * 2


@pytest.mark.anyio
async def test_an_agent_whose_clock_was_never_set_records_nothing() -> None:
    class Meter:
        async def read(self, now: int) -> Sequence[Reading]:
            return [Reading("m-1", "energy", now, 1.0, "kWh")]

    health, said = told()
    since = now()
    kept: list[object] = []
    task = asyncio.create_task(poll("m-1", Meter(), 0.05, kept.append, lambda: now() - since, health))
    async with asyncio.timeout(60):
        while not said:  # noqa: ASYNC110 - a list tells nobody
            await asyncio.sleep(0.02)
    task.cancel()
    assert said == ["own_clock"]
    assert not kept


def test_what_a_device_tells_an_agent_without_a_clock_is_heard_again_later(tmp_path: Path) -> None:
    kept, reading = Kept(), Reading("m-1", "energy", now(), 1.0, "kWh")
    clock = 0
    with closing(Marks(tmp_path / "o.marks", now)) as marks:
        ear = Heard(kept, "m-1", marks, "file:m-1", told()[0], lambda: clock)
        with pytest.raises(RetryLater, match="1970-01-01"):
            ear.take([reading], "a line further")
        assert (ear.mark, kept.readings) == ("", [])
        clock = now()
        ear.take([reading], "a line further")
        assert (ear.mark, kept.readings) == ("a line further", [reading])


class Sick:
    """A meter that fails, doubts or reads as told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.doubts: Mapping[str, Exception] = {}

    async def read(self, now: int) -> Sequence[Reading]:
        if self.error:
            raise self.error
        return [Reading("m-1", "energy", now, 1.0, "kWh")]


@pytest.mark.broker
@pytest.mark.anyio
async def test_the_platform_hears_of_trouble_in_the_devices_birth_and_of_the_agents_own_health(tmp_path: Path) -> None:
    sick = Sick()
    with mosquitto(tmp_path) as broker:
        settings = AgentSettings(id="agent-1", site="demo", broker=broker.url, outbox=tmp_path / "o.db")
        async with Platform(broker.url).serving() as platform, Agent(settings, now, os.urandom) as agent:
            agent.watch_itself(Vitals("agent-1", agent, tmp_path), 0.1)
            agent.born(METER)
            agent.poll("m-1", sick, 0.05)
            await heard(platform, "m-1", None)
            sick.error = Disturbed("unit 3 did not answer, the line said 02 03")
            trouble = await heard(platform, "m-1", "strange")
            assert trouble.detail == "unit 3 did not answer, the line said 02 03"
            await agent.drain(10)
            sick.error = None
            await heard(platform, "m-1", None, after="strange")
            await agent.drain(10)
    own = [
        decode(payload, "demo", "agent-1", now())
        for _, (topic, payload) in sorted(platform.payloads.items())
        if topic == "dayuan/demo/agents/agent/agent-1/readings"
    ]
    values = [dict(zip(pack.points, pack.values, strict=True)) for pack in own]
    assert max(each["troubled"] for each in values) == 1
    assert values[-1]["failures"] >= 2
    assert values[0]["memory"] > 1
    assert values[0]["disk_free"] > 0
    assert {"pending", "dropped", "oldest", "cpu"} <= values[0].keys()
    assert all(each["dropped"] == 0 for each in values)


async def heard(platform: Platform, device: str, reason: str | None, after: str | None = None) -> Trouble:
    """Wait for a birth of a device with that trouble, after one with another."""
    async with asyncio.timeout(60):
        while True:
            states = [
                state.trouble
                for _, (topic, payload) in sorted(platform.payloads.items())
                if topic.endswith(f"/{device}/state") and isinstance(state := decode_state(payload), Birth)
            ]
            reasons = [state and state.reason for state in states]
            if reasons[-1:] == [reason] and (after is None or after in reasons):
                return states[-1] or Trouble("none")
            await asyncio.sleep(0.02)


def test_a_birth_of_a_later_agent_with_more_in_it_is_taken() -> None:
    body = {"state": "online", "title": {"zh": "表", "en": "m"}, "interval": 1, "trouble": {"reason": "x", "since": 1}}
    state = decode_state(json.dumps(body).encode())
    assert isinstance(state, Birth)
    assert state.trouble == Trouble("x")
    assert saying("x").en == "Trouble: x"
