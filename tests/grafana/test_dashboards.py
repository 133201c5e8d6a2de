"""Dashboards as code: the files are what the code makes, and every query in them finds data in a real InfluxDB."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest
import yaml

from devices import kinds
from grafana.dashboards import FOLDER, UNITS, files
from grafana.influxql import DATASOURCE
from schema.batch import Batch
from schema.instant import MINUTE
from schema.quantity import CANONICAL
from schema.series import SeriesKey
from store.series import open_store
from tests.servers import influxdb

Board = dict[str, Any]
Ask = Callable[[str], list[Board]]

PROVISIONING = FOLDER.parent / "provisioning"
T0 = 1_700_006_400_000_000
HOURS = 2
BOARDS: dict[str, Board] = {path.stem: json.loads(text) for path, text in files().items()}
PANELS = [
    pytest.param(panel, id=f"{name}-{panel['id']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
VARIABLES = [
    pytest.param(variable, id=f"{name}-{variable['name']}")
    for name, board in BOARDS.items()
    for variable in board["templating"]["list"]
]


def test_the_committed_files_are_what_the_code_makes() -> None:
    assert {path: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == files()


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_dashboard_is_whole(board: Board) -> None:
    panels = board["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    assert re.fullmatch(r"dayuan-[a-z0-9-]{1,33}", board["uid"])
    assert " · " in board["title"]
    cells = [
        (grid["x"] + x, grid["y"] + y)
        for grid in (panel["gridPos"] for panel in panels)
        for x in range(grid["w"])
        for y in range(grid["h"])
    ]
    assert len(cells) == len(set(cells)), "panels overlap"
    assert max(x for x, _ in cells) < 24
    for panel in panels:
        assert " · " in panel["title"]
        if panel["type"] != "row":
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {DATASOURCE.uid}


def test_dashboards_have_addresses_of_their_own_and_every_kind_has_one() -> None:
    uids = [board["uid"] for board in BOARDS.values()]
    assert len(set(uids)) == len(uids)
    assert {uid.removeprefix("dayuan-").replace("-", "_") for uid in uids} == {*kinds(), "compound"}


def test_every_unit_of_a_device_has_a_name_grafana_knows() -> None:
    used = {point.unit for kind in kinds().values() for point in kind.points}
    assert used <= UNITS.keys()
    assert UNITS.keys() <= set(CANONICAL.values())


def test_provisioning_names_the_data_source_and_the_folder_the_dashboards_ask_for() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources/dayuan.yaml").read_text())["datasources"]
    assert (source["uid"], source["type"]) == (DATASOURCE.uid, DATASOURCE.type_val)
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards/dayuan.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    compose = yaml.safe_load((FOLDER.parent.parent / "docker-compose.yml").read_text())["services"]["grafana"]
    mounts = dict(reversed(volume.split(":")[:2]) for volume in compose["volumes"])
    assert mounts[provider["options"]["path"]] == "./grafana/dashboards"
    assert mounts["/etc/grafana/provisioning"] == "./grafana/provisioning"
    used = set(re.findall(r"\$(\w+)", (PROVISIONING / "datasources/dayuan.yaml").read_text()))
    assert used <= compose["environment"].keys()


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Asks, as one who may only read, an InfluxDB that our store filled with two hours of every point of every kind."""
    with influxdb(tmp_path_factory.mktemp("influxdb"), auth=True) as server:
        address = f"http://127.0.0.1:{server.port}/query"
        with httpx.Client(trust_env=False) as client:
            for statement in (
                "CREATE USER dayuan WITH PASSWORD 'w' WITH ALL PRIVILEGES",
                "CREATE DATABASE dayuan",
                "CREATE USER grafana WITH PASSWORD 'r'",
                "GRANT READ ON dayuan TO grafana",
            ):
                client.post(address, data={"q": statement}, auth=("dayuan", "w")).raise_for_status()
        store = open_store(f"influxdb://dayuan:w@127.0.0.1:{server.port}/dayuan")
        for key, every in series():
            times = np.arange(T0, T0 + HOURS * 60 * MINUTE, every)
            store.write(Batch.of([key], [0] * len(times), times, np.linspace(1.0, 2.0, len(times))))
        store.close()

        def query(statement: str) -> list[Board]:
            parameters = {"db": "dayuan", "epoch": "ms", "q": statement}
            answer = httpx.post(address, data=parameters, auth=("grafana", "r"), trust_env=False)
            answer.raise_for_status()
            (result,) = answer.json()["results"]
            assert "error" not in result, f"{statement}: {result['error']}"
            tables: list[Board] = result.get("series", [])
            return tables

        yield query


def series() -> Iterator[tuple[SeriesKey, int]]:
    """Two devices of every kind, with their intervals; a second site holds what must not be seen."""
    for kind in kinds().values():
        for site, device in (("demo", f"{kind.short}-1"), ("demo", f"{kind.short}-2"), ("north", "other")):
            for point in kind.points:
                key = SeriesKey(site, "hq", kind.name, device, point.name)
                yield key, MINUTE
                if point.kind == "counter":
                    yield key.intervals(), 15 * MINUTE


def filled(statement: str, site: str = "demo", device: str = ".*") -> str:
    """What Grafana makes of a statement: variables inside a regular expression, the range in ms."""
    low, high = T0 // 1000, T0 // 1000 + HOURS * 3_600_000
    for name, value in (
        ("$timeFilter", f"time >= {low}ms and time <= {high}ms"),
        ("$__interval", "1m"),
        ("$site", site),
        ("$device", device),
    ):
        statement = statement.replace(name, value)
    assert "$" not in statement.replace("$/", ""), statement
    return statement


@pytest.mark.influx
@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_shows_both_devices_of_its_site(panel: Board, ask: Ask) -> None:
    for target in panel["targets"]:
        tables = ask(filled(target["query"]))
        assert len(tables) == 2
        assert {tuple(table["tags"]) for table in tables} == {("device",)}
        assert target["alias"] == "$tag_device"
        assert "other" not in {table["tags"]["device"] for table in tables}
        for table in tables:
            assert all(1.0 <= value <= 2.0 * 60 for _, value in table["values"])
            if panel["type"] != "bargauge":
                assert len(table["values"]) > 1
                assert all(one < other for (one, _), (other, _) in pairwise(table["values"]))


@pytest.mark.influx
def test_a_chosen_device_and_several_sites_narrow_what_is_shown(ask: Ask) -> None:
    (panel, *_) = BOARDS["electricity-meter"]["panels"]
    query = panel["targets"][0]["query"]
    assert [table["tags"]["device"] for table in ask(filled(query, device="elec-1"))] == ["elec-1"]
    assert len(ask(filled(query, site="(demo|north)", device="(elec-1|other)"))) == 2


@pytest.mark.influx
@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_offers_what_is_there(variable: Board, ask: Ask) -> None:
    offered = {value for table in ask(filled(variable["query"])) for _, value in table["values"]}
    assert len(offered) == 2
    assert ("other" in offered) is False
    if variable["name"] == "site":
        assert offered == {"demo", "north"}


@pytest.mark.influx
def test_a_panel_over_a_point_that_does_not_exist_would_be_seen(ask: Ask) -> None:
    panel = BOARDS["electricity-meter"]["panels"][1]
    assert ask(filled(panel["targets"][0]["query"].replace('"power"', '"pwoer"'))) == []
