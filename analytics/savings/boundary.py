"""A contract's boundary out of the store: its whole days, and the savings so far."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from analytics.books.consumption import consumption
from analytics.calendar import Calendar
from analytics.live.board import ContractSavings
from analytics.savings import contract as mv
from analytics.typical import midnight
from devices import kinds
from devices.kind import DeviceKind
from schema.instant import DAY, HOUR
from schema.series import SeriesKey
from schema.text import Text
from store.registry.contracts import Contract
from store.registry.places import Device
from store.series.port import SeriesStore

ENOUGH_HOURS = 20
"""A day whose air temperature is known in fewer hours has no daily mean."""


def days(
    store: SeriesStore,
    registers: Sequence[SeriesKey],
    weather: SeriesKey,
    period: tuple[date, date],
    calendar: Calendar,
) -> mv.Days:
    """The local days of [first, last): kWh of all meters, NaN where one of them does not know the whole day."""
    dates = tuple(period[0] + timedelta(after) for after in range((period[1] - period[0]).days))
    edges = np.array([midnight(day, calendar.zone) for day in (*dates, period[1])], np.int64)
    books = consumption(store, registers, int(edges[0]), int(edges[-1]), "day", calendar.zone)
    row = np.searchsorted(edges, books.start)
    whole = np.bincount(row, books.covered >= 1.0, len(dates)) == len(registers)
    kwh = np.bincount(row, books.value, len(dates))
    guessed = np.bincount(row, books.value * books.estimated, len(dates))
    return mv.Days(
        day=dates,
        kwh=np.where(whole, kwh, np.nan),
        temperature=_temperatures(store, weather, edges),
        type=tuple(calendar.day_type(day) for day in dates),
        estimated=np.divide(guessed, kwh, out=np.zeros(len(dates)), where=kwh > 0),
    )


def so_far(
    store: SeriesStore, contract: Contract, known: Mapping[str, Device], calendar: Calendar, now: int
) -> ContractSavings:
    """The savings of a contract up to the last whole day; what is missing is said, not guessed."""
    today = calendar.local(now).date()
    end = min(today, contract.reporting_end or today)
    names = [meter.device for meter in contract.meters]
    gone = [name for name in (*names, contract.weather) if name not in known]
    head = _Head(contract, names, end, {kinds()[known[name].kind] for name in names if name in known})
    if gone:
        return head.without(Text(f"未登记的设备：{'、'.join(gone)}。", f"Not registered: {', '.join(gone)}."))
    if head.register is None:
        return head.without(Text("边界内的表计不是同一种能源。", "The boundary's meters do not all count one carrier."))
    registers = [known[name].series(head.register) for name in names]
    weather = known[contract.weather].series("temperature")
    if end <= contract.reporting_start:
        return head.without(Text("报告期还没有完整日。", "The reporting period has no whole day yet."))
    try:
        whole = days(store, registers, weather, (contract.baseline_start, end), calendar)
        model = mv.fit(whole.between(contract.baseline_start, contract.baseline_end))
        found = mv.savings(model, whole.between(contract.reporting_start, end))
    except mv.Insufficient as lacking:
        texts = [item.text for item in lacking.evidence]
        return head.without(Text("".join(text.zh for text in texts), " ".join(text.en for text in texts)))
    return head.of(model, found)


class _Head:
    """What a contract's line says whether or not a figure can be given."""

    def __init__(self, contract: Contract, names: list[str], end: date, counted: set[DeviceKind]) -> None:
        self.contract = contract
        self.names = names
        self.end = end
        kind = counted.pop() if len(counted) == 1 else None
        self.carrier = (kind and kind.carrier) or ""
        self.register = kind.consumption if kind else None
        point = kind.point(self.register) if kind and self.register else None
        self.unit = point.unit if point else ""

    def without(self, why: Text) -> ContractSavings:
        """No figure, and why."""
        return self._line(why, None, None)

    def of(self, model: mv.Model, found: mv.Savings) -> ContractSavings:
        """The figures, with what limits them."""
        texts = [item.text for item in found.warnings]
        if found.left_out:
            count = len(found.left_out)
            texts.append(Text(f"{count} 天数据不全，未计入。", f"{count} days are not known in full and left out."))
        if found.estimated_share > mv.MAX_ESTIMATED:
            texts.append(Text("估算电量超过 10%，不计金额。", "More than 10% is estimated: no money is stated."))
        head = Text("初步结果，未经双方确认。", "Preliminary, not agreed by the parties.")
        why = Text("".join([head.zh, *(text.zh for text in texts)]), " ".join([head.en, *(text.en for text in texts)]))
        return self._line(why, model, found)

    def _line(self, why: Text, model: mv.Model | None, found: mv.Savings | None) -> ContractSavings:
        contract = self.contract
        worth = part = None
        if found is not None and found.estimated_share <= mv.MAX_ESTIMATED:
            worth, part = mv.value(found.total, contract.price, contract.share)
        return ContractSavings(
            id=contract.id,
            title=Text(contract.title_zh, contract.title_en),
            client=contract.client,
            esco=contract.esco,
            carrier=self.carrier,
            unit=self.unit,
            start=contract.reporting_start.isoformat(),
            end=self.end.isoformat(),
            baseline=float(found.baseline.sum()) if found else None,
            measured=float(found.measured.sum()) if found else None,
            saved=found.total if found else None,
            share_saved=found.share if found else None,
            fsu=found.fsu if found else None,
            confidence=mv.CONFIDENCE,
            value_yuan=worth,
            esco_yuan=part,
            esco_share=contract.share,
            estimated_share=found.estimated_share if found else None,
            cv_rmse=model.cv_rmse if model else None,
            preliminary=True,
            why=why,
            devices=self.names,
        )


def _temperatures(store: SeriesStore, weather: SeriesKey, edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Daily mean air temperature, degree C; NaN where too few hours are known."""
    size = len(edges) - 1
    if not size:
        return np.empty(0)
    hours = store.aggregate([weather], int(edges[0]), int(edges[-1]), HOUR)
    row = np.searchsorted(edges, hours.time, side="right") - 1
    inside = (row >= 0) & (row < size)
    count = np.bincount(row[inside], minlength=size)
    total = np.bincount(row[inside], hours.mean[inside], size)
    needed = ENOUGH_HOURS * np.diff(edges) / DAY
    return np.asarray(np.divide(total, count, out=np.full(size, np.nan), where=count >= needed))
