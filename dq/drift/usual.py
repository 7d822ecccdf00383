"""Numbers of a partition held against those of the partitions before it. Quiet by intent: what is far from the usual
band and has hardly been seen before, in size as well as against the noise, and nothing before there is a history.

The band is robust: median of the history, Theil-Sen trend where there is one, width by the median absolute deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from dq.drift.learnt import Seen, unseen
from dq.drift.mix import METRIC, parts, whole
from dq.drift.observe import number, percent
from dq.drift.scale import NEW, Scale, scale_of
from dq.drift.season import series
from dq.ir.result import Unusual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

MINIMUM_HISTORY = 5  # partitions before any verdict
SIGMAS = {"table": 4.0, "column": 6.0}  # there are many columns: each must be the more certain
SEEN_BEFORE = 2  # as many partitions like it in the history make a number usual: ends of months
_NEW_ROWS = 10  # fewer are no category
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

    @property
    def usually(self) -> str:
        return f"usual {self.said}:" if self.said else "usually"


def unusual(
    numbers: Mapping[str, float], history: Mapping[str, Sequence[Seen]], at: datetime | None = None
) -> tuple[Unusual, ...]:
    """The numbers of the moment `at` that are far from their history, gravest first. More rows have more distinct
    values: that is one cause."""
    history = {**history, **unseen(numbers, history)}
    numbers = whole(numbers, history)
    found = [u for name in numbers if (u := _judge(name, numbers, history.get(name, ()), at))]
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


def _judge(name: str, numbers: Mapping[str, float], history: Sequence[Seen], at: datetime | None) -> Unusual | None:
    """A median that moves by less than half the spread of the values themselves hardly moves."""
    column, metric = parts(name)
    of_value = metric.startswith(METRIC)
    if len(history) < MINIMUM_HISTORY or not (of_value or metric in _WORDS):
        return None
    value, new = numbers[name], of_value and not any(s.value for s in history)
    if new and value * numbers.get("table.rows", math.inf) < _NEW_ROWS:
        return None
    scale = NEW if new else scale_of(name)
    sigmas = SIGMAS["table" if column == "table" else "column"]
    least = numbers.get(f"{column}.spread", 0.0) / 2 if metric == "median" else 0.0
    found = departure(scale, value, history, sigmas, at, least)
    if found is None:
        return None
    if of_value:
        said = f"{_said(scale, value)} of `{column}` is {metric.removeprefix(METRIC)}"
    else:
        said = _WORDS[metric].format(column=f"`{column}`", value=_said(scale, value))
    band = "never before" if new else f"{found.usually} {_said(scale, found.low)} to {_said(scale, found.high)}"
    return Unusual(
        name, None if column == "table" else column, metric, value, found.low, found.high, len(history), found.effect,
        f"{said}, {band}",
    )  # fmt: skip


def departure(
    scale: Scale, value: float, history: Sequence[Seen], sigmas: float, at: datetime | None, least: float = 0.0
) -> Departure | None:
    """None where the number is usual. `history` is oldest first, at least MINIMUM_HISTORY long. Nothing under `least`
    is unusual."""
    known, here = [scale.on(float(s.value)) for s in history], scale.on(value)
    floor = max(scale.least(here), least)
    if all(abs(y - here) <= floor for y in known):
        return None
    line = series(known, [s.at for s in history], at)
    if line.is_new and scale.kind == "count":
        floor = max(floor, _WARMING_UP)
    last = abs(line.values[-1] - here)
    slope = 0.0 if last <= floor else _trend(line.times, line.values)
    flat = [y - slope * (t - line.now) for t, y in zip(line.times, line.values, strict=True)]
    level, width = _band(flat, sigmas)
    width = max(width, floor, scale.least(level))
    away = abs(here - level)
    if away <= width or last <= floor or sum(abs(y - here) <= floor for y in flat) >= SEEN_BEFORE:
        return None
    if scale.kind == "count" and any(abs(y - here) <= 2 * floor for y in line.alike):
        return None
    if scale.kind == "share" and not (_doubled(here, level) or _doubled(1 - here, 1 - level)):
        return None
    effect = min(away / width, _FARTHEST) if width else _FARTHEST
    return Departure(scale.off(level - width), scale.off(level + width), effect, line.said)


def _doubled(one: float, other: float) -> bool:
    return max(one, other) >= 2 * min(one, other)


def _band(history: list[float], sigmas: float) -> tuple[float, float]:
    """The middle of a history without trend, and how far around it is usual: the fewer partitions, the farther."""
    n, middle, ordered = len(history), median(history), sorted(history)
    spread = 1.4826 * median(abs(y - middle) for y in history)
    spread = max(spread, (ordered[(3 * n) // 4] - ordered[n // 4]) / 1.349)
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
    "length": "the texts of {column} have {value} characters on average",
}


def _said(scale: Scale, value: float) -> str:
    if scale.kind == "share":
        return percent(value)
    return f"{value:,.0f}" if scale.kind == "count" else number(value)
