"""What a fresh platform shows: what to do for a first reading."""

from api.pages.elements.element import box, say
from api.pages.frame.visit import Visit
from api.pages.live import text_live

_WAYS = (
    (text_live.EMPTY_SIMULATE, "dayuan simulate"),
    (text_live.EMPTY_REPLAY, "dayuan replay electricity.csv --site demo --as register --speed 3600"),
    (text_live.EMPTY_CONNECT, "dayuan/{site}/{building}/electricity_meter/{device}/readings"),
)


def draw(visit: Visit) -> None:
    """The three ways to a first reading."""
    with box("section", "panel welcome"):
        say("h1", visit.say(text_live.EMPTY_TITLE))
        say("p", visit.say(text_live.EMPTY_HINT), "hint")
        with box("ul"):
            for words, command in _WAYS:
                with box("li"):
                    say("span", visit.say(words))
                    say("code", command, "code")
        say("p", visit.say(text_live.EMPTY_WAITS), "hint")
