"""Charts: options for ECharts in the palette of the style sheet, one axis of site-local labels."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui

from schema.instant import to_datetime

Options = dict[str, Any]
Values = Sequence[float | None] | Sequence[tuple[int, float | None]]


def css(name: str) -> str:
    """The JavaScript that reads a colour of the style sheet; for option keys with a leading colon."""
    return f"tone('--{name}')"


def chart(options: Options, words: str, height: str = "240px") -> ui.echart:
    """A chart whose text alternative is `words`."""
    drawn = ui.echart(options).classes("chart").style(f"height:{height}")
    drawn.props["role"] = "img"
    drawn.props["aria-label"] = words
    return drawn


def timed(options: Options) -> Options:
    """The same over a time axis: x in ms of the site's own clock, see `local_ms`."""
    axis = options["xAxis"]
    kept = {"axisLine": axis["axisLine"], "axisTick": axis["axisTick"]}
    label = {":color": css("ink-3"), "fontSize": 12, "hideOverlap": True}
    label["formatter"] = {"day": "{MM}-{dd}", "month": "{yyyy}-{MM}", "hour": "{HH}:{mm}", "minute": "{HH}:{mm}"}
    return {**options, "useUTC": True, "xAxis": {"type": "time", "splitNumber": 4, "axisLabel": label, **kept}}


def local_ms(instant: int, zone: ZoneInfo) -> int:
    """An instant as the ms of a clock that shows the site's time as UTC: a browser elsewhere shows the same."""
    offset = to_datetime(instant).astimezone(zone).utcoffset()
    return instant // 1000 + int(offset.total_seconds() * 1000 if offset else 0)


def axes(labels: Sequence[str], unit: str, *, zero: bool, every: int | None = None) -> Options:
    """Grid, axes and tooltip shared by all charts; `every` thins the labels to one in so many."""
    ink = {":color": css("ink-3"), "fontSize": 12}
    interval = {"interval": every - 1} if every else {"interval": "auto", "hideOverlap": True}
    return {
        "animation": False,
        "grid": {
            "left": 12,
            "right": 16,
            "top": 30,
            "bottom": 4,
            "outerBoundsMode": "same",
            "outerBoundsContain": "all",
        },
        "textStyle": {"fontFamily": "Roboto, 'PingFang SC', 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif"},
        "tooltip": {
            "trigger": "axis",
            ":backgroundColor": css("card"),
            ":borderColor": css("line-strong"),
            "borderWidth": 1,
            "padding": [6, 10],
            "extraCssText": "box-shadow:none;border-radius:4px",
            "textStyle": {":color": css("ink"), "fontSize": 13},
            "axisPointer": {"type": "line", "lineStyle": {":color": css("line-strong"), "type": "solid"}},
            ":valueFormatter": f"v => v == null ? '—' : figure(v) + ' {unit}'",
        },
        "xAxis": {
            "type": "category",
            "data": list(labels),
            "boundaryGap": False,
            "axisLine": {"lineStyle": {":color": css("line-strong")}},
            "axisTick": {"show": False},
            "axisLabel": {**ink, **interval, "alignMinLabel": "left", "alignMaxLabel": "right"},
        },
        "yAxis": {
            "type": "value",
            "name": unit,
            "scale": not zero,
            "splitNumber": 4,
            "nameTextStyle": {**ink, "align": "left"},
            "axisLabel": {**ink, ":formatter": "v => v.toLocaleString('en', {maximumSignificantDigits: 4})"},
            "splitLine": {"lineStyle": {":color": css("line"), "width": 1}},
        },
    }


def line(name: str, values: Values, colour: str, **more: Any) -> Options:
    """A line in a colour of the style sheet; gaps stay gaps."""
    return {
        "type": "line",
        "name": name,
        "data": list(values),
        "showSymbol": False,
        "connectNulls": False,
        "lineStyle": {":color": css(colour), "width": 2},
        "itemStyle": {":color": css(colour)},
        **more,
    }


def band(name: str, low: Values, high: Values, colour: str) -> list[Options]:
    """The area between two lines; the tooltip leaves it out."""
    spread = [_above(bottom, top) for bottom, top in zip(low, high, strict=True)]
    # Else what begins below zero would not be stacked upon.
    bare = {"lineStyle": {"opacity": 0}, "tooltip": {"show": False}, "silent": True, "stack": name}
    bare["stackStrategy"] = "all"
    return [
        line(f"{name} low", low, colour, **bare),
        line(name, spread, colour, **bare, areaStyle={":color": css(colour), "opacity": 0.16}),
    ]


def _above(bottom: float | tuple[int, float | None] | None, top: float | tuple[int, float | None] | None) -> Any:
    """How far the top is above the bottom, at its place where it has one."""
    if isinstance(bottom, tuple) and isinstance(top, tuple):
        return (top[0], _above(bottom[1], top[1]))
    if isinstance(bottom, tuple) or isinstance(top, tuple) or bottom is None or top is None:
        return None
    return top - bottom


def bars(name: str, values: Values, colour: str, **more: Any) -> Options:
    """Bars in a colour of the style sheet."""
    return {
        "type": "bar",
        "name": name,
        "data": list(values),
        "barMaxWidth": 26,
        "barCategoryGap": "28%",
        "itemStyle": {":color": css(colour), "borderRadius": [2, 2, 0, 0]},
        **more,
    }
