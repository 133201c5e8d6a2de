"""People inside, as the gates count them."""

from analytics.people.occupancy import Heads
from api.pages import curve, text
from api.pages.element import box, say
from api.pages.icon import icon
from api.pages.number import figure
from api.pages.visit import Visit


def draw(visit: Visit, heads: Heads) -> None:
    """The head count, today's flow, and its course over the day."""
    with box("h2", "panel-title"):
        icon("people")
        say("span", visit.say(text.PEOPLE))
    with box("p", "reading-value large"):
        say("span", figure(heads.present), "number")
    if heads.entries is None:
        say("p", visit.say(text.NO_GATE), "hint")
        return
    flow = visit.say(text.PEOPLE_FLOW, entries=figure(heads.entries), exits=figure(heads.exits))
    say("p", flow, "hint")
    if len(heads.curve) > 1:
        labels = [time[11:16] for time, _ in heads.curve]
        options = curve.axes(labels, "", zero=True)
        options["grid"] |= {"top": 8}
        area = {":color": curve.css("accent"), "opacity": 0.14}
        count = curve.line(visit.say(text.PEOPLE), [count for _, count in heads.curve], "accent", areaStyle=area)
        curve.chart({**options, "series": [{**count, "step": "end"}]}, flow, "112px")
    if heads.uncertain:
        say("p", visit.say(heads.uncertain), "hint watch")
