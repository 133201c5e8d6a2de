"""People inside, as the gates count them."""

from analytics.people.occupancy import Heads
from api.pages.elements import curve
from api.pages.elements.element import box, say
from api.pages.elements.icon import icon
from api.pages.elements.number import figure
from api.pages.frame.visit import Visit
from api.pages.live import text_live


def draw(visit: Visit, heads: Heads) -> None:
    """The head count, today's flow, and its course over the day."""
    with box("h2", "panel-title"):
        icon("people")
        say("span", visit.say(text_live.PEOPLE))
    with box("p", "reading-value large"):
        say("span", figure(heads.present), "number")
    if heads.entries is None:
        say("p", visit.say(text_live.NO_GATE), "hint")
        return
    flow = visit.say(text_live.PEOPLE_FLOW, entries=figure(heads.entries), exits=figure(heads.exits))
    say("p", flow, "hint")
    if len(heads.curve) > 1:
        labels = [time[11:16] for time, _ in heads.curve]
        options = curve.axes(labels, "", zero=True)
        options["grid"] |= {"top": 8}
        area = {":color": curve.css("accent"), "opacity": 0.14}
        count = curve.line(visit.say(text_live.PEOPLE), [count for _, count in heads.curve], "accent", areaStyle=area)
        curve.chart({**options, "series": [{**count, "step": "end"}]}, flow, "112px")
    if heads.uncertain:
        say("p", visit.say(heads.uncertain), "hint watch")
