"""The rules of the books: how an interval that is not plainly measured came to its value; a code is a rule's version.

A code is kept with each interval beside its quality, in one byte. A rule that changes gets a new code, and the old one
stays, so that what was booked under it can still say so.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schema.series import Quality
from schema.text import Text


class Rule(NamedTuple):
    """A version of a rule; `estimates` where the value is then our estimate and not the meter's word."""

    code: int
    name: str
    version: int
    estimates: bool
    text: Text


EDITION = 1
"""Of all that decides a booked value: these rules, ledger, registers, habits. A new one has everything booked anew."""

NONE = 0
LEFT_OUT = 1
FLAT = 2
PROFILE = 3
RATIO = 4
RESET = 5
HIGH = 6

RULES: dict[int, Rule] = {
    rule.code: rule
    for rule in (
        Rule(
            LEFT_OUT,
            "negative_consumption",
            1,
            estimates=False,
            text=Text(
                "单次读数低于前值或高于后值，随即恢复：该读数不计入，按前后读数之差计量。",
                "A single reading fell or jumped and the next one took it back: it is left out, its neighbours count.",
            ),
        ),
        Rule(
            FLAT,
            "missing_flat",
            1,
            estimates=True,
            text=Text(
                "读数间隔超过2小时，且前四周有效历史不足：表底差额平均分摊。",
                "More than 2 h without a reading and too little history: the register's difference is spread evenly.",
            ),
        ),
        Rule(
            PROFILE,
            "missing_profile",
            1,
            estimates=True,
            text=Text(
                "读数间隔超过2小时：表底差额按前四周同类日同一时刻的平均用量分摊。",
                "More than 2 h without a reading: the register's difference is spread like the same type of day and "
                "time of the 4 weeks before.",
            ),
        ),
        Rule(
            RATIO,
            "ratio_split",
            1,
            estimates=True,
            text=Text(
                "互感器变比在两次读数之间改变且无当时表底：按时间内插当时表底。",
                "The transformer ratio changed between two readings and nobody read the register: it is interpolated.",
            ),
        ),
        Rule(
            RESET,
            "reset",
            1,
            estimates=True,
            text=Text(
                "表底回落且非翻转、未申报换表：其间用量未知，不计量。",
                "The register fell, not by rolling over or a declared exchange: what it counted there is unknown.",
            ),
        ),
        Rule(
            HIGH,
            "high_limit",
            1,
            estimates=True,
            text=Text(
                "表底增量超过该类表计可能的最大用量的1.2倍：不可信，不计量。",
                "The register rose more than 1.2 times what a meter of its kind can count: not believed, not counted.",
            ),
        ),
    )
}
ESTIMATING = np.array([code in RULES and RULES[code].estimates for code in range(64)])
GAPS = (FLAT, PROFILE)


def marked(quality: NDArray[np.uint8], rule: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Quality and rule in one byte."""
    return np.asarray(quality | (rule << 2), np.uint8)


def quality_of(mark: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The quality (schema.series.Quality) in a mark."""
    return np.asarray(mark & 3, np.uint8)


def rule_of(mark: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The code of the rule in a mark, NONE for what is plainly measured."""
    return np.asarray(mark >> 2, np.uint8)


def taught(mark: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which intervals are wholly measured: only these teach a habit."""
    return np.asarray(quality_of(mark) == Quality.MEASURED)
