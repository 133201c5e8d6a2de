"""The panels of the live page, each drawn again only when its part of the overview changed."""

from nicegui.elements.mixins.text_element import TextElement

from analytics.live.board import (
    Alarms,
    Canteen,
    CarrierBooks,
    ContractSavings,
    Devices,
    PowerNow,
    PowerToday,
    TargetTrack,
)
from analytics.people.occupancy import Heads
from api.pages import text
from api.pages.alarms import foremost
from api.pages.alarms.foremost import Line
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import moment, second
from api.pages.elements.pane import Pane
from api.pages.frame.visit import Visit
from api.pages.live import canteen, figure_card, health, people, power, savings, target_list, text_live
from api.pages.live.watch import Sight
from schema.text import Text

_CANTEEN = {"canteen_terminal", "plate_scale", "cold_chain"}


class Board:
    """The panels, inside the present container; those a site has nothing for stay away."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._number: TextElement | None = None
        with box("div", "page-head"):
            say("h1", visit.say(Text(visit.site.title_zh, visit.site.title_en)) if visit.site else "")
            self._as_of = say("span", "", "aside pulse")
        self._notice = Pane(box("div"), self._draw_notice)
        with box("div", "live"):
            with box("section", "panel hero", aria_label=visit.say(text_live.POWER_NOW)):
                self._now = Pane(box("div", "hero-now"), self._draw_now)
                self._curve = Pane(box("div", "hero-curve"), self._draw_curve)
            self._carriers = Pane(box("div", "carriers"), self._draw_carriers)
            self._alarms = Pane(box("section", "panel alarms"), self._draw_alarms)
            self._people = Pane(box("section", "panel people"), self._draw_people)
            self._canteen = Pane(box("section", "panel canteen"), self._draw_canteen)
            self._savings = Pane(box("section", "panel savings"), self._draw_savings)
            self._health = Pane(box("section", "panel health"), self._draw_health)
            self._targets = Pane(box("div", "others"), self._draw_targets)

    def show(self, sight: Sight) -> None:
        """Bring every panel up to date."""
        seen, zone = sight.overview, self._visit.zone
        shown = moment(sight.at, zone) if sight.history else second(sight.at, zone)
        self._as_of.set_text(self._visit.say(text_live.AS_OF if sight.history else text_live.UPDATED, when=shown))
        self._as_of.classes(remove="still")
        self._notice.show(self._visit.say(text_live.HISTORY_SHOWN, when=shown) if sight.history else "")
        self._now.show((seen.power, seen.power_today, seen.now[:16], sight.history))
        self._curve.show(seen.power_today)
        self._carriers.show(seen.carriers)
        self._alarms.show((seen.alarms, sight.alarms))
        kinds = {device.kind for device in sight.devices}
        if "gate" in kinds:
            self._people.show(seen.heads)
        if kinds & _CANTEEN:
            self._canteen.show(seen.canteen)
        if seen.contracts:
            self._savings.show(seen.contracts)
        self._health.show((seen.devices, seen.now[:10]))
        on_cards = {books.target.id for books in seen.carriers if books.target}
        self._targets.show([target for target in seen.targets if target.id not in on_cards])

    def unreachable(self) -> None:
        """Say that what is shown is no longer followed."""
        self._as_of.classes(add="still")
        self._notice.show(self._visit.say(text.STORE_AWAY))

    def power(self, kw: float | None) -> None:
        """Show power between two overviews."""
        if self._number is not None:
            self._number.set_text(power.kilowatts(kw))

    def _draw_now(self, part: tuple[PowerNow, PowerToday, str, bool]) -> None:
        self._number = power.draw_now(self._visit, *part)

    def _draw_curve(self, part: PowerToday) -> None:
        power.draw_curve(self._visit, part)

    def _draw_carriers(self, part: list[CarrierBooks]) -> None:
        for books in part:
            figure_card.draw(self._visit, books)

    def _draw_alarms(self, part: tuple[Alarms, list[Line]]) -> None:
        foremost.draw_open(self._visit, *part)

    def _draw_people(self, part: Heads) -> None:
        people.draw(self._visit, part)

    def _draw_canteen(self, part: Canteen) -> None:
        canteen.draw(self._visit, part)

    def _draw_savings(self, part: list[ContractSavings]) -> None:
        savings.draw(self._visit, part)

    def _draw_health(self, part: tuple[Devices, str]) -> None:
        health.draw(self._visit, *part)

    def _draw_targets(self, part: list[TargetTrack]) -> None:
        target_list.draw(self._visit, part)

    def _draw_notice(self, words: str) -> None:
        if words:
            with box("p", "note", role="status"):
                icon("info")
                say("span", words)
