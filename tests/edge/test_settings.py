"""A wrong agent configuration is told with its place, the reason and what to do."""

from pathlib import Path

import pytest

from edge.settings import load
from schema.errors import Stop

GOOD = """
id = "agent-1"
site = "demo"
outbox = "var/outbox.db"
broker = "mqtt://127.0.0.1:1883"

[[devices]]
id = "m-1"
kind = "electricity_meter"
building = "main"
title = ["主楼电表", "Main building meter"]

[[gates]]
device = { id = "north", kind = "gate", building = "yard", title = ["北门", "North gate"], interval = 30 }
zone = { id = "yard", anti_passback = "soft", capacity = 500 }
api = "http://127.0.0.1:8000"
token = "t"
pepper = "YSBwZXBwZXIgb2YgdGhlIGNvbXBvdW5k"
path = "gate.db"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_is_read(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))
    assert (settings.org, settings.acknowledge, settings.window) == ("dayuan", "platform", 2000)
    assert settings.outbox == tmp_path / "var/outbox.db"
    assert settings.devices[0].seconds == 15
    assert settings.gates[0].device.seconds == 30
    assert settings.gates[0].pepper == b"a pepper of the compound"
    with pytest.raises(AttributeError):
        settings.id = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('id = "agent-1"', 'id = "Agent 1"', "try 'agent-1'"),
        ('site = "demo"', 'site = "大院"', "site id '大院' must be"),
        ('id = "m-1"', 'id = "M/1"', r"try 'm-1' - at `\$.devices\[0\]`"),
        ('building = "main"', 'building = ""', "building id ''"),
        ('kind = "electricity_meter"', 'kind = "toaster"', "known are .*electricity_meter"),
        ('id = "north"', 'id = "m-1"', "more than once: m-1"),
        ('kind = "gate"', 'kind = "water_meter"', "kind 'gate'"),
        ('api = "http:', 'api = "ftp:', "must begin with http"),
        ('anti_passback = "soft"', 'anti_passback = "firm"', "anti_passback"),
        ("interval = 30", "interval = 0", "> 0"),
        ("interval = 30", 'interval = "often"', r"\$.gates\[0\].device.interval"),
        ('site = "demo"', 'site = "demo"\nsiet = "demo"', "unknown field `siet`"),
        ('site = "demo"', "", "missing required field `site`"),
        ('pepper = "YSBwZXBwZXIgb2YgdGhlIGNvbXBvdW5k"', 'pepper = "YQ=="', "the pepper has 1 bytes"),
        ("capacity = 500", 'timezone = "Mars/Olympus"', "no time zone 'Mars/Olympus'"),
        ('outbox = "var/outbox.db"', "outbox = 7", "a path in quotes"),
        ('site = "demo"', "site = demo", "is not TOML"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(Stop, match=says):
        load(written(tmp_path, GOOD.replace(old, new, 1)))


def test_a_missing_file_and_one_in_another_encoding_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="No such file"):
        load(tmp_path / "none.toml")
    path = tmp_path / "gbk.toml"
    path.write_bytes('id = "大院"'.encode("gbk"))
    with pytest.raises(Stop, match="is not TOML"):
        load(path)


METER = """
[devices.modbus]
url = "modbus+tcp://192.0.2.7"
unit = 3
map_file = "mine.toml"
"""


def test_a_device_is_read_by_the_driver_its_section_names(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD.replace("[[gates]]", f"{METER}\n[[gates]]")))
    [wired] = settings.wired
    assert (wired.device, wired.kind.name, wired.interval, wired.bus) == ("m-1", "electricity_meter", 15, "modbus")
    assert wired.section.map_file == tmp_path / "mine.toml"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[devices.modbus]", "[devices.modbuss]", r"no driver 'modbuss'; known are .*modbus.* - at `\$.devices\[0\]"),
        ("unit = 3", "unit = 300", r"\[devices.modbus\]: Expected `int` <= 255 - at `\$.unit`"),
        ("unit = 3", "unit = 3\n[devices.dlt645]", "a device has one section"),
        ("modbus+tcp:", "http:", r"write modbus\+tcp://host"),
        ("unit = 3", "units = 3", "unknown field `units`"),
    ],
)
def test_each_fault_of_a_section_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = GOOD.replace("[[gates]]", f"{METER.replace(old, new, 1)}\n[[gates]]")
    with pytest.raises(Stop, match=says):
        load(written(tmp_path, text))
