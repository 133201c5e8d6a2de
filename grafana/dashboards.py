"""Dashboards: the compound, and each device kind by its declaration; `python -m grafana.dashboards` writes them."""

import json
from pathlib import Path

from grafana_foundation_sdk.builders import bargauge, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueColorMode, BigValueGraphMode, GraphDrawStyle
from grafana_foundation_sdk.models.dashboard import Dashboard as Model
from grafana_foundation_sdk.models.dashboard import VariableRefresh

from devices import kinds
from devices.kind import DeviceKind
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
    "m3": "m3",
    "kg": "masskg",
}


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
        .with_variable(_choice("site", 'SHOW TAG VALUES WITH KEY = "site"', _title("大院", "Site")))
    )


def _choice(name: str, query: str, label: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)  # noqa: FBT003 the SDK's own signature
        .all_value(".*")
        .multi(True)  # noqa: FBT003
    )


def _lines(query: str) -> Query:
    return Query(query).alias("$tag_device")


def _curve(title: str, unit: str, query: str, *, bars: bool = False) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(title)
        .datasource(DATASOURCE)
        .unit(UNITS.get(unit, "short"))
        .height(8)
        .span(12)
        .fill_opacity(60 if bars else 8)
        .with_target(_lines(query))
    )
    return panel.draw_style(GraphDrawStyle.BARS) if bars else panel


def select(aggregate: str, field: str, measurement: str, where: str, group: str) -> str:
    """A panel's InfluxQL, a line a device."""
    by = f'{group}, "device" fill(none)' if group else '"device"'
    return f'SELECT {aggregate}("{field}") FROM "{measurement}" WHERE {where} AND $timeFilter GROUP BY {by}'  # noqa: S608


def of_kind(kind: DeviceKind) -> Model:
    """Every point of a kind: gauges as curves, counters as what they consumed in 15 minutes."""
    board = _frame(f"dayuan-{kind.name.replace('_', '-')}", _title(*kind.title))
    board = board.with_variable(
        _choice("device", f'SHOW TAG VALUES FROM "{kind.name}" WITH KEY = "device"', _title("设备", "Device"))
    )
    for point in kind.points:
        title = _title(*point.title)
        if point.kind == "gauge":
            query = select("mean", point.name, kind.name, DEVICES, "time($__interval)")
        else:
            query = select("sum", point.name, f"{kind.name}{INTERVAL_SUFFIX}", DEVICES, "time(15m)")
        board = board.with_panel(_curve(title, point.unit, query, bars=point.kind == "counter"))
    return board.build()


def compound() -> Model:
    """What is drawn now, the hours and the total of every carrier."""
    board = _frame("dayuan-compound", _title("大院总览", "The compound"))
    for kind in kinds().values():
        drawn = kind.point(kind.demand) if kind.demand else None
        if drawn is not None:
            board = board.with_panel(
                stat.Panel()
                .title(_title(kind.title.zh + "当前", f"{kind.title.en} now"))
                .datasource(DATASOURCE)
                .unit(UNITS.get(drawn.unit, "short"))
                .color_mode(BigValueColorMode.NONE)
                .graph_mode(BigValueGraphMode.AREA)
                .height(6)
                .span(24)
                .with_target(_lines(select("last", drawn.name, kind.name, SITES, "time($__interval)")))
            )
    for kind in kinds().values():
        counter = kind.point(kind.consumption) if kind.consumption else None
        if counter is not None:
            measurement = f"{kind.name}{INTERVAL_SUFFIX}"
            hours = select("sum", counter.name, measurement, SITES, "time(1h)")
            board = board.with_panel(
                _curve(_title(kind.title.zh + "每小时", f"{kind.title.en} by hour"), counter.unit, hours, bars=True)
            ).with_panel(
                bargauge.Panel()
                .title(_title(kind.title.zh + "合计", f"{kind.title.en} in total"))
                .datasource(DATASOURCE)
                .unit(UNITS.get(counter.unit, "short"))
                .height(8)
                .span(12)
                .with_target(_lines(select("sum", counter.name, measurement, SITES, "")))
            )
    return board.build()


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
