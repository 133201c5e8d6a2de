"""What the platform stands on is said in a line when it is not sound, and never half made."""

import os
from pathlib import Path

import pytest

from dayuan.parts import make_folder, opened, secret
from dayuan.settings import Settings
from schema.errors import Stop


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DAYUAN_")]:
        monkeypatch.delenv(name)
    return Settings(data=tmp_path)


def test_a_secret_is_made_once_and_kept_to_its_owner(settings: Settings) -> None:
    made = secret(settings)
    assert len(made) == 64
    assert secret(settings) == made
    assert [file.name for file in settings.data.iterdir()] == ["secret"]
    assert (settings.data / "secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("left", ["", "abc\n"], ids=["empty", "short"])
def test_a_secret_that_is_not_whole_signs_nothing(settings: Settings, left: str) -> None:
    (settings.data / "secret").write_text(left)
    with pytest.raises(Stop, match="is damaged"):
        secret(settings)


def test_a_damaged_registry_stops_in_one_line(settings: Settings) -> None:
    (settings.data / "registry.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Stop, match="put a backup in its place"), opened(settings):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Stop, match="may not write"):
        make_folder(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"org = ["], ids=["no text", "cut off"])
def test_a_settings_file_that_is_none_is_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    file = settings.data / "wrong.toml"
    file.write_bytes(content)
    monkeypatch.setenv("DAYUAN_CONFIG", str(file))
    with pytest.raises(Stop, match="is not TOML"):
        Settings.load()
