"""Spans behave as the sets of numbers they stand for."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from schema.spans import Span, count, minus, union

spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)).map(lambda at: (at[0], at[0] + at[1] - 1)))


def numbers(spans: list[Span]) -> set[int]:
    return {number for first, last in spans for number in range(first, last + 1)}


@given(spans)
def test_a_union_holds_the_same_numbers_in_the_fewest_spans(given: list[Span]) -> None:
    joined = union(given)
    assert numbers(joined) == numbers(given)
    assert count(joined) == len(numbers(given))
    assert all(early[1] + 1 < late[0] for early, late in pairwise(joined))


@given(spans, spans)
def test_minus_leaves_what_is_not_taken(given: list[Span], taken: list[Span]) -> None:
    left = minus(given, union(taken))
    assert numbers(left) == numbers(given) - numbers(taken)
    assert all(first <= last for first, last in left)
