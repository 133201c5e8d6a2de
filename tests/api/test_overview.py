"""The overview and its parts: the same figures, in both languages, null where nothing is known."""

from tests.api.stage import Stage

SITE = "/api/v1/sites/demo"


def test_overview_and_its_parts(stage: Stage) -> None:
    client = stage.client("viewer")
    whole = client.get(f"{SITE}/overview").json()
    assert whole["site"]["title"] == {"zh": "示范大院", "en": "Demo"}
    assert whole["power"]["kw"] == 719.0
    assert whole["power"]["missing"] == ["main-2"]
    electricity = next(carrier for carrier in whole["carriers"] if carrier["carrier"] == "electricity")
    assert electricity["today"] == 120.0
    for part, name in (
        ("targets", "targets"),
        ("contracts", "contracts"),
        ("canteen", "canteen"),
        ("occupancy", "heads"),
    ):
        assert client.get(f"{SITE}/{part}").json() == whole[name]
