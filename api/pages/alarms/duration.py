"""For how long a person puts something aside."""

from api.pages.alarms import text_alarms
from schema.instant import DAY, HOUR

DURATIONS = {
    HOUR: text_alarms.ONE_HOUR,
    8 * HOUR: text_alarms.EIGHT_HOURS,
    DAY: text_alarms.ONE_DAY,
    7 * DAY: text_alarms.ONE_WEEK,
}


def duration_of(chosen: str) -> int:
    """The chosen duration (us); an hour where the browser sent something else."""
    return next((duration for duration in DURATIONS if str(duration) == chosen), HOUR)
