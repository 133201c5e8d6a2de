"""Settings: one TOML file, each value also an environment variable (`DAYUAN_WEB__PORT=8080`), all with defaults."""

import os
import tomllib
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from ingest.share import Part
from schema.errors import Stop


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Broker(_Section):
    """Where messages travel; without `url` a Mosquitto of our own is started on `port`."""

    url: str = ""
    port: int = Field(default=11883, ge=1, le=65535)


class Web(_Section):
    """Where people look."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    https: bool = Field(default=False, description="cookies only over HTTPS, for a server behind a TLS proxy")
    public: str = Field(default="", pattern="^(https?://[^ ]+)?$", description="where phones reach it, for links")


class Ingest(_Section):
    """What ingest takes in; `client` names its session with the broker."""

    client: str = "dayuan-ingest"
    part: str = Field(default="1/1", description="which of several ingest processes this is, such as 2/3")
    past_days: float = Field(default=92, gt=0, description="older time stamps are parked, but for replays")
    ahead_minutes: float = Field(default=10, gt=0, description="time stamps further ahead are parked")
    mappings: list[Path] = Field(default=[], description="files that say what foreign payloads are here")

    @field_validator("part")
    @classmethod
    def _is_part(cls, text: str) -> str:
        Part.parse(text)
        return text


class Sparkplug(_Section):
    """Sparkplug B: edge nodes are taken in where `host` is set."""

    host: str = Field(default="", pattern=r"^[^+#/]*$", description="our id as (primary) host application")
    reorder_seconds: float = Field(default=2, ge=0, description="how long a message out of order is waited for")
    rebirth_seconds: float = Field(default=30, ge=1, description="time before a rebirth is asked for again, doubling")


class AlarmChannel(_Section):
    """A channel with a name for the roster; in its `quiet` hours of the site's day (`22:00-07:00`) little goes out."""

    name: str = Field(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")
    url: SecretStr
    least: Literal["low", "medium", "high"] = "medium"
    language: Literal["both", "zh", "en"] = "both"
    quiet: str = Field(default="", pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")


class Alarms(_Section):
    """Whom alarms are told to: apprise addresses, such as `json://127.0.0.1:9000/hook` or `dingtalk://token`."""

    channels: list[SecretStr | AlarmChannel] = []
    bus: bool = Field(default=True, description="alarms also go out on the broker, as JSON for machines")


class Simulation(_Section):
    """The simulated compound that `dayuan run` shows until real devices are there."""

    enabled: bool = True
    site: str = "demo"
    days: int = Field(default=63, ge=1, le=400, description="history made at the first start")
    interval: float = Field(default=5, ge=0.2, description="seconds between live readings")
    seed: int = 7


class Settings(BaseSettings):
    """Everything a person can set; an unknown name is an error."""

    model_config = SettingsConfigDict(
        env_prefix="DAYUAN_", env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    data: Path = Field(default=Path("var"), description="folder of everything the platform writes")
    org: str = Field(default="dayuan", pattern="^[a-z0-9][a-z0-9_-]{0,63}$")
    timezone: str = Field(default="Asia/Shanghai", description="of sites that are first heard of in a message")
    store: str = Field(default="", description="time series: duckdb:///path, influxdb://host:8086/db, ...")
    registry: str = Field(default="", description="registry database: sqlite:///path, postgresql+psycopg://...")
    secret: SecretStr = Field(
        default=SecretStr(""), description="signs sessions and keys credentials; else made and kept in the data folder"
    )
    broker: Broker = Broker()
    web: Web = Web()
    ingest: Ingest = Ingest()
    sparkplug: Sparkplug = Sparkplug()
    alarms: Alarms = Alarms()
    simulation: Simulation = Simulation()

    @field_validator("timezone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone {zone!r}; give one like Asia/Shanghai") from None
        return zone

    @property
    def store_url(self) -> str:
        """The time-series store: as set, or DuckDB in the data folder."""
        return self.store or f"duckdb:///{(self.data / 'readings.duckdb').absolute()}"

    @property
    def registry_url(self) -> str:
        """The registry database: as set, or SQLite in the data folder."""
        return self.registry or f"sqlite:///{(self.data / 'registry.db').absolute()}"

    @property
    def broker_url(self) -> str:
        """The broker: as set, or our own."""
        return self.broker.url or f"mqtt://127.0.0.1:{self.broker.port}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 pydantic passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())

    @classmethod
    def load(cls) -> Self:
        """The settings in force; Stop with the name, the reason and the file of each that is wrong."""
        file = config_file()
        if os.environ.get("DAYUAN_CONFIG") and not file.is_file():
            raise Stop(f"DAYUAN_CONFIG names {file}, which is not there")
        try:
            return cls()
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Stop(f"{file} is not TOML: {error}") from error
        except OSError as error:
            raise Stop(f"{file} cannot be read: {error.strerror}") from error
        except SettingsError as error:
            raise Stop(
                f'settings (DAYUAN_... in the environment): {error}; lists are JSON, such as ["a", "b"]'
            ) from error
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, item['loc']))}: {_said(item)}" for item in error.errors())
            raise Stop(f"settings ({file} or DAYUAN_... in the environment): {faults}") from error


def _said(fault: ErrorDetails) -> str:
    return (
        "there is no such setting" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
    )


def config_file() -> Path:
    """The settings file: $DAYUAN_CONFIG, or dayuan.toml in the current folder."""
    return Path(os.environ.get("DAYUAN_CONFIG", "dayuan.toml"))
