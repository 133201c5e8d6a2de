"""For how long a person puts something aside."""

from api.pages import text
from schema.instant import DAY, HOUR

DURATIONS = {HOUR: text.ONE_HOUR, 8 * HOUR: text.EIGHT_HOURS, DAY: text.ONE_DAY, 7 * DAY: text.ONE_WEEK}


def duration_of(chosen: str) -> int:
    """The chosen duration (us); an hour where the browser sent something else."""
    return next((duration for duration in DURATIONS if str(duration) == chosen), HOUR)
