"""Turns are whole multiples of the interval, whatever becomes of the clock."""

import asyncio

import pytest

from edge.driver import turns
from schema.instant import DAY, SECOND, now

pytestmark = pytest.mark.anyio
STEP = SECOND // 20


@pytest.mark.parametrize("shift", [365 * DAY, -365 * DAY])
async def test_a_clock_that_is_set_costs_no_more_than_a_turn(shift: int) -> None:
    moved = 0
    coming = turns(STEP / SECOND, lambda: now() + moved)
    async with asyncio.timeout(60):
        before = await anext(coming)
        moved = shift
        after = [await anext(coming) for _ in range(3)]
    assert {due % STEP for due in (before, *after)} == {0}
    assert abs(after[0] - before - shift) < 5 * SECOND
    assert after == sorted(set(after))


async def test_a_clock_set_back_by_less_than_a_turn_repeats_none() -> None:
    moved = 0
    coming = turns(STEP / SECOND, lambda: now() + moved)
    async with asyncio.timeout(60):
        before = await anext(coming)
        moved = -STEP // 2
        after = [await anext(coming) for _ in range(3)]
    assert [before, *after] == sorted({before, *after})
