"""Notifications to a real webhook on this machine: retried, limited, bundled, and free of personal data."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select

from analytics.alarms.ack_link import VALID, AckLinks
from analytics.alarms.acts import acknowledge, shelve
from analytics.alarms.clock import tick
from analytics.alarms.deliver import PER_MINUTE, Delivered, Sender
from analytics.alarms.lifecycle import Change, apply
from analytics.alarms.notify import BUS, BUS_NAME, GROUP_WAIT, Channel, enqueue
from analytics.alarms.roster import ESCALATION
from schema.errors import Reject, Stop
from schema.finding import Finding, Severity
from schema.instant import DAY, HOUR, MINUTE, SECOND
from schema.series import SeriesKey
from schema.text import Text
from store.registry.alarms import Notification
from store.registry.base import Base, Registry
from store.registry.places import Device, Site
from store.registry.roster import Duty

NOW = 1_780_243_200_000_000
"""2026-06-01 00:00 in China, a Monday."""
SOON = NOW + GROUP_WAIT


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    Base.metadata.create_all(registry.engine)
    yield registry
    registry.close()


@contextmanager
def receiver(port: int = 0) -> Iterator[tuple[int, list[dict[str, str]]]]:
    """A webhook: its port and what it got."""
    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def raised(
    registry: Registry,
    count: int,
    channels: list[Channel],
    severity: Severity = "warning",
    building: str = "b{}",
    links: AckLinks | None = None,
) -> list[Change]:
    """So many meters, each in a building of its own unless said, raise an alarm at NOW; it is due at SOON."""
    findings = [
        Finding(
            series=SeriesKey("demo", building.format(i), "electricity_meter_15min", f"m{i}", "energy"),
            rule="seasonal",
            begin=NOW - MINUTE,
            end=NOW,
            observed=9.0,
            expected=5.0,
            low=4.0,
            high=6.0,
            unit="kWh",
            severity=severity,
            confidence=0.8,
            reason=Text(f"{i}号表高于常态", f"meter {i} above normal"),
            cost_kwh_per_hour=16.0,
        )
        for i in range(count)
    ]
    with registry.writing() as session:
        changes = apply(session, findings, NOW)
        enqueue(session, changes, channels, NOW, links)
    return changes


def test_a_webhook_hears_of_an_alarm_once_in_both_languages(registry: Registry) -> None:
    with receiver() as (port, got):
        channels = [Channel("duty", f"json://127.0.0.1:{port}/hook")]
        raised(registry, 1, channels)
        sender = Sender(registry, channels)
        assert sender.deliver(SOON) == Delivered(1, 0, 0)
        assert sender.deliver(SOON + MINUTE) == Delivered(0, 0, 0)
        raised(registry, 1, channels)
        assert sender.deliver(SOON + MINUTE) == Delivered(0, 0, 0), "a replay tells nobody again"
    (message,) = got
    assert message["title"] == "新告警：用量异常：m0 · New alarm: Unusual consumption: m0"
    assert message["message"].splitlines()[:2] == ["0号表高于常态", "meter 0 above normal"]
    assert "建议：" in message["message"]
    assert "Cost: 16 kWh/h" in message["message"]
    assert message["type"] == "warning"


def test_a_receiver_that_was_down_hears_after_a_restart(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "analytics.alarms.deliver")
    with receiver() as (port, _):
        pass
    channels = [Channel("duty", f"json://127.0.0.1:{port}/hook")]
    raised(registry, 2, channels)
    sender = Sender(registry, channels)
    assert sender.deliver(SOON) == Delivered(0, 1, 0), "one failure is enough to leave the channel alone for now"
    assert sender.deliver(SOON + SECOND) == Delivered(0, 1, 0)
    assert sender.deliver(SOON + 2 * SECOND) == Delivered(0, 0, 0), "both wait"
    assert caplog.text.count("cannot be reached") == 1
    assert str(port) not in caplog.text.replace("apprise", ""), "an address may hold a secret"
    with receiver(port) as (_, got):
        assert Sender(registry, channels).deliver(SOON + 20 * SECOND) == Delivered(0, 0, 0)
        assert sender.deliver(SOON + MINUTE) == Delivered(2, 0, 0)
        assert caplog.text.count("reached again") == 1
        assert len(got) == 2


def test_a_day_old_message_is_given_up_and_marked(registry: Registry) -> None:
    with receiver() as (port, _):
        pass
    channels = [Channel("duty", f"json://127.0.0.1:{port}/hook")]
    raised(registry, 1, channels)
    assert Sender(registry, channels).deliver(NOW + DAY) == Delivered(0, 0, 1)
    assert Sender(registry, channels).deliver(NOW + 2 * DAY) == Delivered(0, 0, 0)
    with registry.reading() as session:
        assert list(session.scalars(select(Notification.state))) == ["failed"]


def test_a_flood_is_cut_to_the_rate_with_the_rest_in_one_digest(registry: Registry) -> None:
    with receiver() as (port, got):
        channels = [Channel("duty", f"json://127.0.0.1:{port}/hook")]
        raised(registry, 60, channels)
        sender = Sender(registry, channels)
        assert sender.deliver(SOON) == Delivered(60, 0, 0)
        assert len(got) == PER_MINUTE
        assert got[-1]["title"] == "41条告警消息 / 41 alarm messages"
        assert "and 21 more" in got[-1]["message"]
        with registry.writing() as session:
            changes = apply(session, [], NOW)
            assert changes == []
        raised_again = [finding_back(i) for i in range(3)]
        with registry.writing() as session:
            enqueue(session, apply(session, raised_again, NOW), channels, NOW + 1)
        assert sender.deliver(SOON + 40 * SECOND) == Delivered(0, 0, 0), "the minute is used up"
        assert sender.deliver(SOON + MINUTE) == Delivered(3, 0, 0)


def finding_back(i: int) -> Finding:
    return Finding(
        series=SeriesKey("demo", f"b{i}", "electricity_meter_15min", f"m{i}", "energy"),
        rule="seasonal",
        begin=NOW - MINUTE,
        end=NOW + SECOND,
        observed=5.0,
        expected=5.0,
        low=4.0,
        high=6.0,
        unit="kWh",
        severity="warning",
        confidence=0.8,
        reason=Text("已恢复常态", "back to normal"),
        active=False,
    )


def test_channels_take_what_matters_to_them_and_a_dead_one_holds_up_no_other(registry: Registry) -> None:
    with receiver() as (dead, _):
        pass
    with receiver() as (port, got):
        channels = [
            Channel("dead", f"json://127.0.0.1:{dead}/hook"),
            Channel("duty", f"json://127.0.0.1:{port}/hook"),
            Channel("chief", f"json://127.0.0.1:{port}/hook", "high"),
        ]
        raised(registry, 1, channels)
        assert Sender(registry, channels).deliver(SOON) == Delivered(1, 1, 0)
        assert len(got) == 1


def test_shelved_alarms_tell_nobody_and_comments_stay_inside(registry: Registry) -> None:
    with receiver() as (port, got):
        channels = [Channel("duty", f"json://127.0.0.1:{port}/hook")]
        first, second = raised(registry, 2, [])
        with registry.writing() as session:
            shelve(session, first.alarm.id, NOW + DAY, "wang", "secret", NOW)
            acknowledge(session, second.alarm.id, "wang", "secret", NOW)
        with registry.writing() as session:
            assert enqueue(session, apply(session, [finding_back(0), finding_back(1)], NOW + 1), channels, NOW + 1) == 1
        assert Sender(registry, channels).deliver(SOON + 1).sent == 1
        assert "wang" not in str(got)
        assert "secret" not in str(got)
        assert "告警关闭" in got[0]["title"]


def test_an_address_nobody_knows_stops_with_the_channel_but_not_the_secret(registry: Registry) -> None:
    with pytest.raises(Stop, match="'duty'") as caught:
        Sender(registry, [Channel("duty", "carrier-pigeon://token123")])
    assert "token123" not in str(caught.value)
    assert "token123" not in repr(Channel("duty", "carrier-pigeon://token123"))


def told(registry: Registry, channels: list[Channel], now: int) -> int:
    """The messages that go out at an instant."""
    return Sender(registry, channels).deliver(now).sent


def test_alarms_of_one_kind_in_one_building_are_one_message(registry: Registry) -> None:
    with receiver() as (port, got):
        channels = [Channel("duty", f"json://127.0.0.1:{port}/hook")]
        raised(registry, 12, channels, building="b1")
        assert told(registry, channels, NOW) == 0, "it waits for others of its kind"
        assert told(registry, channels, SOON) == 12
    (message,) = got
    assert message["title"].endswith("(+11)")
    assert message["message"].count("\n") == 11


def test_what_is_silenced_before_it_goes_out_is_withdrawn(registry: Registry) -> None:
    with receiver() as (port, got):
        channels = [Channel("duty", f"json://127.0.0.1:{port}/hook")]
        (change,) = raised(registry, 1, channels)
        with registry.writing() as session:
            shelve(session, change.alarm.id, NOW + DAY, "wang", "works", NOW)
        assert told(registry, channels, SOON) == 0
    assert got == []
    with registry.reading() as session:
        assert list(session.scalars(select(Notification.state))) == ["withdrawn"]


def test_quiet_hours_hold_back_all_but_what_is_grave(registry: Registry) -> None:
    with receiver() as (port, got):
        night = Channel("duty", f"json://127.0.0.1:{port}/hook", quiet=(22 * 60, 7 * 60))
        raised(registry, 1, [night])
        assert told(registry, [night], NOW + 6 * HOUR) == 0
        assert told(registry, [night], NOW + 7 * HOUR) == 1
        raised(registry, 2, [night], severity="critical", building="z{}")
        assert told(registry, [night], NOW) == 1, "the other meter's alarm was open, and is worse now: no quiet for it"
    assert len(got) == 2


def test_a_channel_speaks_the_language_it_was_set_to(registry: Registry) -> None:
    with receiver() as (port, got):
        address = f"json://127.0.0.1:{port}/hook"
        raised(registry, 1, [Channel("zh", address, language="zh"), Channel("en", address, language="en")])
        assert told(registry, [Channel("zh", address), Channel("en", address)], SOON) == 2
    assert [message["title"] for message in got] == ["新告警：用量异常：m0", "New alarm: Unusual consumption: m0"]
    assert "meter 0" not in got[0]["message"]
    assert "0号表" not in got[1]["message"]


def on_shift(registry: Registry, tier: int, channel: str, days: str = "1111111", start: int = 0, end: int = 0) -> None:
    with registry.writing() as session:
        session.add(Duty(site="demo", tier=tier, channel=channel, days=days, start=start, end=end))


def test_the_roster_says_who_hears_and_who_next(registry: Registry) -> None:
    with receiver() as (day, by_day), receiver() as (night, by_night), receiver() as (chief, by_chief):
        channels = [
            Channel("day", f"json://127.0.0.1:{day}/hook"),
            Channel("night", f"json://127.0.0.1:{night}/hook"),
            Channel("chief", f"json://127.0.0.1:{chief}/hook"),
        ]
        on_shift(registry, 1, "day", "1111100", 8 * 60, 18 * 60)
        on_shift(registry, 1, "night", "1111111", 18 * 60, 8 * 60)
        on_shift(registry, 2, "chief")
        raised(registry, 1, channels, severity="critical")
        assert told(registry, channels, NOW) == 1
        later = NOW + ESCALATION["high"][0]
        with registry.writing() as session:
            enqueue(session, tick(session, later), channels, later)
        assert told(registry, channels, later) == 1
        assert (len(by_day), len(by_night), len(by_chief)) == (0, 1, 1)
        assert by_chief[0]["title"].startswith("告警无人确认")


def test_a_link_acknowledges_one_alarm_for_a_week(registry: Registry) -> None:
    links = AckLinks("secret", "https://compound.example/")
    with receiver() as (port, got):
        channels = [Channel("duty", f"json://127.0.0.1:{port}/hook")]
        (change,) = raised(registry, 1, channels, links=links)
        assert told(registry, channels, SOON) == 1
    address = got[0]["message"].splitlines()[-1]
    assert address.startswith("https://compound.example/a/")
    token = address.rpartition("/")[2]
    assert links.read(token, NOW + VALID) == (change.alarm.id, "duty")
    with pytest.raises(Reject, match="old_link"):
        links.read(token, NOW + VALID + SECOND)
    for wrong in (token[:-1] + "?", "", "é"):
        with pytest.raises(Reject, match="bad_link"):
            links.read(wrong, NOW)
    with pytest.raises(Reject, match="bad_link"):
        AckLinks("another", "").read(token, NOW)


def test_machines_hear_on_the_broker_and_are_tried_again(registry: Registry) -> None:
    published: list[tuple[str, bytes]] = []
    raised(registry, 2, [Channel("bus", BUS, "low")])
    away = Sender(registry, [Channel("bus", BUS, "low")], lambda _address, _payload: False)
    assert away.deliver(NOW) == Delivered(0, 1, 0)

    def publish(address: str, payload: bytes) -> bool:
        published.append((address, payload))
        return True

    assert Sender(registry, [Channel("bus", BUS, "low")], publish).deliver(NOW + MINUTE).sent == 2
    by_address = dict(published)
    assert set(by_address) == {f"demo/b{i}/electricity_meter_15min/m{i}" for i in range(2)}
    body = json.loads(by_address["demo/b0/electricity_meter_15min/m0"])
    assert (body["effect"], body["phase"], body["rule"], body["observed"]) == (
        "opened",
        "unacknowledged",
        "seasonal",
        9.0,
    )


def test_a_digest_leads_to_the_list(registry: Registry) -> None:
    links = AckLinks("secret", "https://compound.example/")
    with receiver() as (port, got):
        channels = [Channel("duty", f"json://127.0.0.1:{port}/hook", language="zh")]
        raised(registry, 22, channels, severity="critical", links=links)
        assert told(registry, channels, NOW) == 22
    assert len(got) == 20
    assert got[-1]["message"].splitlines()[-1] == "https://compound.example/alarms"


def test_what_took_over_is_told_to_machines_alone(registry: Registry) -> None:
    """People were called for the same meter and have not looked yet."""
    channels = [Channel("duty", "json://127.0.0.1:9/hook"), Channel(BUS_NAME, BUS, least="low")]
    with registry.writing() as session:
        session.add(Site(id="demo", title_zh="院", title_en="Demo", timezone="Asia/Shanghai"))
        session.flush()
        meter = Device(site="demo", id="m0", building="b0", kind="electricity_meter", title_zh="0", title_en="0")
        meter.interval, meter.state_since = 15.0, 0
        session.add(meter)
    changes = []
    for rule in ("vacancy", "base_load"):
        finding = Finding(
            series=SeriesKey("demo", "b0", "electricity_meter_15min", "m0", "energy"),
            rule=rule,
            begin=NOW - HOUR,
            end=NOW,
            observed=9.0,
            expected=5.0,
            low=4.0,
            high=6.0,
            unit="kWh",
            severity="warning",
            confidence=0.9,
            reason=Text("过高", "too high"),
        )
        with registry.writing() as session:
            found = apply(session, [finding], NOW)
            changes += [change.effect for change in found]
            enqueue(session, found, channels, NOW)
    assert changes == ["opened", "took_over"]
    with registry.reading() as session:
        told_of = session.execute(select(Notification.alarm, Notification.channel).order_by(Notification.id)).all()
    assert [tuple(row) for row in told_of] == [(1, "bus"), (1, "duty"), (2, "bus")]
