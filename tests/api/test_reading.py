"""Reading the API: sites, devices, newest values, series, consumption, dead letters, health."""

import csv
import io
from typing import Any

import pytest

from schema.instant import DAY, HOUR, MINUTE, SECOND
from tests.api.stage import NOW, Stage, problem

SITE = "/api/v1/sites/demo"
SERIES = f"{SITE}/devices/main-1/points/power/series"


def get(stage: Stage, path: str, **params: Any) -> Any:
    answer = stage.client("viewer").get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_sites(stage: Stage) -> None:
    assert [site["id"] for site in get(stage, "/api/v1/sites")] == ["demo", "other"]
    assert get(stage, SITE)["title"] == {"zh": "示范大院", "en": "Demo"}
    assert "'nowhere'" in problem(stage.client("viewer").get("/api/v1/sites/nowhere"), 404)


def test_device_health(stage: Stage) -> None:
    """By silence against the expected 60 s, by what the agent said, and never for replayed history."""
    found = {device["id"]: device for device in get(stage, f"{SITE}/devices")}
    assert {name: device["health"] for name, device in found.items()} == {
        "main-1": "online",
        "main-2": "offline",
        "floor-1": "never",
        "old-1": "online",
        "water-1": "offline",
        "strange": "never",
        "gate-1": "never",
    }
    assert found["main-1"]["last_seen"] == "2026-05-04T11:59:50+08:00"
    assert [device["id"] for device in get(stage, f"{SITE}/devices", kind="water_meter")] == ["water-1"]


def test_device_points(stage: Stage) -> None:
    found = get(stage, f"{SITE}/devices/main-1")
    points = {point["name"]: point for point in found["points"]}
    assert points["power"]["unit"] == "kW"
    assert points["power"]["title"] == {"zh": "有功功率", "en": "Active power"}
    assert (points["power"]["value"], points["power"]["time"]) == (719.0, "2026-05-04T11:59:50+08:00")
    assert (points["voltage"]["value"], points["voltage"]["time"]) == (None, None)
    assert get(stage, f"{SITE}/devices/strange")["points"] == []
    problem(stage.client("viewer").get(f"{SITE}/devices/none"), 404)


def test_latest(stage: Stage) -> None:
    found = {(row["device"], row["point"]): row for row in get(stage, f"{SITE}/latest")}
    assert set(found) == {("main-1", "power"), ("main-2", "power"), ("old-1", "power")}
    assert found["main-1", "power"]["value"] == 719.0
    assert found["main-1", "power"]["quality"] == "measured"


def test_few_readings_come_as_stored(stage: Stage) -> None:
    found = get(stage, SERIES, **{"from": "2026-05-04T11:30", "to": "2026-05-04T11:31"})
    assert found["every"] is None
    assert found["time"][0] == "2026-05-04T11:30:00+08:00"
    assert found["mean"] == found["low"] == found["high"] == [540.0, 541.0, 542.0, 543.0, 544.0, 545.0]
    assert found["count"] == [1] * 6


def test_many_readings_are_down_sampled_without_losing_peaks(stage: Stage) -> None:
    """720 readings into at most 100 buckets: every reading counted once, mean and extremes those of its bucket."""
    found = get(stage, SERIES, max_points=100)
    assert len(found["time"]) <= 100
    assert sum(found["count"]) == 720
    assert (min(found["low"]), max(found["high"])) == (0.0, 719.0)
    assert found["every"] == 15 * MINUTE / SECOND
    for low, mean, high, count in zip(found["low"], found["mean"], found["high"], found["count"], strict=True):
        assert high - low == count - 1
        assert mean == pytest.approx((low + high) / 2)


def test_bucket_as_asked(stage: Stage) -> None:
    found = get(stage, SERIES, every="1h")
    assert found["every"] == 3600
    assert found["time"] == ["2026-05-04T10:00:00+08:00", "2026-05-04T11:00:00+08:00"]
    assert found["count"] == [360, 360]


def test_replayed_device_is_shown_where_its_history_is(stage: Stage) -> None:
    found = get(stage, f"{SITE}/devices/old-1/points/power/series")
    assert sum(found["count"]) == 24


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"from": "yesterday"}, "from: 'yesterday' is no ISO 8601"),
        ({"to": "2026-13-01"}, "to: '2026-13-01' is no ISO 8601"),
        ({"from": "2026-05-02", "to": "2026-05-01"}, "must be before"),
        ({"every": "often"}, "every: 'often' is no step"),
        ({"every": "0s"}, "every: '0s' is no step"),
        ({"from": "1980-01-01", "every": "1s"}, "more than 50000 buckets"),
        ({"max_points": 0}, "max_points"),
        ({"from": "0001-01-01"}, "from: '0001-01-01' is not between 1970 and 2200"),
    ],
)
def test_bad_parameters_are_explained(stage: Stage, params: dict[str, Any], why: str) -> None:
    assert why in problem(stage.client("viewer").get(SERIES, params=params), 422)


def test_parameters_take_offsets_also_unescaped(stage: Stage) -> None:
    """The same instant by the site's clock, with an offset, with the plus sign lost, and in UTC."""
    written = ("2026-05-04T11:30", "2026-05-04T11:30:00%2B08:00", "2026-05-04T11:30:00+08:00", "2026-05-04T03:30:00Z")
    client = stage.client("viewer")
    answers = [client.get(f"{SERIES}?from={text}&to=2026-05-04T11:31").json() for text in written]
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]["time"]) == 6


def test_unknown_point(stage: Stage) -> None:
    assert "no point 'colour'" in problem(
        stage.client("viewer").get(f"{SITE}/devices/main-1/points/colour/series"), 404
    )


def test_consumption_of_the_main_meters_by_day(stage: Stage) -> None:
    """Both main meters, not the sub-meter; the day so far covers half of the day."""
    books = {book["device"]: book for book in get(stage, f"{SITE}/consumption", **{"from": "2026-05-04"})}
    assert set(books) == {"main-1", "main-2"}
    assert books["main-1"]["rows"] == [
        {
            "start": "2026-05-04T00:00:00+08:00",
            "end": "2026-05-05T00:00:00+08:00",
            "value": 96.0,
            "quality": "partial",
            "covered": 0.5,
            "estimated": 0.0,
        }
    ]
    assert books["main-1"]["unit"] == "kWh"


def test_consumption_summed_says_what_is_missing(stage: Stage) -> None:
    """An hour only one of two meters speaks of is half covered; estimates stay marked."""
    params = {"period": "hour", "from": "2026-05-03T23:00", "to": "2026-05-04T02:00", "total": "true"}
    (book,) = get(stage, f"{SITE}/consumption", **params)
    assert book["devices"] == ["main-1", "main-2"]
    rows = [(row["value"], row["quality"], row["covered"], row["estimated"]) for row in book["rows"]]
    assert rows == [(4.0, "estimated", 0.5, 1.0), (10.0, "measured", 1.0, 0.0), (10.0, "measured", 1.0, 0.0)]


def test_consumption_as_csv(stage: Stage) -> None:
    for query in ({"format": "csv"}, {}):
        answer = stage.client("viewer").get(
            f"{SITE}/consumption", params={"device": "main-1", **query}, headers={"Accept": "text/csv"}
        )
        assert answer.headers["content-type"].startswith("text/csv")
        (row,) = csv.DictReader(io.StringIO(answer.text))
        assert (row["device"], row["start"], row["value"]) == ("main-1", "2026-05-04T00:00:00+08:00", "96.0")


@pytest.mark.parametrize(
    ("params", "status", "why"),
    [
        ({"device": "ghost"}, 404, "'ghost'"),
        ({"device": "main-1", "point": "voltage"}, 422, "no counter 'voltage'"),
        ({"device": "strange"}, 422, "no counter"),
        ({"device": ["main-1", "water-1"], "total": "true"}, 422, "kWh, m3"),
        ({"period": "fortnight"}, 422, "period"),
        ({"period": "15min", "from": "1990-01-01"}, 422, "200000 rows"),
    ],
)
def test_consumption_explains_what_it_cannot_do(stage: Stage, params: dict[str, Any], status: int, why: str) -> None:
    assert why in problem(stage.client("viewer").get(f"{SITE}/consumption", params=params), status)


def test_consumption_of_a_carrier_nobody_meters_is_empty(stage: Stage) -> None:
    assert get(stage, f"{SITE}/consumption", carrier="heat") == []
    assert get(stage, f"{SITE}/consumption", carrier="heat", total="true") == []


def test_dead_letters(stage: Stage) -> None:
    """Newest first, with counts; bytes that are no text as base64."""
    client = stage.client("operator")
    shelf = client.get("/api/v1/dead-letters").json()
    assert shelf["counts"] == {"undecodable": 1, "unknown_device": 1}
    assert [(letter["encoding"], letter["payload"]) for letter in shelf["letters"]] == [
        ("text", '[{"n":"x"}]'),
        ("base64", "/wA="),
    ]
    (letter,) = client.get("/api/v1/dead-letters", params={"reason": "undecodable"}).json()["letters"]
    assert letter["received"] == "2026-05-04T12:00:00+08:00"
    older = client.get("/api/v1/dead-letters", params={"before": shelf["letters"][0]["id"]}).json()["letters"]
    assert [row["id"] for row in older] == [letter["id"]]


def test_health_and_metrics(stage: Stage) -> None:
    assert stage.client().get("/healthz").text == "ok\n"
    assert stage.client("viewer").get("/readyz").json() == {"store": "ok", "registry": "ok"}
    text = stage.client("viewer").get("/metrics").text
    assert 'dayuan_dead_letters_total{reason="undecodable"} 1' in text.splitlines()


def test_ready_no_more_when_the_store_is_closed(own_stage: Stage) -> None:
    own_stage.context.store.close()
    answer = own_stage.client("viewer").get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["store"] != "ok"
    assert answer.json()["registry"] == "ok"


def test_unknown_path_is_a_problem(stage: Stage) -> None:
    problem(stage.client("viewer").get("/api/v1/nothing"), 404)


def test_the_default_day_is_the_sites(stage: Stage) -> None:
    """Without parameters the month so far, in days; the stage's clock says 4 May, noon."""
    assert NOW % DAY == 4 * HOUR
    (first, *_) = get(stage, f"{SITE}/consumption")
    assert [row["start"][:10] for row in first["rows"]] == ["2026-05-04"]
