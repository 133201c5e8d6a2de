"""The platform as one process: it takes rubbish calmly, finds what is wrong, calls people, and hears them."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from bus.client import Client, Link
from edge.agent import Agent
from edge.settings import AgentSettings, Device
from schema.instant import MINUTE, now
from schema.reading import Reading
from schema.text import Text
from tests.house.one_box import Hook, OneBox, one_box

pytestmark = pytest.mark.broker

CABINET = Device(id="cabinet", kind="cold_chain", building="canteen", title=Text("冷藏柜", "Cabinet"), interval=60.0)


def test_rubbish_is_parked_and_an_alarm_lives_its_life(tmp_path: Path) -> None:
    with one_box(tmp_path, simulation=False) as (box, hook):
        box.start()
        box.sign_in()
        asyncio.run(throw_rubbish(box))
        box.wait(lambda: sum(box.get("/dead-letters")["counts"].values()) >= 7)
        assert set(box.get("/dead-letters")["counts"]) == {
            *("too_large", "undecodable", "implausible", "unknown_device", "bad_topic", "unknown_kind"),
        }

        refused_again(box)

        asyncio.run(told_by_the_agent(tmp_path, box, cabinet(now(), hours=30, warm=90)))
        alarm = box.wait(lambda: box.get("/sites/demo/alarms"))[0]
        assert (alarm["device"], alarm["state"]) == ("cabinet", "unacknowledged")
        said = box.wait(lambda: hook.told)[0]
        assert "冷藏柜" in said["message"] + said["title"]

        answer = box.client.post(
            f"/api/v1/alarms/{alarm['alarm']}/acknowledge", json={"comment": "门已关"}, headers={"Origin": box.address}
        )
        assert answer.status_code == 200, answer.text
        asyncio.run(told_by_the_agent(tmp_path, box, cabinet(now() + MINUTE, hours=0.1, warm=0)))
        box.wait(lambda: box.get(f"/alarms/{alarm['alarm']}")["state"] == "closed")
        told(hook, box, "关闭")
        box.stop()


def refused_again(box: OneBox) -> None:
    """Rubbish that somebody has ingest take in again is still rubbish."""
    ids = [letter["id"] for letter in box.get("/dead-letters?reason=undecodable")["letters"]]
    assert asked(box, "replay", ids) == {"asked": sorted(ids)}
    box.wait(lambda: asked(box, "outcome", ids) == {"waiting": 0, "refused": len(ids), "gone": 0})


def asked(box: OneBox, path: str, ids: list[int]) -> object:
    answer = box.client.post(f"/api/v1/dead-letters/{path}", json={"ids": ids}, headers={"Origin": box.address})
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return {name: sorted(value) if isinstance(value, list) else value for name, value in found.items()}


def told(hook: Hook, box: OneBox, word: str) -> None:
    box.wait(lambda: any(word in message["message"] + message["title"] for message in hook.told))


def cabinet(end: int, hours: float, warm: int) -> list[Reading]:
    """A cabinet at 4 degrees, but for its last `warm` minutes, when it is grave: that is told at once."""
    minutes = range(round(hours * 60))
    return [
        Reading(
            "cabinet", "temperature", end - minute * MINUTE, 19.0 if minute < warm else 4.0 + minute % 7 / 10, "Cel"
        )
        for minute in reversed(minutes)
    ]


async def told_by_the_agent(folder: Path, box: OneBox, readings: Sequence[Reading]) -> None:
    settings = AgentSettings(
        id="kitchen", site="demo", broker=f"mqtt://127.0.0.1:{box.broker}", outbox=folder / "outbox.db"
    )
    async with Agent(settings, now, os.urandom) as agent:
        agent.born(CABINET)
        agent.record(readings)
        await agent.drain(60)


async def throw_rubbish(box: OneBox) -> None:
    link = Link(url=f"mqtt://127.0.0.1:{box.broker}", client_id="vandal", clean_start=True)
    meter = "dayuan/demo/hall/electricity_meter/m1"
    async with Client(link) as client:
        await client.publish(f"{meter}/state", b'{"state":"online","title":{"zh":"a","en":"b"},"interval":60}')
        await client.publish(f"{meter}/readings", b"\x00\xff" * 50)
        await client.publish(f"{meter}/readings", b"[" + b" " * (10 << 20))
        await client.publish(f"{meter}/readings", b'[{"n":"energy","u":"kWh","v":1e99}]')
        await client.publish(f"{meter[:-1]}2/readings", b'[{"n":"energy","v":1}]')
        await client.publish(f"{meter}/state", b'{"state":"resurrected"}')
        await client.publish(
            "dayuan/demo/hall/time_machine/m1/state", b'{"state":"online","title":{"zh":"a","en":"b"},"interval":1}'
        )
        await client.publish("dayuan/demo/Hall 7/electricity_meter/m1/readings", b"[]")
