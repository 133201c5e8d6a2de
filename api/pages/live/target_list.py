"""Targets that are not on a carrier's card: intensities per area or person, and yearly totals."""

from analytics.live.board import TargetTrack
from api.pages.elements import tone
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.unit import unit as written
from api.pages.frame.visit import Visit
from api.pages.live import text_live
from api.pages.live.figure_card import ruler

_BASES = {"total": text_live.TOTAL_BASIS, "area": text_live.AREA_BASIS, "people": text_live.PEOPLE_BASIS}


def draw(visit: Visit, targets: list[TargetTrack]) -> None:
    """One ruler a target; nothing where there is none."""
    if not targets:
        return
    with box("section", "panel", aria_label=visit.say(text_live.TARGETS)):
        with box("h2", "panel-title"):
            icon("target")
            say("span", visit.say(text_live.TARGETS))
        with box("div", "target-list"):
            for target in targets:
                with box("article", f"carrier {target.carrier}"):
                    with box("div", "panel-head"):
                        with box("h3", "sub-title"):
                            say("span", visit.say(target.title))
                            say("span", f"{visit.say(_BASES[target.basis])} · {written(target.unit)}", "hint")
                        tone.chip(visit, tone.TARGET[target.status])
                    ruler(visit, target)
                    say("p", visit.say(target.why), "hint")
