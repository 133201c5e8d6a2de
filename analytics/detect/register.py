"""Registers: what the books could not take at its word - one that fell, jumped, or was put right by its next reading.

The ledger decides that reading by reading; here it becomes a finding, which ends with the next interval that is plain.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from analytics.books import rules
from analytics.books.register import INTERVAL
from analytics.detect.core import Context, Rule, point_of
from schema.batch import Batch
from schema.finding import Evidence, Finding, Severity
from schema.series import SeriesKey
from schema.text import Text

RULE = Rule(
    "register",
    Text("表底异常", "Register out of order"),
    Text(
        "核对是否换表并补录换表记录；未换表的，检查表计与采集通道。",
        "Was the meter exchanged? Then declare it; if not, check the meter and its channel.",
    ),
)
_GRADES: dict[int, Severity] = {rules.LEFT_OUT: "info", rules.RESET: "warning", rules.HIGH: "warning"}
_ODD = np.array([code in _GRADES for code in range(64)])


class Odd(NamedTuple):
    """The newest interval of a series that was out of order, and whether none after it was plain."""

    start: int
    lasts: bool


def register(
    known: Mapping[SeriesKey, Odd], told: Batch, context: Context
) -> tuple[dict[SeriesKey, Odd], list[Finding]]:
    """What is known of registers after some intervals (quality and rule in one mark), and what was found.

    An interval that was told of is not told again when it is settled anew.
    """
    found = dict(known)
    findings: list[Finding] = []
    odd = _ODD[rules.rule_of(told.quality)]
    watched = np.array([key in found for key in told.keys], bool)
    for code in np.unique(told.code[odd | watched[told.code]] if len(told) else told.code).tolist():
        key, mine = told.keys[code], np.flatnonzero(told.code == code)
        for at in mine[np.argsort(told.time[mine], kind="stable")].tolist():
            start, before = int(told.time[at]), found.get(key, Odd(0, lasts=False))
            if start <= before.start or not (odd[at] or before.lasts):
                continue
            found[key] = Odd(start if odd[at] else before.start, lasts=bool(odd[at]))
            findings.append(_finding(key, told, at, context, active=bool(odd[at])))
    return found, findings


def _finding(key: SeriesKey, told: Batch, at: int, context: Context, *, active: bool) -> Finding:
    start, value = int(told.time[at]), float(told.value[at])
    where, when, point = context.where(key), context.when(key, start), point_of(key.kind, key.point)
    code = int(rules.rule_of(told.quality[at : at + 1])[0])
    reason = Text(f"{where.zh}：表底恢复正常", f"{where.en}: the register counts on")
    if active:
        said = rules.RULES[code].text
        reason = Text(f"{where.zh}：{when}，{said.zh}", f"{where.en}, {when}: {said.en}")
    return Finding(
        series=key,
        rule=RULE.name,
        begin=start,
        end=start + INTERVAL,
        observed=value,
        expected=value,
        low=value,
        high=value,
        unit=point.unit if point else "",
        severity=_GRADES[code] if active else "info",
        confidence=1.0,
        reason=reason,
        active=active,
        cause="meter",
        evidence=(Evidence(key, start, start + INTERVAL),),
    )
