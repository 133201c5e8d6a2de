"""Power now, and today's load against a typical day."""

from nicegui.elements.mixins.text_element import TextElement

from analytics.live.board import PowerNow, PowerToday
from api.pages.elements import curve
from api.pages.elements.element import box, say
from api.pages.elements.number import change, figure
from api.pages.frame.visit import Visit
from api.pages.live import text_live

_DAY = [f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in (0, 15, 30, 45)]


def draw_now(visit: Visit, power: PowerNow, today: PowerToday, now: str, history: bool) -> TextElement:
    """The big number, why it is missing or partial, and how it compares; answers the element of the number.

    Replayed registers have no power of their own: history shows the mean of its last known quarter of an hour.
    """
    last = next((point for point in reversed(today.today) if point.kw is not None), None)
    settled = last if history and power.kw is None else None
    shown = settled.kw if settled else power.kw
    usual = _at(today, settled.time if settled else now)
    say("h2", visit.say(text_live.POWER_NOW), "panel-title")
    with box("p", "hero-figure"):
        number = say("span", kilowatts(shown), "hero-number")
        say("span", "kW", "unit")
    shift = change(shown, usual)
    if shift is not None:
        with box("p", "hero-compare"):
            say("strong", shift)
            say("span", visit.say(text_live.AGAINST_TYPICAL, day=visit.say(today.day_type)))
            say("span", f"{figure(usual)} kW", "quiet-figure")
    elif shown is not None:
        say("p", visit.say(text_live.NO_TYPICAL), "hint")
    if settled:
        say("p", visit.say(text_live.SETTLED_POWER, time=settled.time[11:16]), "hint")
    else:
        _reporting(visit, power)
    return number


def draw_curve(visit: Visit, today: PowerToday) -> None:
    """Today's curve over the typical one, with the same in words."""
    with box("div", "panel-head"):
        say("h2", visit.say(text_live.CURVE_TITLE), "panel-title")
        with box("p", "legend"):
            say("span", visit.say(text_live.TODAY_LINE), "key solid")
            if today.typical:
                say("span", visit.say(text_live.TYPICAL_LINE, day=visit.say(today.day_type)), "key dashed")
    known = [(point.kw, point.time[11:16]) for point in today.today if point.kw is not None]
    if not known and not today.typical:
        say("p", visit.say(text_live.CURVE_EMPTY), "nothing")
        return
    words = visit.say(text_live.CURVE_EMPTY)
    if known:
        (peak, peak_time), (base, base_time) = max(known), min(known)
        words = visit.say(
            text_live.CURVE_TEXT, peak=figure(peak), peak_time=peak_time, base=figure(base), base_time=base_time
        )
    curve.chart(_options(visit, today), words, "100%").classes("hero-chart")
    say("p", words, "hint")


def kilowatts(value: float | None) -> str:
    """Power as the big number shows it, the same number of digits from one reading to the next."""
    return figure(value, 1 if abs(value or 0.0) < 1000 else 0)


def _options(visit: Visit, today: PowerToday) -> curve.Options:
    measured = {point.time[11:16]: point.kw for point in today.today}
    usual = {point.time[11:16]: point.kw for point in today.typical}
    options = curve.axes(_DAY, "kW", zero=True, every=12)
    typical = curve.line(
        visit.say(text_live.TYPICAL_LINE, day=visit.say(today.day_type)),
        [usual.get(slot) for slot in _DAY],
        "ink-3",
        areaStyle={":color": curve.css("line-strong"), "opacity": 0.13},
        z=1,
    )
    typical["lineStyle"] |= {"width": 1.5, "type": [4, 4]}
    load = curve.line(visit.say(text_live.TODAY_LINE), [measured.get(slot) for slot in _DAY], "electricity", z=3)
    load["lineStyle"]["width"] = 2.5
    last = max((slot for slot in _DAY if measured.get(slot) is not None), default=None)
    if last is not None:
        load["markPoint"] = {
            "symbol": "circle",
            "symbolSize": 9,
            "silent": True,
            "label": {"show": False},
            "data": [{"coord": [last, measured[last]]}],
        }
    return {**options, "series": [typical, load]}


def _at(today: PowerToday, now: str) -> float | None:
    """Typical power in the quarter of an hour of `now`."""
    slot = f"{now[11:13]}:{int(now[14:16]) // 15 * 15:02d}"
    return next((point.kw for point in today.typical if point.time[11:16] == slot), None)


def _reporting(visit: Visit, power: PowerNow) -> None:
    if not power.expected:
        words = visit.say(text_live.NO_MAIN_METER)
    elif power.kw is None:
        words = visit.say(text_live.POWER_MISSING)
    else:
        words = visit.say(text_live.METERS_FRESH, fresh=power.fresh, expected=power.expected)
    say("p", words, "hint")
    if power.missing and power.kw is not None:
        say("p", visit.say(text_live.PARTIAL_POWER, devices=", ".join(power.missing[:4])), "hint watch")
