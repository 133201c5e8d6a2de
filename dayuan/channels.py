"""The channels that alarms are told to, as the settings name them."""

from pydantic import SecretStr

from analytics.alarms.notify import BUS, BUS_NAME, Channel
from dayuan.settings import AlarmChannel, Settings


def channel_names(settings: Settings) -> list[str]:
    """What a roster may call the channels."""
    return [channel.name for channel in channels(settings) if channel.url != BUS]


def channels(settings: Settings) -> list[Channel]:
    """Whom alarms are told to."""
    told = [_channel(at, channel) for at, channel in enumerate(settings.alarms.channels, 1)]
    return [*told, Channel(BUS_NAME, BUS, least="low")] if settings.alarms.bus else told


def _channel(at: int, told: SecretStr | AlarmChannel) -> Channel:
    if isinstance(told, SecretStr):
        return Channel(f"channel-{at}", told.get_secret_value())
    start, _, end = told.quiet.partition("-")
    quiet = (_minutes(start), _minutes(end)) if told.quiet else None
    return Channel(told.name, told.url.get_secret_value(), told.least, told.language, quiet)


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)
