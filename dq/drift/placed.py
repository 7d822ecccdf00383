"""Where the times of a column lie, against the time that their partition is of."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from dq.drift.mix import parts
from dq.ir.aggregate import TallyState
from dq.ir.data import INTEGERS, TIMES, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.profile import ColumnProfile

PLACED = ("earliest", "latest", "day")  # in hours since 1970, until the partition's time is known
_EPOCH = datetime(1970, 1, 1)
_HOUR = timedelta(hours=1)
_UNITS_PER_HOUR = (3_600, 3_600_000, 3_600_000_000, 3_600_000_000_000)  # whole numbers that count since 1970
_SINCE, _UNTIL = 20 * 8_766, 130 * 8_766  # 1990 to 2100
_STRAYS = 0.01  # of the rows on either side say nothing of the others


def times(column: ColumnProfile) -> dict[str, float]:
    """The first and the last moment, but for a few strays; of dates the one in the middle."""
    low, high = column.states.get("min"), column.states.get("max")
    if low is None or high is None:
        return {}
    if column.type.kind in INTEGERS:
        return _counted(low, high)
    days = column.states.get("days")
    if column.type.kind not in TIMES or not isinstance(days, TallyState) or not days.counts:
        return {}
    first, middle, last = (_hours(_at(days.counts, share)) for share in (_STRAYS, 0.5, 1 - _STRAYS))
    if column.type.kind is Kind.DATE:
        return {"day": middle}
    return {"earliest": max(first, _hours(low)), "latest": min(last + 24.0, _hours(high))}


def placed(numbers: Mapping[str, float], at: datetime | None) -> dict[str, float]:
    """The numbers of a partition that is of this time, its times as hours after that; without, there are none. Of
    partitions that begin within a day no day tells anything."""
    found = {n: v for n, v in numbers.items() if parts(n)[1] not in PLACED}
    if at is not None:
        told = PLACED if at.time() == time() else PLACED[:2]
        found |= {n: v - _hours(at) for n, v in numbers.items() if parts(n)[1] in told}
    return found


def _counted(low: int, high: int) -> dict[str, float]:
    """Of numbers that count seconds or parts of them, as far as anybody can tell."""
    unit = next((u for u in _UNITS_PER_HOUR if _SINCE * u <= low <= high <= _UNTIL * u), None)
    return {} if unit is None else {"earliest": low / unit, "latest": high / unit}


def _at(counts: tuple[tuple[Any, int], ...], share: float) -> Any:
    rank = share * sum(n for _, n in counts)
    for value, count in counts:
        rank -= count
        if rank < 0:
            return value
    return counts[-1][0]


def _hours(moment: Any) -> float:
    """Since 1970, in UTC or without a zone."""
    if not isinstance(moment, datetime):
        assert isinstance(moment, date)
        moment = datetime(moment.year, moment.month, moment.day)
    naive = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    hours: float = (naive - _EPOCH) / _HOUR
    return hours
