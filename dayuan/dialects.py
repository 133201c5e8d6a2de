"""The dialects that the settings ask for: mapped JSON, and Sparkplug where we are a host."""

from dayuan.parts import Parts
from dayuan.settings import Settings
from ingest.dialects import Dialects
from ingest.mapped import MappedJson
from ingest.mappings import Mappings, load
from ingest.sparkplug import HostSettings, SparkplugHost
from schema.instant import SECOND, now


def mappings(settings: Settings) -> Mappings:
    """What the mapping files declare; Stop for the first that is wrong."""
    return load(settings.ingest.mappings, settings.org)


def sparkplug_host(parts: Parts, declared: Mappings) -> SparkplugHost | None:
    """The Sparkplug host, where one is asked for."""
    asked = parts.settings.sparkplug
    if not asked.host:
        return None
    terms = HostSettings(asked.host, round(asked.reorder_seconds * SECOND), round(asked.rebirth_seconds * SECOND))
    return SparkplugHost(declared.sparkplug, parts.registry, parts.settings.org, terms, since=now())


def dialects(parts: Parts) -> Dialects:
    """All of them."""
    declared = mappings(parts.settings)
    host = sparkplug_host(parts, declared)
    json = [MappedJson(declared.json)] if declared.json else []
    return Dialects([*json, host] if host else json, host)
