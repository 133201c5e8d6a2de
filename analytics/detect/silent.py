"""Silence: a device that sent nothing for longer than it should, by the clock."""

from collections.abc import Sequence
from typing import NamedTuple

from analytics.detect.core import Context, Rule
from schema.finding import Evidence, Finding
from schema.instant import MINUTE, SECOND
from schema.series import SeriesKey
from schema.text import Text

MISSED = 3
"""Expected intervals without a reading after which a device is silent."""
AT_LEAST = MINUTE
"""Shorter silences are the network's."""

RULE = Rule(
    "silent",
    Text("设备失联", "Device silent"),
    Text("检查设备供电、通信线路与网关。", "Check the device's supply, its line and its gateway."),
)


class Watch(NamedTuple):
    """A device by any of its series, its newest reading (None: never), its expected interval in s.

    `replay` marks one that sends history: it is never silent. Of one that is `gone` its last will said so: nobody need
    wait for its turns.
    """

    series: SeriesKey
    last: int | None
    interval: float
    replay: bool = False
    gone: bool = False


def silent(
    quiet: frozenset[SeriesKey], watches: Sequence[Watch], context: Context
) -> tuple[frozenset[SeriesKey], list[Finding]]:
    """Who is silent now, and what changed: a finding for each device that fell silent or speaks again.

    The finding is about the whole device: its series has no point. A device that never spoke is not yet missed.
    """
    still: set[SeriesKey] = set()
    findings = []
    for watch in watches:
        device = watch.series._replace(point="")
        away = 0 if watch.last is None or watch.replay else context.now - watch.last
        patience = AT_LEAST if watch.gone else max(MISSED * watch.interval * SECOND, AT_LEAST)
        if away > patience:
            still.add(device)
        if (device in still) != (device in quiet):
            findings.append(_finding(device, watch, context, away, patience, active=device in still))
    return frozenset(still), findings


def _finding(device: SeriesKey, watch: Watch, context: Context, away: int, patience: float, *, active: bool) -> Finding:
    last = context.now if watch.last is None else watch.last
    where = context.where(device)
    if active and watch.gone:
        since = context.when(device, last)
        reason = Text(f"{where.zh}：自{since}起与消息服务断开", f"{where.en}: away from the broker since {since}")
    elif active:
        minutes, seconds = away / MINUTE, watch.interval
        every = (
            (f"{seconds:.3g}秒", f"{seconds:.3g} s")
            if seconds < 60
            else (f"{seconds / 60:.3g}分钟", f"{seconds / 60:.3g} min")
        )
        reason = Text(
            f"{where.zh}：自{context.when(device, last)}起无数据，已{minutes:.0f}分钟，正常每{every[0]}一次",
            f"{where.en}: no reading since {context.when(device, last)}, {minutes:.0f} min; one is expected every "
            f"{every[1]}",
        )
    else:
        reason = Text(f"{where.zh}：已恢复通信", f"{where.en}: is back")
    return Finding(
        series=device,
        rule=RULE.name,
        begin=last,
        end=context.now,
        observed=away / SECOND,
        expected=watch.interval,
        low=0.0,
        high=patience / SECOND,
        unit="s",
        severity="warning",
        confidence=1.0,
        reason=reason,
        active=active,
        cause="network",
        evidence=(Evidence(watch.series, last, context.now),),
    )
