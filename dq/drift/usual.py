"""Numbers of a partition held against those of the partitions before it. Quiet by intent: what is far from the usual
band and has hardly been seen before, in size as well as against the noise, and nothing before there is a history.

The band is robust: median of the history, Theil-Sen trend where there is one, width by the median absolute deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING

from dq.drift.calendar import dated, said
from dq.drift.learnt import Seen, complete, mixed, unseen
from dq.drift.measured import MANY
from dq.drift.mix import FREQUENT, METRIC, parts, whole
from dq.drift.observe import number
from dq.drift.placed import placed
from dq.drift.scale import NEW, Scale, scale_of
from dq.drift.season import series
from dq.ir.result import Unusual
from dq.words import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

MINIMUM_HISTORY = 5  # partitions before any verdict
SIGMAS = {"table": 4.0, "column": 6.0}  # there are many columns: each must be the more certain
SEEN_BEFORE = 2  # as many partitions as far off in the history make a number usual: ends of months, rainy days
NEVER = frozenset({"zeros", "negatives", "empty", "null_like", "placeholders", "garbled"})  # that never were: new
_NEW_ROWS = 10  # fewer are no category
_MISSED_ROWS = 12  # as many were to be expected at least
_SAME_LENGTH = 0.02
_OF_MIX = frozenset({"mean", "mode", "length", "one_length", "size"})  # told by the mix of a column's values
_FEW_ROWS = 2.0  # times the root of a count: what it may differ by, whatever its history
_SO_FEW = 3.0  # deviations of a share that hardly ever was
_PASSING = 0.2  # of the values come and go, and no mix is usual
_INSIDE = 2 / 3  # of half the spread
_SHOWN = 3
_FARTHEST = 1000.0
_WARMING_UP = math.log(2)  # of counts, while nothing like the weekday or the time of day was seen


@dataclass(frozen=True, slots=True)
class Departure:
    """What is usual, for whom where that is not for all (`said`), and how many times as far the number is."""

    low: float
    high: float
    effect: float
    said: str = ""
    is_new: bool = False

    @property
    def usually(self) -> str:
        return f"usual {self.said}:" if self.said else "usually"


def unusual(
    numbers: Mapping[str, float],
    history: Mapping[str, Sequence[Seen]],
    at: datetime | None = None,
    modes: Mapping[str, str] | None = None,
) -> tuple[Unusual, ...]:
    """The numbers of the moment `at` that are far from their history, gravest first. More rows have more distinct
    values: that is one cause. `modes`: the values that most frequent ones are."""
    mixes = mixed(history)
    history = {**history, **unseen(numbers, history)}
    times = dated(numbers, history, at, MINIMUM_HISTORY)
    here = _Here(placed(whole(numbers, history), at), history, at, mixes, complete(numbers), modes or {}, times)
    found = [u for name in here.numbers if (u := here.judge(name))]
    rows = next((u for u in found if u.id == "table.rows"), None)
    if rows is not None:
        found = [u for u in found if u.metric != "distinct" or _direction(u) != _direction(rows)]
    return tuple(sorted(found, key=lambda u: (u.column is not None, -u.effect, u.id)))


def summary(found: Sequence[Unusual]) -> str:
    """All of it in one line: the gravest of each column, since one cause moves many of its numbers."""
    gravest: dict[str | None, Unusual] = {}
    for one in found:
        gravest.setdefault(one.column, one)
    told = list(gravest.values())[:_SHOWN]
    more = f" (and {len(found) - len(told)} more)" if len(found) > len(told) else ""
    return "; ".join(u.message for u in told) + more


@dataclass(frozen=True, slots=True)
class _Here:
    """A partition, and what came before it."""

    numbers: Mapping[str, float]
    history: Mapping[str, Sequence[Seen]]
    at: datetime | None
    mixes: Mapping[str, float]
    complete: set[str]
    modes: Mapping[str, str]
    dated: Mapping[str, frozenset[str]]

    def judge(self, name: str) -> Unusual | None:
        column, metric = parts(name)
        history, value = self.history.get(name, ()), self.numbers[name]
        if len(history) < MINIMUM_HISTORY or not (metric.startswith(METRIC) or metric in _WORDS):
            return None
        if column in self.dated and metric != "completeness":
            return self._of_time(name, value, history, self.dated[column])
        if metric.startswith(METRIC):
            return self._of_value(name, value, history) if self._is_steady(column) else None
        if metric in _OF_MIX and self._is_steady(column):
            return None
        if metric == "distinct" and max(value, median(s.value for s in history)) < MANY:
            return None
        if metric in NEVER and not any(s.value for s in history):
            return self._never(name, value, history)
        scale, least = self._scale(name, value, history)
        sigmas = SIGMAS["table" if column == "table" else "column"]
        rows = self._rows("table" if metric == "completeness" else column)
        found = departure(scale, value, history, sigmas, self.at, least, rows)
        return self._told(name, value, history, scale, found) if found else None

    def _of_time(self, name: str, value: float, history: Sequence[Seen], dated: frozenset[str]) -> Unusual | None:
        """A column that says what time its partition is of must say so again."""
        says = said(name, self.numbers)
        if says is None or says in dated:
            return None
        band = f"where the partition's time says {' or '.join(sorted(dated))}, as it always did"
        return self._told(name, value, history, scale_of(name), Departure(0.0, 0.0, _FARTHEST), band)

    def _of_value(self, name: str, value: float, history: Sequence[Seen]) -> Unusual | None:
        """Where a value was in each partition, and often enough that chance explains no absence, it is missed. One that
        comes and goes may come in many rows, and where others do a new one is usual."""
        column, known = parts(name)[0], [s.value for s in history]
        if not any(known):
            return None if self.mixes[column] else self._never(name, value, history)
        scale, rows = scale_of(name), self._rows(column)
        if min(known) == 0:
            scale = replace(scale, floor=scale.floor * (2 if median(known) else 4))
        found = departure(scale, value, history, SIGMAS["column"], self.at, rows=rows)
        expected, unlisted = median(known) * rows, 0.0 if column in self.complete else FREQUENT * rows
        missed = expected - 4 * math.sqrt(expected) >= unlisted if unlisted else expected >= _MISSED_ROWS
        if value == 0 and min(known) > 0 and median(known) >= NEW.floor and missed:
            found = Departure(min(known), max(known), min(expected / _MISSED_ROWS, _FARTHEST))
        return self._told(name, value, history, scale, found) if found else None

    def _is_steady(self, column: str) -> bool:
        return self.mixes.get(column, math.inf) <= _PASSING

    def _never(self, name: str, value: float, history: Sequence[Seen]) -> Unusual | None:
        rows = value * self._rows(parts(name)[0])
        if value < NEW.floor or rows < _NEW_ROWS:
            return None
        effect = min(value / NEW.floor, _FARTHEST)
        return self._told(name, value, history, NEW, Departure(0.0, 0.0, effect, is_new=True))

    def _scale(self, name: str, value: float, history: Sequence[Seen]) -> tuple[Scale, float]:
        """Also the least change that is unusual. A median that moves by less than a third of the spread of the values
        themselves hardly moves; texts that all had one length may have no other."""
        column, metric = parts(name)
        scale, known = scale_of(name), [s.value for s in history]
        if scale.kind == "hours":
            return self._hours(known, [s.at for s in history if s.at is not None])
        if metric == "length" and self._always(f"{column}.one_length", 0.999, math.inf):
            scale = replace(scale, floor=_SAME_LENGTH)
        if scale.kind == "level" and min(*known, value) > 0 and self._always(f"{column}.negatives", 0.0, 0.0):
            scale = replace(scale, kind="ratio")
        spreads = [s.value for s in self.history.get(f"{column}.spread", ())]
        if metric not in ("median", "high") or not spreads:
            return scale, 0.0
        spread, middle = median(spreads), median(known)
        return scale, _INSIDE * (math.asinh(spread / middle / 2) if scale.kind == "ratio" else spread / 2)

    def _hours(self, known: Sequence[float], times: Sequence[datetime]) -> tuple[Scale, float]:
        """What lies within a few partitions' time is told by a part of it; what lies far off must come to lie twice as
        far."""
        step = median((b - a) / timedelta(hours=1) for a, b in pairwise(times))
        level = abs(median(known))
        return Scale("hours", step / 8 if level <= 3 * step else level), 0.0

    def _always(self, name: str, low: float, high: float) -> bool:
        """Whether the number was there, and never outside these; here too where a text is no matter."""
        known = [s.value for s in self.history.get(name, ())]
        return all(low <= v <= high for v in known) if known else name.endswith("negatives")

    def _rows(self, column: str) -> float:
        """With a value."""
        return self.numbers.get("table.rows", math.inf) * self.numbers.get(f"{column}.completeness", 1.0)

    def _told(
        self, name: str, value: float, history: Sequence[Seen], scale: Scale, found: Departure, band: str = ""
    ) -> Unusual:
        column, metric = parts(name)
        shown = _said(scale, value)
        if metric.startswith(METRIC):
            words = f"{shown} of `{column}` is {metric.removeprefix(METRIC)}"
        else:
            words = _WORDS[metric].format(column=f"`{column}`", value=shown, mode=self.modes.get(name, "one value"))
        low, high = _said(scale, found.low), _said(scale, found.high)
        usual = low if low == high else f"{low} to {high}"
        band = band or ("never before" if found.is_new else f"{found.usually} {usual}")
        return Unusual(
            name, None if column == "table" else column, metric, value, found.low, found.high, len(history),
            found.effect, f"{words}, {band}",
        )  # fmt: skip


def departure(
    scale: Scale, value: float, history: Sequence[Seen], sigmas: float, at: datetime | None, least: float = 0.0,
    rows: float = math.inf,
) -> Departure | None:  # fmt: skip
    """None where the number is usual. `history` is oldest first, at least MINIMUM_HISTORY long. Nothing under `least`
    is unusual, nor what chance makes of a share of so many `rows`."""
    known, here = [scale.on(float(s.value)) for s in history], scale.on(value)
    floor = max(scale.least(here), least)
    if all(abs(y - here) <= floor for y in known):
        return None
    line = series(known, [s.at for s in history], at)
    if line.is_new and scale.kind == "count":
        least = max(least, _WARMING_UP)
        floor = max(floor, least)
    last = abs(line.values[-1] - here)
    slope = 0.0 if last <= floor else _trend(line.times, line.values)
    flat = [y - slope * (t - line.now) for t, y in zip(line.times, line.values, strict=True)]
    level, spread = _band(flat, sigmas)
    told = max(spread, scale.least(level), least, _by_chance(scale, level, sigmas, rows))
    width = max(told, floor)
    away, side = abs(here - level), math.copysign(1.0, here - level)
    as_far = sum(side * (y - level) >= away - floor for y in flat)
    if away <= width or last <= floor or as_far >= SEEN_BEFORE:
        return None
    if scale.kind == "count" and any(abs(y - here) <= 2 * floor for y in line.alike):
        return None
    if scale.kind == "share" and not (_doubled(here, level) or _doubled(1 - here, 1 - level)):
        return None
    effect = min(away / width, _FARTHEST) if width else _FARTHEST
    low, high = scale.off(level - told), scale.off(level + told)
    if scale.kind == "level" and value >= 0 and all(s.value >= 0 for s in history):
        low = max(low, 0.0)
    return Departure(low, high, effect, line.said)


def _by_chance(scale: Scale, level: float, sigmas: float, rows: float) -> float:
    """What chance makes of a share of so many rows, also where none or all were so (the rule of succession), and of a
    count."""
    if scale.kind == "count":
        return _FEW_ROWS * math.exp(-level / 2)
    if scale.kind != "share" or not math.isfinite(rows):
        return 0.0
    rows, level = max(rows, 1.0), min(max(level, 0.0), 1.0)
    one_more = (level * rows + 1) / (rows + 2)
    return max(sigmas * _deviation(level, rows), _SO_FEW * _deviation(one_more, rows))


def _deviation(share: float, rows: float) -> float:
    return math.sqrt(share * (1 - share) / rows)


def _doubled(one: float, other: float) -> bool:
    return max(one, other) >= 2 * min(one, other)


def _band(history: list[float], sigmas: float) -> tuple[float, float]:
    """The middle of a history without trend, and how far around it is usual: the fewer partitions, the farther."""
    n, middle, ordered = len(history), median(history), sorted(history)
    spread = 1.4826 * median(abs(y - middle) for y in history)
    spread = max(spread, (ordered[(3 * n) // 4] - ordered[n // 4]) / 1.349)
    spread = max(spread, 1.2533 * fmean(abs(y - middle) for y in history))  # of what is mostly the same, but not always
    return middle, sigmas * spread * (1 + 6 / n)


def _trend(times: Sequence[float], history: Sequence[float]) -> float:
    """Theil-Sen slope where Mann-Kendall finds one at 1 %, else 0."""
    n = len(history)
    pairs = [(history[j] - history[i], times[j] - times[i]) for i in range(n) for j in range(i + 1, n)]
    score = abs(sum((rise > 0) - (rise < 0) for rise, _ in pairs))
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    slopes = [rise / run for rise, run in pairs if run]
    return median(slopes) if slopes and score - 1 > 2.576 * deviation else 0.0


def _direction(found: Unusual) -> bool:
    return found.observed > found.high


_WORDS = {
    "rows": "{value} rows",
    "completeness": "{value} of {column} is there",
    "zeros": "{value} of {column} is zero",
    "negatives": "{value} of {column} is negative",
    "empty": "{value} of {column} is empty",
    "null_like": "{value} of {column} is words for a missing value",
    "distinct": "{value} distinct values of {column}",
    "median": "the median of {column} is {value}",
    "high": "95 % of {column} is at most {value}",
    "mean": "the mean of {column} is {value}",
    "size": "the numbers of {column} lie around {value}",
    "mode": "{value} of {column} is {mode}",
    "length": "the texts of {column} have {value} characters on average",
    "one_length": "{value} of the texts of {column} have the same length",
    "placeholders": "{value} of {column} is a placeholder for a date",
    "garbled": "{value} of the frequent texts of {column} is in a wrong encoding",
    "earliest": "{column} begins {value} after the partition's time",
    "latest": "{column} ends {value} after the partition's time",
    "day": "the middle day of {column} is {value} after the partition's time",
}


def _said(scale: Scale, value: float) -> str:
    if scale.kind == "share":
        return percent(value)
    if scale.kind == "hours":
        return f"{value:.3g} h" if abs(value) < 48 else f"{value / 24:,.0f} days"
    return f"{value:,.0f}" if scale.kind == "count" and value >= 10 else number(value)
