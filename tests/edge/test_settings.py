"""A wrong agent configuration is told with its place, the reason and what to do."""

from pathlib import Path

import pytest

from edge import drivers
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
        ('id = "m-1"', 'id = "M/1"', r"agent.toml:8: devices\[0\].id: device id 'M/1' must .* try 'm-1'"),
        ('building = "main"', 'building = ""', "building id ''"),
        (
            'kind = "electricity_meter"',
            'kind = "toaster"',
            r"agent.toml:9: devices\[0\].kind: there is no device kind 'toaster'; .*known are .*electricity_meter",
        ),
        ('id = "north"', 'id = "m-1"', "more than once: m-1"),
        ('kind = "gate"', 'kind = "water_meter"', "kind 'gate'"),
        ('api = "http:', 'api = "ftp:', r":16: gates\[0\].api: 'ftp://127.0.0.1:8000' must begin with http"),
        ('anti_passback = "soft"', 'anti_passback = "firm"', "anti_passback"),
        ("interval = 30", "interval = 0", ">= 0.01"),
        (
            'broker = "mqtt://127.0.0.1:1883"',
            'broker = "mqtt://u:secret"',
            r":5: broker: broker url: it should read mqtt://host:1883 or mqtts://host:8883$",
        ),
        (
            "interval = 30",
            'interval = "often"',
            r":14: gates\[0\].device.interval: Expected float, not 'often'",
        ),
        ('site = "demo"', 'site = "demo"\nsiet = "demo"', ":4: siet: there is no key 'siet'; did you mean 'site'"),
        ('site = "demo"', "", ":1: site is missing"),
        ('pepper = "YSBwZXBwZXIgb2YgdGhlIGNvbXBvdW5k"', 'pepper = "YQ=="', "the pepper has 1 bytes"),
        ("capacity = 500", 'timezone = "Asia"', r":15: gates\[0\].zone: .*no time zone 'Asia'"),
        ("capacity = 500", 'timezone = "Mars/Olympus"', r":15: gates\[0\].zone: .*no time zone 'Mars/Olympus'"),
        ('outbox = "var/outbox.db"', "outbox = 7", "a path in quotes is wanted, not 7"),
        ('["北门", "North gate"]', '"North gate"', "title: a list is wanted: zh, en, not 'North gate'"),
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
    (tmp_path / "mine.toml").write_bytes((Path(drivers.__file__).parent / "maps/generic.toml").read_bytes())
    settings = load(written(tmp_path, GOOD.replace("[[gates]]", f"{METER}\n[[gates]]")))
    [wired] = settings.wired
    assert (wired.device, wired.kind.name, wired.interval, wired.bus) == ("m-1", "electricity_meter", 15, "modbus")
    assert wired.section.map_file.path == tmp_path / "mine.toml"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "[devices.modbus]",
            "[devices.modbuss]",
            r":14: devices\[0\].modbuss: there is no driver 'modbuss'; did you mean 'modbus'",
        ),
        ("unit = 3", "unit = 300", r":16: devices\[0\].modbus.unit: Expected int <= 255, not 300"),
        ("unit = 3", "unit = 3\n[devices.dlt645]", r":17: devices\[0\].dlt645: a device has one section"),
        ("unit = 3", "unit = {}", r"unit: Expected int, not a table$"),
        ("modbus+tcp:", "http:", r":15: devices\[0\].modbus.url: .*write modbus\+tcp://host"),
        ("unit = 3", "units = 3", r":16: devices\[0\].modbus.units: there is no key 'units'; did you mean 'unit'"),
    ],
)
def test_each_fault_of_a_section_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = GOOD.replace("[[gates]]", f"{METER.replace(old, new, 1)}\n[[gates]]")
    with pytest.raises(Stop, match=says):
        load(written(tmp_path, text))


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    meter = METER.replace('map_file = "mine.toml"', "ct = 40").replace("unit = 3", 'unit = "three"\nmap = "generik"')
    text = GOOD.replace("= 30 }", "= -1 }")
    other = '[[devices]]\nid = "m-2"\nkind = "electricity_metre"\nbuilding = "main"\ntitle = ["表", "Meter"]'
    text = text.replace("[[gates]]", f'{meter}\n[[devices]]\nid = "m-3"\nnote = 1\n{other}\n[[gates]]')
    with pytest.raises(Stop) as told:
        load(written(tmp_path, text))
    lines = str(told.value).splitlines()
    assert [line.split(":")[1] for line in lines] == ["16", "20", "20", "20", "22", "25", "29"], lines
    for says in ("unit: Expected int, not 'three'", "kind is missing", "title is missing", ">= 0.01", "did you mean"):
        assert any(says in line for line in lines), lines


def test_what_a_driver_says_of_its_devices_is_told_with_the_line_of_the_section(tmp_path: Path) -> None:
    meter = METER.replace('map_file = "mine.toml"', 'map = "schneider-pm5000"\nct = 40')
    with pytest.raises(Stop, match=r"agent.toml:14: devices\[0\].modbus: .*leave ct = 40 out"):
        load(written(tmp_path, GOOD.replace("[[gates]]", f"{meter}\n[[gates]]")))


def test_lines_are_right_behind_values_of_many_lines(tmp_path: Path) -> None:
    text = GOOD.replace(
        'title = ["主楼电表", "Main building meter"]', 'title = [\n  "主楼电表", # [[devices]]\n  "Main",\n]\nunits = 1'
    )
    with pytest.raises(Stop, match=r"agent.toml:15: devices\[0\].units: there is no key"):
        load(written(tmp_path, text))


def test_a_secret_may_stand_in_a_file_of_its_own_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "west.token").write_text("secret of the west\n")
    assert load(written(tmp_path, GOOD.replace('token = "t"', 'token = { file = "west.token" }'))).gates[0].token == (
        "secret of the west"
    )
    with pytest.raises(Stop, match=r":17: gates\[0\].token: its file cannot be read: .*No such file"):
        load(written(tmp_path, GOOD.replace('token = "t"', 'token = { file = "east.token" }')))
    with pytest.raises(Stop) as told:
        load(written(tmp_path, GOOD.replace('pepper = "', 'pepper = "!')))
    assert "pepper: " in str(told.value)
    assert "cGVyIG9m" not in str(told.value)
