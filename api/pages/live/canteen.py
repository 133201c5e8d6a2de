"""The canteen today: meals, waste per plate, clean plates, and the cold chain."""

from analytics.live.board import Canteen
from analytics.people.canteen import Cabinet
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import DASH, figure, percent
from api.pages.frame.visit import Visit
from api.pages.live import text_live


def draw(visit: Visit, canteen: Canteen) -> None:
    """Meals by window and the cabinets."""
    with box("h2", "panel-title"):
        icon("canteen")
        say("span", visit.say(text_live.CANTEEN))
    with box("div", "triple"):
        _figure(visit.say(text_live.MEALS_TODAY), figure(canteen.meals if canteen.windows else None), "")
        _figure(
            visit.say(text_live.WASTE_PER_MEAL), figure(canteen.waste_g, 0), "g" if canteen.waste_g is not None else ""
        )
        _figure(visit.say(text_live.CLEAN_PLATES), percent(canteen.clean_share), "")
    if canteen.windows:
        with box("table", "rows"), box("tbody"):
            for window in canteen.windows:
                with box("tr"):
                    say("th", visit.say(window.title), scope="row")
                    say("td", figure(window.meals), "number")
                    waste = DASH if window.waste_g is None else f"{figure(window.waste_g, 0)} g"
                    say("td", waste if window.plates else visit.say(text_live.NO_PLATES), "number")
                    say("td", percent(window.clean_share), "number")
    else:
        say("p", visit.say(text_live.NO_MEALS), "hint")
    if canteen.lunches_tomorrow is not None:
        with box("p", "hint"):
            say("span", f"{visit.say(text_live.LUNCH_TOMORROW)} ")
            say("strong", figure(canteen.lunches_tomorrow))
            say("span", f" · {visit.say(canteen.tomorrow)}")
    else:
        say("p", visit.say(canteen.tomorrow), "hint")
    with box("h3", "sub-title"):
        icon("cold")
        say("span", visit.say(text_live.COLD_CHAIN))
    if not canteen.cabinets:
        say("p", visit.say(text_live.NO_CABINET), "hint")
    with box("ul", "cabinets"):
        for cabinet in canteen.cabinets:
            _cabinet(visit, cabinet)


def _cabinet(visit: Visit, cabinet: Cabinet) -> None:
    shown = None if cabinet.state == "silent" else cabinet.temperature
    with box("li"):
        site = visit.site.id if visit.site else ""
        say("a", visit.say(cabinet.title), "name", href=f"/devices/{site}/{cabinet.device}")
        say("span", f"{figure(shown, 1)} °C" if shown is not None else DASH, "number")
        tone.chip(visit, tone.COLD[cabinet.state])


def _figure(title: str, value: str, unit: str) -> None:
    with box("div", "reading"):
        say("span", title, "reading-title")
        with box("span", "reading-value"):
            say("span", value, "number")
            say("span", unit, "unit")
