"""Notifications to a real webhook on this machine: retried, limited, bundled, and free of personal data."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select

from analytics.alarms import Change, acknowledge, apply, shelve
from analytics.notify import PER_MINUTE, Channel, Delivered, Sender, enqueue
from schema.errors import Stop
from schema.finding import Finding, Severity
from schema.instant import DAY, MINUTE, SECOND
from schema.series import SeriesKey
from schema.text import Text
from store.registry.alarms import Notification
from store.registry.base import Base, Registry

NOW = 1_780_243_200_000_000


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


def raised(registry: Registry, count: int, channels: list[Channel], severity: Severity = "warning") -> list[Change]:
    """So many meters raise an alarm at NOW."""
    findings = [
        Finding(
            series=SeriesKey("demo", "b1", "electricity_meter_15min", f"m{i}", "energy"),
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
        enqueue(session, changes, channels, NOW)
    return changes


def test_a_webhook_hears_of_an_alarm_once_in_both_languages(registry: Registry) -> None:
    with receiver() as (port, got):
        channels = [Channel("duty", f"json://127.0.0.1:{port}/hook")]
        raised(registry, 1, channels)
        sender = Sender(registry, channels)
        assert sender.deliver(NOW) == Delivered(1, 0, 0)
        assert sender.deliver(NOW + MINUTE) == Delivered(0, 0, 0)
        raised(registry, 1, channels)
        assert sender.deliver(NOW + MINUTE) == Delivered(0, 0, 0), "a replay tells nobody again"
    (message,) = got
    assert message["title"] == "新告警 New alarm · 用量异常：m0 / Unusual consumption: m0"
    assert message["message"].splitlines()[:2] == ["0号表高于常态", "meter 0 above normal"]
    assert "建议：" in message["message"]
    assert "cost: 16 kWh/h" in message["message"]
    assert message["type"] == "warning"


def test_a_receiver_that_was_down_hears_after_a_restart(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "analytics.notify")
    with receiver() as (port, _):
        pass
    channels = [Channel("duty", f"json://127.0.0.1:{port}/hook")]
    raised(registry, 2, channels)
    sender = Sender(registry, channels)
    assert sender.deliver(NOW) == Delivered(0, 1, 0), "one failure is enough to leave the channel alone for now"
    assert sender.deliver(NOW + SECOND) == Delivered(0, 1, 0)
    assert sender.deliver(NOW + 2 * SECOND) == Delivered(0, 0, 0), "both wait"
    assert caplog.text.count("cannot be reached") == 1
    assert str(port) not in caplog.text.replace("apprise", ""), "an address may hold a secret"
    with receiver(port) as (_, got):
        assert Sender(registry, channels).deliver(NOW + 20 * SECOND) == Delivered(0, 0, 0)
        assert sender.deliver(NOW + MINUTE) == Delivered(2, 0, 0)
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
        assert sender.deliver(NOW) == Delivered(60, 0, 0)
        assert len(got) == PER_MINUTE
        assert got[-1]["title"] == "41条告警消息 / 41 alarm messages"
        assert "and 21 more" in got[-1]["message"]
        with registry.writing() as session:
            changes = apply(session, [], NOW)
            assert changes == []
        raised_again = [finding_back(i) for i in range(3)]
        with registry.writing() as session:
            enqueue(session, apply(session, raised_again, NOW), channels, NOW + 1)
        assert sender.deliver(NOW + 30 * SECOND) == Delivered(0, 0, 0), "the minute is used up"
        assert sender.deliver(NOW + MINUTE) == Delivered(3, 0, 0)


def finding_back(i: int) -> Finding:
    return Finding(
        series=SeriesKey("demo", "b1", "electricity_meter_15min", f"m{i}", "energy"),
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
        assert Sender(registry, channels).deliver(NOW) == Delivered(1, 1, 0)
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
        assert Sender(registry, channels).deliver(NOW + 1).sent == 1
        assert "wang" not in str(got)
        assert "secret" not in str(got)
        assert "告警关闭" in got[0]["title"]


def test_an_address_nobody_knows_stops_with_the_channel_but_not_the_secret(registry: Registry) -> None:
    with pytest.raises(Stop, match="'duty'") as caught:
        Sender(registry, [Channel("duty", "carrier-pigeon://token123")])
    assert "token123" not in str(caught.value)
    assert "token123" not in repr(Channel("duty", "carrier-pigeon://token123"))
