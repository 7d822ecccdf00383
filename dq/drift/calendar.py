"""Columns that say once more what time their partition is of: its year, its month, its day."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

from dq.drift.mix import METRIC, is_share, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from dq.drift.learnt import Seen

_FORMATS = (
    "%Y", "%m", "%d", "%H", "%j", "%V", "%u", "%w", "%B", "%b", "%A", "%a", "%Y%m", "%Y-%m", "%Y%m%d", "%Y-%m-%d",
    "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%H:%M",
)  # fmt: skip


def dated(
    numbers: Mapping[str, float], history: Mapping[str, Sequence[Seen]], at: datetime | None, fewest: int
) -> dict[str, frozenset[str]]:
    """What columns have to say at this time, that had one value in each of at least so many partitions: always the same
    part of the partition's time, written the same way. What never changed and does not say it now is a constant."""
    if at is None:
        return {}
    values: defaultdict[str, set[tuple[str, datetime | None]]] = defaultdict(set)
    others = set()
    for name, past in history.items():
        column, metric = parts(name)
        if not past or column in others or not (metric == "mean" or is_share(name)):
            continue
        values[column] |= {(_value(metric, s.value), s.at) for s in past if metric == "mean" or s.value == 1.0}
        if (metric != "mean" and any(0.0 < s.value < 1.0 for s in past)) or not _ways(values[column]):
            others.add(column)
    here = {parts(n)[0]: says for n in numbers if (says := said(n, numbers)) is not None}
    found = {}
    for column, pairs in values.items():
        now = frozenset(_written(at)[way] for way in _ways(pairs))
        changed = len({value for value, _ in pairs}) > 1
        if column not in others and len(pairs) >= fewest and (changed or here.get(column) in now):
            found[column] = now
    return found


def said(name: str, numbers: Mapping[str, float]) -> str | None:
    """The value of a column that has one value, if this number tells it: of numbers the mean, of texts a share."""
    column, metric = parts(name)
    of_text = metric.startswith(METRIC) and numbers[name] > 0 and f"{column}.mean" not in numbers
    return _value(metric, numbers[name]) if of_text or metric == "mean" else None


def _value(metric: str, number: float) -> str:
    if metric == "mean":
        return str(int(number)) if float(number).is_integer() else str(number)
    value = json.loads(metric.removeprefix(METRIC))
    return _plain(value) if isinstance(value, str) else str(value)


def _ways(values: Iterable[tuple[str, datetime | None]]) -> set[str]:
    ways = set(_FORMATS)
    for value, at in values:
        ways = {way for way in ways if _written(at)[way] == value} if at else set()
        if not ways:
            break
    return ways


@lru_cache(maxsize=1_000)
def _written(at: datetime) -> dict[str, str]:
    return {way: _plain(at.strftime(way)) for way in _FORMATS}


def _plain(text: str) -> str:
    """`03` and `3` are the same month."""
    return (text.lstrip("0") or "0") if text.isdigit() else text
