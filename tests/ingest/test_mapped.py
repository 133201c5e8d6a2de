"""Foreign JSON through the mappings we ship: captured payloads, and what is wrong with them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import Birth
from bus.senml import Pack
from ingest.dialects import Heard
from ingest.mapped import MappedJson
from ingest.mappings import load
from schema.errors import Reject, Stop
from schema.instant import MINUTE, SECOND

EXAMPLES = Path(__file__).parents[2] / "deploy/mappings"
NOW = 1_790_000_100 * SECOND
TIME = 1_790_000_000 * SECOND

ZIGBEE = {
    "battery": 91, "humidity": 45.32, "last_seen": "2026-09-21T22:13:20+08:00", "linkquality": 120,
    "pressure": 1008.4, "temperature": 22.41, "voltage": 2985,
}  # fmt: skip
PLUG = {
    "child_lock": "UNLOCK", "current": 0.45, "energy": 12.34, "last_seen": "2026-09-21T22:13:20+08:00",
    "linkquality": 80, "power": 98, "power_outage_memory": "restore", "state": "ON", "voltage": 231,
}  # fmt: skip
TASMOTA = {
    "Time": "2026-09-21T22:13:20",
    "ENERGY": {
        "TotalStartTime": "2025-01-01T00:00:00", "Total": 123.456, "Yesterday": 1.2, "Today": 0.5, "Period": 3,
        "Power": 98, "ApparentPower": 110, "ReactivePower": 50, "Factor": 0.89, "Voltage": 231, "Current": 0.476,
    },
}  # fmt: skip
SHELLY = {
    "src": "shellyplusplugs-80646fc4a1b0", "dst": "shelly/shellyplusplugs-80646fc4a1b0/events",
    "method": "NotifyStatus",
    "params": {
        "ts": 1790000000.0,
        "switch:0": {
            "id": 0, "aenergy": {"by_minute": [1624.1, 1601.7, 1622.0], "minute_ts": 1789999980, "total": 11999.388},
            "apower": 97.2, "current": 0.44, "voltage": 231.1,
        },
    },
}  # fmt: skip
GATEWAY = {
    "gw": "GW0001",
    "seq": 81,
    "data": [
        {
            "ts": str(TIME // 1000 + 1000 * at),
            "meters": [
                {
                    "sn": "202409120017",
                    "values": [{"code": "EPI", "val": f"1234{at}.50"}, {"code": "P", "val": "12.750"}],
                },
                {"sn": 202409120018, "values": [{"code": "VOL", "val": "0815"}]},
            ],
        }
        for at in range(2)
    ],
}


def dialect(*names: str) -> MappedJson:
    files = [EXAMPLES / f"{name}.toml" for name in names] or sorted(EXAMPLES.glob("*.toml"))
    return MappedJson(load(files, "dayuan").json)


def rows(heard: Heard) -> list[tuple[str, str, str | None, int, float]]:
    return [
        ("/".join(told.topic[1:5]), point, unit, time, value)
        for told in heard.told
        if isinstance(told.message, Pack)
        for point, unit, time, value in zip(
            told.message.points, told.message.units, told.message.times, told.message.values, strict=True
        )
    ]


def hear(path: str, told: Any) -> Heard:
    one = dialect()
    assert one.takes(path)
    return one.read(path, told if isinstance(told, bytes) else json.dumps(told).encode(), NOW)


AIR = "demo/office/room_sensor/office-301-air"
PRINTER = "demo/office/electricity_meter/office-printer"
BOILER = "demo/hall/electricity_meter/hall-boiler"
HEATER = "demo/gatehouse/electricity_meter/gatehouse-heater"
FOUNTAIN = "demo/office/electricity_meter/office-fountain"
ELEC, WATER = "demo/canteen/electricity_meter/canteen-elec", "demo/canteen/water_meter/canteen-water"
FREEZER = "demo/canteen/cold_chain/canteen-freezer-1"


@pytest.mark.parametrize(
    ("path", "told", "expected"),
    [
        (
            "zigbee2mqtt/0x00158d0004a1b2c3",
            ZIGBEE,
            [(AIR, "temperature", "Cel", TIME, 22.41), (AIR, "humidity", "%RH", TIME, 45.32)],
        ),
        (
            "zigbee2mqtt/printer plug",
            PLUG,
            [
                (PRINTER, "energy", "kWh", TIME, 12.34),
                (PRINTER, "power", "W", TIME, 98.0),
                (PRINTER, "voltage", "V", TIME, 231.0),
                (PRINTER, "current", "A", TIME, 0.45),
            ],
        ),
        (
            "zigbee2mqtt/freezer-1",
            {"contact": False, "temperature": -18.5, "last_seen": "2026-09-21T14:13:20.000Z"},
            [(FREEZER, "temperature", "Cel", TIME, -18.5), (FREEZER, "door", None, TIME, 1.0)],
        ),
        (
            "tele/hall-plug/SENSOR",
            TASMOTA,
            [
                (BOILER, "energy", "kWh", TIME, 123.456),
                (BOILER, "power", "W", TIME, 98.0),
                (BOILER, "voltage", "V", TIME, 231.0),
                (BOILER, "current", "A", TIME, 0.476),
                (BOILER, "power_factor", "/", TIME, 0.89),
                (BOILER, "reactive_power", "var", TIME, 50.0),
            ],
        ),
        ("shellies/shellyplug-s-7A36A2/relay/0/power", b"98.10", [(HEATER, "power", "W", NOW, 98.1)]),
        ("shellies/shellyplug-s-7A36A2/relay/0/energy", b"61290", [(HEATER, "energy", "Wh", NOW, 1021.5)]),
        (
            "shelly/shellyplusplugs-80646fc4a1b0/events/rpc",
            SHELLY,
            [
                (FOUNTAIN, "energy", "Wh", TIME, 11999.388),
                (FOUNTAIN, "power", "W", TIME, 97.2),
                (FOUNTAIN, "voltage", "V", TIME, 231.1),
                (FOUNTAIN, "current", "A", TIME, 0.44),
            ],
        ),
        (
            "energy/upload/GW0001",
            GATEWAY,
            [
                (ELEC, "energy", "kWh", TIME, 12340.5),
                (ELEC, "power", "kW", TIME, 12.75),
                (ELEC, "energy", "kWh", TIME + SECOND, 12341.5),
                (ELEC, "power", "kW", TIME + SECOND, 12.75),
                (WATER, "volume", "l", TIME, 8150.0),
                (WATER, "volume", "l", TIME + SECOND, 8150.0),
            ],
        ),
    ],
)
def test_captured_payloads_become_readings(path: str, told: Any, expected: list[Any]) -> None:
    heard = hear(path, told)
    assert heard.faults == []
    assert [row[:4] for row in rows(heard)] == [row[:4] for row in expected]
    assert [row[4] for row in rows(heard)] == pytest.approx([row[4] for row in expected])


def test_declared_devices_are_introduced_until_that_is_on_disk() -> None:
    one = dialect("tasmota")
    payload = json.dumps(TASMOTA).encode()

    def births() -> list[str]:
        one.begin()
        heard = one.read("tele/hall-plug/SENSOR", payload, NOW)
        return [told.topic.path() for told in heard.told if isinstance(told.message, Birth)]

    both = [f"dayuan/{BOILER}/state", "dayuan/demo/canteen/cold_chain/canteen-fridge/state"]
    assert births() == both
    assert births() == both
    one.commit()
    assert births() == []


@pytest.mark.parametrize(
    ("path", "told", "reason"),
    [
        ("zigbee2mqtt/stranger", ZIGBEE, "undeclared_device"),
        ("zigbee2mqtt/0x00158d0004a1b2c3", ZIGBEE | {"temperature": "warm"}, "not_a_number"),
        ("zigbee2mqtt/0x00158d0004a1b2c3", ZIGBEE | {"last_seen": None}, "no_time"),
        ("zigbee2mqtt/0x00158d0004a1b2c3", ZIGBEE | {"last_seen": 1790000000}, "bad_time"),
        ("zigbee2mqtt/0x00158d0004a1b2c3", ZIGBEE | {"last_seen": "2026-09-21T22:13:20"}, "no_timezone"),
        ("shellies/shellyplug-s-7A36A2/relay/0/power", b"overpower", "not_a_number"),
        ("energy/upload/GW0001", {"data": [{"ts": 1790000000000, "meters": [{"values": []}]}]}, "no_device"),
    ],
)
def test_what_cannot_be_read_is_one_fault_that_keeps_the_payload(path: str, told: Any, reason: str) -> None:
    payload = told if isinstance(told, bytes) else json.dumps(told).encode()
    [fault] = hear(path, told).faults
    assert (fault.reason, fault.payload) == (reason, payload)


def test_a_device_that_nobody_declared_is_parked_once_an_hour() -> None:
    one = dialect("tasmota")
    payload = json.dumps(TASMOTA).encode()
    times = [NOW, NOW + MINUTE, NOW + 59 * MINUTE, NOW + 60 * MINUTE, NOW + 61 * MINUTE]
    parked = [len(one.read("tele/stranger/SENSOR", payload, time).faults) for time in times]
    assert parked == [1, 0, 0, 1, 0]


def test_a_device_that_nobody_declared_is_parked_again_when_its_letter_was_not_written_or_is_tried_again() -> None:
    one = dialect("tasmota")
    payload = json.dumps(TASMOTA).encode()

    def parked(now: int, *, again: bool = False) -> int:
        one.begin()
        return len(one.read("tele/stranger/SENSOR", payload, now, again=again).faults)

    assert [parked(NOW), parked(NOW)] == [1, 1]
    one.commit()
    assert [parked(NOW + MINUTE), parked(NOW + MINUTE, again=True)] == [0, 1]


def test_one_bad_value_spoils_no_other() -> None:
    heard = hear("tele/hall-plug/SENSOR", TASMOTA | {"ENERGY": TASMOTA["ENERGY"] | {"Total": "?"}})  # type: ignore[operator]
    assert [row[1] for row in rows(heard)] == ["power", "voltage", "current", "power_factor", "reactive_power"]
    assert [fault.reason for fault in heard.faults] == ["not_a_number"]


def test_what_is_no_json_is_rejected_and_a_cleared_message_is_nothing() -> None:
    with pytest.raises(Reject) as caught:
        hear("tele/hall-plug/SENSOR", b"{")
    assert caught.value.reason == "undecodable"
    assert hear("tele/hall-plug/SENSOR", b"") == Heard()


@given(st.data())
def test_a_damaged_message_is_read_or_rejected(data: st.DataObject) -> None:
    path, told = data.draw(st.sampled_from([("tele/hall-plug/SENSOR", TASMOTA), ("energy/upload/x", GATEWAY)]))
    payload = bytearray(json.dumps(told).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    end = data.draw(st.integers(0, len(payload)))
    try:
        heard = dialect("tasmota", "gateway").read(path, bytes(payload[:end]), NOW)
    except Reject:
        return
    assert all(isinstance(row[4], float) for row in rows(heard))


HEAD = 'site = "demo"\n[[devices]]\nname = "a"\nid = "a1"\nbuilding = "hall"\nkind = "room_sensor"\n'
SECTION = '[[json]]\ntopic = "x/{name}"\ndevice = "{name}"\nkind = "room_sensor"\n'
POINTS = 'points = [{ path = "t", point = "temperature", unit = "Cel" }]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "not TOML"),
        ("sight = 1", "unknown field `sight`"),
        (HEAD.replace('"demo"', '"De mo"') + SECTION + POINTS, "site: 'De mo'"),
        (SECTION + POINTS, "site: ''"),
        (HEAD, "devices[0].kind: no [[json]] section"),
        (HEAD + SECTION + POINTS.replace("temperature", "temprature"), "did you mean 'temperature'?"),
        (HEAD + SECTION + POINTS.replace("Cel", "kWh"), "json[0].points[0]: wrong_unit"),
        (HEAD + SECTION + POINTS.replace('"t"', '"a["'), "is no path"),
        ((HEAD + SECTION).replace("room_sensor", "room_senser") + POINTS, "json[0].kind: there is no kind"),
        (HEAD + SECTION.replace('= "{name}"', '= "{nome}"') + POINTS, "json[0].device: '{nome}'"),
        (HEAD + SECTION.replace("x/{", "dayuan/{") + POINTS, "native topics"),
        (HEAD + SECTION.replace("x/{", "#/{") + POINTS, "no topic pattern"),
        (HEAD + SECTION + 'time = { path = "t", format = "unix" }\n' + POINTS, "none of epoch"),
        (HEAD + SECTION + 'time = { path = "t", zone = "Mars/Base" }\n' + POINTS, "no time zone 'Mars/Base'"),
        (HEAD + SECTION + 'each = "a.b"\n' + POINTS, "has to end in [*]"),
        (HEAD + SECTION + POINTS.replace(" }", ', scale = "1/0" }'), "json[0].points[0]"),
        (HEAD + HEAD.partition("\n")[2] + SECTION + POINTS, "devices[1].name: 'a' is there twice"),
        (HEAD + HEAD.partition("\n")[2].replace('"a"', '"b"') + SECTION + POINTS, "one id, one device"),
        (HEAD + 'parent = "Mains"\n' + SECTION + POINTS, "devices[0].parent: 'Mains'"),
        (HEAD + "width = 0\n" + SECTION + POINTS, "devices[0].width"),
        ('[[sparkplug]]\ngroup = "g"\nedge = "+"\nkind = "pump"\nid = "p"\n', "sparkplug[0].id"),
    ],
)
def test_a_wrong_mapping_says_where_and_why(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(Stop) as caught:
        load([file], "dayuan")
    assert str(file) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_device_of_another_file_is_declared_once(tmp_path: Path) -> None:
    files = [tmp_path / "one.toml", tmp_path / "two.toml"]
    for file in files:
        file.write_text(HEAD + SECTION.replace("x/", f"{file.stem}/") + POINTS)
    with pytest.raises(Stop, match="one id, one device"):
        load(files, "dayuan")


def test_a_mapping_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="cannot be read"):
        load([tmp_path / "none.toml"], "dayuan")
