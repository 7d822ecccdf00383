"""Numbers that differ by the weekday or the time of day by nature are held against their like."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from statistics import fmean, median
from typing import TypeAlias

Phase: TypeAlias = Callable[[datetime], object]

WINDOW = 28  # steps of a history without times of day
FEWEST = 5  # of one time of day
_PEERS = 2  # others of its kind from which a value can be foretold
_TOLD = 14  # values that were foretold, before a pattern is believed
_BETTER = 0.7  # of the error of a history without a pattern
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Series:
    """A history on the scale of its number, oldest first, as it would be at the moment in question: without the pattern
    and the growth that goes with it. `said`: what was compared; `is_new`: nothing like the moment was seen yet, and
    there may be a pattern; `alike`: values of such moments, as long as no pattern is known."""

    times: Sequence[float]
    values: Sequence[float]
    now: float
    said: str = ""
    is_new: bool = False
    alike: Sequence[float] = field(default=())


def series(values: Sequence[float], times: Sequence[datetime | None], at: datetime | None) -> Series:
    known = [t for t in times if t is not None]
    if at is None or len(known) < len(times) or len(known) < _PEERS:
        return Series(range(len(values)), values, len(values))
    step = sorted(b - a for a, b in pairwise(known[-FEWEST:]))[(min(FEWEST, len(known)) - 1) // 2]
    days = [(t - at) / _DAY for t in known]
    if timedelta() < step <= _DAY / 2:
        return _hourly(list(values), known, days, at, step)
    if _DAY / 2 < step < 1.5 * _DAY:
        return _weekly(list(values), known, days, at)
    return Series(days, values, 0.0)


def _hourly(values: list[float], times: list[datetime], days: list[float], at: datetime, step: timedelta) -> Series:
    alike = [n for n, t in enumerate(times) if t.time() == at.time()]
    recent = [n for n, t in enumerate(times) if at - t <= WINDOW * step]
    recent = recent if len(recent) >= FEWEST else list(range(len(values)))
    told, all_ = [values[n] for n in alike], [values[n] for n in recent]
    if len(alike) >= FEWEST and _spread(told) < _BETTER * _spread(all_):
        found = _weekly(told, [times[n] for n in alike], [days[n] for n in alike], at)
        return Series(found.times, found.values, 0.0, f"for {at:%H:%M}", found.is_new, found.alike)
    return Series([days[n] for n in recent], all_, 0.0, is_new=not alike, alike=told)


def _weekly(values: list[float], times: list[datetime], days: list[float], at: datetime) -> Series:
    weekdays = [t.weekday() for t in times]
    alike = [v for v, w in zip(values, weekdays, strict=True) if w == at.weekday()]
    plain = Series(days, values, 0.0, is_new=not alike, alike=alike if len(alike) <= _PEERS else ())
    if len(alike) < _PEERS:
        return plain
    slope = _growth(values, days, weekdays)
    flat = [v - slope * d for v, d in zip(values, days, strict=True)]
    groups: defaultdict[int, list[float]] = defaultdict(list)
    for value, weekday in zip(flat, weekdays, strict=True):
        groups[weekday].append(value)
    errors = {n: e for n, w in enumerate(weekdays) if (e := _error(flat[n], groups[w])) is not None}
    middle = median(flat)
    plainly = sum(abs(flat[n] - middle) for n in errors)
    if len(errors) < _TOLD or sum(map(abs, errors.values())) >= _BETTER * plainly:
        return plain
    here = median(groups[at.weekday()])
    moved = [here + e for e in errors.values()]
    return Series([days[n] for n in errors], moved, 0.0, f"for a {at:%A}")


def _error(value: float, group: list[float]) -> float | None:
    """How far it is from what the others of its weekday foretell."""
    others = list(group)
    others.remove(value)
    return value - median(others) if len(others) >= _PEERS else None


def _growth(values: Sequence[float], days: Sequence[float], weekdays: Sequence[int]) -> float:
    """A day, from week to week: Theil-Sen over pairs of the same weekday, where Mann-Kendall finds one at 1 %."""
    pairs = combinations(zip(values, days, weekdays, strict=True), 2)
    slopes = [(v - u) / (e - d) for (u, d, a), (v, e, b) in pairs if a == b and e > d]
    score = abs(sum((s > 0) - (s < 0) for s in slopes))
    variance = sum(n * (n - 1) * (2 * n + 5) / 18 for n in Counter(weekdays).values())
    return median(slopes) if score - 1 > 2.576 * math.sqrt(variance) else 0.0


def _spread(values: Sequence[float]) -> float:
    middle = median(values)
    return fmean(abs(v - middle) for v in values)
