"""The worklist loses nothing, whatever is added, taken and killed in whatever order."""

import threading
from collections import defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from schema.series import SeriesKey
from store.registry import worklist
from store.registry.base import Registry
from store.registry.worklist import Unsettled, Work

KEYS = [SeriesKey("demo", "hq", "electricity_meter", f"m{number}", "energy") for number in range(3)]

STEPS = ["add", "add", "add", "take", "take one", "done", "kill"]
plans = st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(KEYS), st.integers(0, 50), st.integers(0, 9)))


def take(registry: Registry, limit: int = 1000) -> list[Work]:
    with registry.writing() as session:
        return worklist.take(session, limit)


def add(registry: Registry, *touched: tuple[SeriesKey, int, int]) -> None:
    with registry.writing() as session:
        worklist.add(session, touched)


def done(registry: Registry) -> None:
    with registry.writing() as session:
        worklist.done(session)


def restart(registry: Registry) -> None:
    with registry.writing() as session:
        worklist.give_back(session)


class Analytics:
    """What analytics holds in memory, and what of it is safe."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.held: list[Work] = []
        self.safe: dict[SeriesKey, set[int]] = defaultdict(set)

    def take(self, limit: int = 1000) -> None:
        self.held += take(self.registry, limit)

    def done(self) -> None:
        for work in self.held:
            self.safe[work.key].update(range(work.low, work.high + 1))
        done(self.registry)
        self.held = []

    def kill(self) -> None:
        self.held = []
        restart(self.registry)


@given(plans)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_nothing_added_is_ever_lost(registry: Registry, plan: list[tuple[str, SeriesKey, int, int]]) -> None:
    with registry.writing() as session:
        session.execute(delete(Unsettled))
    analytics = Analytics(registry)
    added: dict[SeriesKey, set[int]] = defaultdict(set)
    for step, key, low, length in plan:
        if step == "add":
            add(registry, (key, low, low + length))
            added[key].update(range(low, low + length + 1))
        elif step == "done":
            analytics.done()
        elif step == "kill":
            analytics.kill()
        else:
            analytics.take(1 if step == "take one" else 1000)
    analytics.kill()
    analytics.take()
    analytics.done()
    assert all(span <= analytics.safe[key] for key, span in added.items())
    with registry.reading() as session:
        assert session.scalar(select(func.count()).select_from(Unsettled)) == 0


def test_spans_of_a_series_join_and_are_taken_once(registry: Registry) -> None:
    add(registry, (KEYS[0], 10, 20), (KEYS[1], 1, 2))
    add(registry, (KEYS[0], 5, 12))
    assert sorted(take(registry)) == [Work(KEYS[0], 5, 20), Work(KEYS[1], 1, 2)]
    assert take(registry) == []
    add(registry, (KEYS[0], 30, 31))
    assert take(registry) == [Work(KEYS[0], 30, 31)]
    restart(registry)
    assert sorted(take(registry)) == [Work(KEYS[0], 5, 31), Work(KEYS[1], 1, 2)]
    done(registry)
    restart(registry)
    assert take(registry) == []


def test_what_came_while_working_is_not_done_with_the_rest(registry: Registry) -> None:
    add(registry, (KEYS[0], 1, 2))
    take(registry)
    add(registry, (KEYS[0], 8, 9))
    done(registry)
    assert take(registry) == [Work(KEYS[0], 8, 9)]


def test_adding_while_another_takes_and_gives_back_loses_nothing(registry: Registry) -> None:
    last = 300

    def ingest() -> None:
        for at in range(last + 1):
            add(registry, (KEYS[0], at, at))

    adding = threading.Thread(target=ingest)
    adding.start()
    analytics = Analytics(registry)
    rounds = 0
    while adding.is_alive() or rounds % 3:
        analytics.take()
        if rounds % 3 == 1:
            analytics.kill()
        else:
            analytics.done()
        rounds += 1
    adding.join()
    analytics.kill()
    analytics.take()
    analytics.done()
    assert set(range(last + 1)) <= analytics.safe[KEYS[0]]


def test_history_told_late_is_marked_until_it_is_worked_in(registry: Registry) -> None:
    def add_history(low: int, high: int) -> None:
        with registry.writing() as session:
            worklist.add(session, [(KEYS[0], low, high)])
            worklist.hush(session, [(KEYS[0], high)])

    add_history(1, 5)
    add_history(2, 3)
    add(registry, (KEYS[0], 8, 9))
    assert take(registry) == [Work(KEYS[0], 1, 9, quiet=5)]
    restart(registry)
    assert take(registry) == [Work(KEYS[0], 1, 9, quiet=5)]
    done(registry)
    add(registry, (KEYS[0], 10, 11))
    assert take(registry) == [Work(KEYS[0], 10, 11)]


def test_ingest_waits_while_work_is_given_back(registry: Registry) -> None:
    add(registry, (KEYS[0], 1, 2))
    take(registry)
    adding = threading.Thread(target=lambda: add(registry, (KEYS[0], 8, 9)))
    with registry.writing() as session:
        worklist.give_back(session)
        adding.start()
        adding.join(0.2)
    adding.join()
    assert take(registry) == [Work(KEYS[0], 1, 9)]
