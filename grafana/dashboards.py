"""Dashboards: the compound, and each device kind by its declaration; `python -m grafana.dashboards` writes them."""

import json
from pathlib import Path

from grafana_foundation_sdk.builders import bargauge, stat, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, QueryVariable, Row
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    SortOrder,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import Dashboard as Model
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableRefresh,
    VariableSort,
)

from devices import kinds
from devices.kind import DeviceKind, Point
from grafana.influxql import DATASOURCE, Query
from schema.series import INTERVAL_SUFFIX

FOLDER = Path(__file__).with_name("dashboards")
SITES = '"site" =~ /^$site$/'
DEVICES = f'{SITES} AND "device" =~ /^$device$/'
UNITS = {
    "kWh": "kwatth",
    "kW": "kwatt",
    "V": "volt",
    "A": "amp",
    "Cel": "celsius",
    "%RH": "humidity",
    "W/m2": "Wm2",
    "Hz": "hertz",
    "m/s": "velocityms",
    "kvar": "kvoltampreact",
    "kvarh": "suffix: kvarh",
    "kVA": "suffix: kVA",
    "h": "h",
    "MB": "decmbytes",
    "kPa": "pressurekpa",
    "ppm": "ppm",
    "m3": "m3",
    "m3/h": "suffix: m³/h",
    "kg": "masskg",
    "count": "short",
    "/": "short",
}
"""Grafana's names of our canonical units; a unit without one is shown as it is written."""


def _title(zh: str, en: str) -> str:
    return f"{zh} · {en}"


def _frame(uid: str, title: str) -> Dashboard:
    return (
        Dashboard(title)
        .uid(uid)
        .tags(["dayuan"])
        .timezone("browser")
        .time("now-24h", "now")
        .refresh("30s")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            DashboardLink(_title("各类设备", "Device kinds"))
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["dayuan"])
            .as_dropdown(True)  # noqa: FBT003 the SDK's own signature
            .include_vars(True)  # noqa: FBT003
            .keep_time(True)  # noqa: FBT003
        )
        .with_variable(_choice("site", 'SHOW TAG VALUES WITH KEY = "site"', _title("大院", "Site")))
    )


def _built(board: Dashboard) -> Model:
    """The dashboard with its panels numbered, so that a link to one stays good."""
    model = board.build()
    for number, panel in enumerate(model.panels or (), 1):
        panel.id_val = number
    return model


def _choice(name: str, query: str, label: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .include_all(True)  # noqa: FBT003 the SDK's own signature
        .all_value(".*")
        .multi(True)  # noqa: FBT003
    )


def _lines(query: str) -> Query:
    return Query(query).alias("$tag_device")


def _unit(point: Point) -> str:
    return UNITS.get(point.unit, f"suffix: {point.unit}")


def _curve(title: str, kind: DeviceKind, point: Point, query: str) -> timeseries.Panel:
    """A line a device: gauges as they run, amounts of an interval as steps; the legend sums or averages them."""
    gauge = point.kind == "gauge"
    return (
        timeseries.Panel()
        .title(title)
        .datasource(DATASOURCE)
        .unit(_unit(point))
        .interval(f"{kind.interval:g}s" if gauge else "15m")
        .height(8)
        .span(12)
        .fill_opacity(8 if gauge else 20)
        .line_interpolation(LineInterpolation.LINEAR if gauge else LineInterpolation.STEP_AFTER)
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.RIGHT)
            .show_legend(True)  # noqa: FBT003
            .calcs(["lastNotNull", "mean"] if gauge else ["sum"])
            .sort_by("Mean" if gauge else "Total")
            .sort_desc(True)  # noqa: FBT003
        )
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .with_target(_lines(query))
    )


def select(aggregate: str, field: str, measurement: str, where: str, group: str) -> str:
    """A panel's InfluxQL, a line a device."""
    by = f'{group}, "device" fill(none)' if group else '"device"'
    return f'SELECT {aggregate}("{field}") FROM "{measurement}" WHERE {where} AND $timeFilter GROUP BY {by}'  # noqa: S608


def of_kind(kind: DeviceKind) -> Model:
    """Every point of a kind: gauges as curves, counters as what they consumed in 15 minutes."""
    board = _frame(f"dayuan-{kind.name.replace('_', '-')}", _title(*kind.title))
    query = f'SHOW TAG VALUES FROM "{kind.name}" WITH KEY = "device" WHERE {SITES}'
    board = board.with_variable(_choice("device", query, _title("设备", "Device")))
    for point in kind.points:
        if point.kind == "gauge":
            query = select("mean", point.name, kind.name, DEVICES, "time($__interval)")
        else:
            query = select("sum", point.name, f"{kind.name}{INTERVAL_SUFFIX}", DEVICES, "time(15m)")
        board = board.with_panel(_curve(_title(*point.title), kind, point, query))
    return _built(board)


def compound() -> Model:
    """A row for each kind that books a carrier: what is drawn now, the hours, and the total of every meter."""
    board = _frame("dayuan-compound", _title("大院总览", "The compound"))
    for kind in kinds().values():
        counter = kind.point(kind.consumption) if kind.consumption else None
        if counter is None:
            continue
        board = board.with_row(Row(_title(*kind.title)))
        if drawn := kind.point(kind.demand) if kind.demand else None:
            board = board.with_panel(_now(kind, drawn))
        measurement = f"{kind.name}{INTERVAL_SUFFIX}"
        hours = select("sum", counter.name, measurement, SITES, "time(1h)")
        board = board.with_panel(_curve(_title("每小时", "By hour"), kind, counter, hours).span(16)).with_panel(
            bargauge.Panel()
            .title(_title("合计", "In total"))
            .datasource(DATASOURCE)
            .unit(_unit(counter))
            .orientation(VizOrientation.HORIZONTAL)
            .display_mode(BarGaugeDisplayMode.BASIC)
            .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
            .min(0)
            .height(8)
            .span(8)
            .with_target(_lines(select("sum", counter.name, measurement, SITES, "")))
        )
    return _built(board)


def _now(kind: DeviceKind, drawn: Point) -> stat.Panel:
    return (
        stat.Panel()
        .title(_title(f"当前{drawn.title.zh}", f"{drawn.title.en} now"))
        .datasource(DATASOURCE)
        .unit(_unit(drawn))
        .interval(f"{kind.interval:g}s")
        .color_mode(BigValueColorMode.NONE)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .height(5)
        .span(24)
        .with_target(_lines(select("mean", drawn.name, kind.name, SITES, "time($__interval)")))
    )


def files() -> dict[Path, str]:
    """What every dashboard file must hold."""
    boards = [compound(), *(of_kind(kind) for kind in kinds().values())]
    return {
        FOLDER / f"{str(board.uid).removeprefix('dayuan-')}.json": json.dumps(
            board, cls=JSONEncoder, indent=1, ensure_ascii=False
        )
        + "\n"
        for board in boards
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
