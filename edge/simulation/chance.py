"""Chance: every draw of the simulation is a function of a name."""

from random import Random


def chance(*name: object) -> Random:
    """The generator that belongs to a name; the same name draws the same, in any process."""
    return Random(" ".join(map(str, name)))  # noqa: S311 - a simulation, nothing secret is drawn
