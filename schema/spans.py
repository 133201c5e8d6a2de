"""Sets of numbers as spans [first, last]: a stream that arrives in any order is a few of them."""

from collections.abc import Iterable, Sequence

Span = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """The numbers of any of the spans: sorted, touching and overlapping ones joined, empty ones left out."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if first > last:
            continue
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def minus(spans: Iterable[Span], taken: Sequence[Span]) -> list[Span]:
    """What is left of the spans, in their order, without the numbers `taken` (a union)."""
    left: list[Span] = []
    for first, last in spans:
        begin = first
        for low, high in taken:
            if low > last:
                break
            if high >= begin:
                if low > begin:
                    left.append((begin, low - 1))
                begin = high + 1
        if begin <= last:
            left.append((begin, last))
    return left


def count(spans: Iterable[Span]) -> int:
    """How many numbers disjoint spans hold."""
    return sum(last - first + 1 for first, last in spans)
