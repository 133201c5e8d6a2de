"""Heads: whatever order, duplicates and miscounts, the count is the same and never below zero."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from analytics.people.occupancy import Crossing, count, from_counters, from_events, reset_before
from schema.batch import Batch
from schema.event import Pass
from schema.instant import HOUR, MINUTE, to_micros
from schema.series import SeriesKey

ZONE = ZoneInfo("Asia/Shanghai")


def at(hour: int, minute: int = 0, day: int = 5) -> int:
    return to_micros(datetime(2026, 11, day, hour, minute, tzinfo=ZONE))


def go(id_: str, time: int, direction: str = "in", *, passed: bool = True, subject: str = "staff") -> tuple[str, Pass]:
    event = Pass(
        id=id_,
        time=time,
        direction=direction,  # type: ignore[arg-type]
        granted=True,
        passed=passed,
        reason="ok",
        decided_by="controller",
        subject=subject,  # type: ignore[arg-type]
    )
    return "gate-1", event


def heads(events: list[tuple[str, Pass]], now: int) -> tuple[int | None, int | None, int | None]:
    found = count(from_events(events), now, ZONE, ["gate-1"])
    return found.present, found.entries, found.exits


def test_in_less_out_is_present() -> None:
    assert heads([go("1", at(8)), go("2", at(9)), go("3", at(12), "out")], at(13)) == (1, 2, 1)


def test_the_night_starts_at_nobody() -> None:
    events = [go("1", at(20, day=4)), go("2", at(3)), go("3", at(8))]
    assert heads(events, at(9)) == (1, 1, 0)
    assert reset_before(at(3, 59), ZONE) == at(4, day=4)
    assert reset_before(at(4), ZONE) == at(4)


def test_a_grant_is_not_a_passage_and_a_car_is_not_a_head() -> None:
    assert heads([go("1", at(8), passed=False), go("2", at(8), subject="vehicle"), go("3", at(9))], at(10)) == (1, 1, 0)


def test_the_future_does_not_count() -> None:
    assert heads([go("1", at(8)), go("2", at(11))], at(10)) == (1, 1, 0)


def test_more_exits_than_entries_make_the_count_uncertain_not_negative() -> None:
    found = count(
        from_events([go("1", at(8), "out"), go("2", at(9), "out"), go("3", at(10))]), at(11), ZONE, ["gate-1"]
    )
    assert found.present == 1
    assert found.uncertain is not None
    assert "2" in found.uncertain.en


def test_no_gate_at_all_is_not_an_empty_compound() -> None:
    found = count([], at(11), ZONE, [])
    assert (found.present, found.entries, found.source) == (None, None, "none")


def test_the_curve_ends_at_the_present_count() -> None:
    events = [go("1", at(8, 5)), go("2", at(8, 20)), go("3", at(8, 40), "out")]
    found = count(from_events(events), at(9, 1), ZONE, ["gate-1"])
    curve = dict(found.curve)
    assert curve["2026-11-05T08:00:00+08:00"] == 1
    assert curve["2026-11-05T08:15:00+08:00"] == 2
    assert found.curve[-1] == ("2026-11-05T09:00:00+08:00", 1)
    assert found.curve[0][0] == found.since == "2026-11-05T04:00:00+08:00"


def key(point: str) -> SeriesKey:
    return SeriesKey("demo", "yard", "gate", "gate-1", point)


def test_registers_count_where_events_are_absent() -> None:
    times = [at(3, 59), at(8), at(9)]
    registers = Batch.of(
        (key("entries"), key("exits")), [0, 0, 0, 1, 1, 1], times * 2, [1000, 1010, 1015, 990, 990, 993]
    )
    found = count(from_counters(registers, at(4)), at(10), ZONE, [], ["gate-1"])
    assert (found.present, found.entries, found.exits, found.source) == (12, 15, 3, "counters")


def test_a_replaced_register_counts_nothing_at_its_reset() -> None:
    registers = Batch.of((key("entries"),), [0, 0, 0], [at(5), at(6), at(7)], [500, 0, 4])
    assert [crossing.heads for crossing in from_counters(registers, at(4))] == [4]


def test_what_a_register_counted_over_a_long_silence_is_nobodys_today() -> None:
    registers = Batch.of((key("entries"),), [0, 0], [at(8) - 72 * HOUR, at(8)], [0, 900])
    assert from_counters(registers, at(4)) == []


@given(
    st.lists(st.tuples(st.integers(0, 600), st.booleans()), max_size=60),
    st.randoms(use_true_random=False),
)
def test_order_and_duplicates_change_nothing(steps: list[tuple[int, bool]], chance: object) -> None:
    events = [
        go(str(number), at(5) + minute * MINUTE, "in" if inward else "out")
        for number, (minute, inward) in enumerate(steps)
    ]
    shaken = events + events[::2]
    chance.shuffle(shaken)  # type: ignore[attr-defined]
    once = count(from_events(events), at(20), ZONE, ["gate-1"])
    again = count(from_events(shaken), at(20), ZONE, ["gate-1"])
    assert once == again
    assert all(heads >= 0 for _, heads in once.curve)
    assert once.present is not None
    assert once.present >= (once.entries or 0) - (once.exits or 0)


def test_crossings_said_twice_are_one() -> None:
    twice = [Crossing(at(8), "gate-1", "1", 1)] * 2
    assert count(twice, at(9), ZONE, ["gate-1"]).present == 1
