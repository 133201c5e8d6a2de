"""The demo's stories: what has gone wrong, and what was improved, in the compound that `dayuan run` shows."""

from datetime import date, timedelta

from edge.simulation.faults import Fault, Retrofit
from schema.instant import DAY, HOUR, MINUTE

BASELINE_DAYS = 28
"""No model of daily use is fitted to fewer."""


def demo_reporting(origin: date, today: date) -> date:
    """The day office A's retrofit works from: three fifths into the demo's history, a whole baseline before it."""
    return origin + timedelta(days=max(BASELINE_DAYS, (today - origin).days * 3 // 5))


def demo_retrofit(begin: int) -> Retrofit:
    """Office A's new lighting and cooling: 12 % less of all the building uses."""
    return Retrofit("office-a-elec", begin, 0.12)


def demo_faults(today: int) -> tuple[Fault, ...]:
    """The demo's stories before `today` (local midnight): three are over, the water still runs."""
    return (
        Fault("left_on", "office-b-elec", today - 2 * DAY - 5 * HOUR, today - 2 * DAY + 6 * HOUR, 38.0),
        Fault("leak", "main-water", today - 3 * DAY + 2 * HOUR, today + 2 * DAY, 0.7),
        Fault("door_open", "cold-kitchen", today - 11 * HOUR, today - 10 * HOUR + 20 * MINUTE, 13.0),
        Fault("stuck", "data-room-elec", today - DAY + 9 * HOUR, today - DAY + 15 * HOUR),
    )
