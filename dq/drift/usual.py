"""Numbers of a partition held against those of the partitions before it. Quiet by intent: what is far from the usual
band and has hardly been seen before, in size as well as against the noise, and nothing before there is a history.

The band is robust: median of the history, Theil-Sen trend where there is one, width by the median absolute deviation.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Literal

from dq.drift.mix import METRIC, parts, shares, unseen, whole
from dq.drift.observe import number, percent
from dq.ir.aggregate import TallyState
from dq.ir.data import INTEGERS, NUMBERS, format_path
from dq.ir.result import Unusual
from dq.profile import ColumnProfile, Profile, completeness, distinct_count, exact_counts, quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MINIMUM_HISTORY = 5  # partitions before any verdict
SIGMAS = {"table": 4.0, "column": 6.0}  # there are many columns: each must be the more certain
SEEN_BEFORE = 2  # as many partitions like it in the history make a number usual: weekends, ends of months
_NEARLY_UNIQUE_RATIO = 0.9
_MANY = 20  # distinct values from which their number means something
_SHOWN = 3
_FARTHEST = 1000.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How a number is compared: counts by their ratio, shares by points. No change smaller than `floor` is unusual: a
    ratio of counts or of levels, points of a share, of which the rarer side must also double."""

    kind: Literal["count", "share", "level"]
    floor: float


SCALES = {
    "rows": Scale("count", 0.1),
    "completeness": Scale("share", 0.05),
    "zeros": Scale("share", 0.1),
    "negatives": Scale("share", 0.1),
    "empty": Scale("share", 0.05),
    "null_like": Scale("share", 0.05),
    "distinct": Scale("count", 1.0),
    "median": Scale("level", 0.1),
    "length": Scale("level", 0.25),
}
_OTHER = Scale("level", 0.1)
_MIX = Scale("share", 0.1)
_NEW = Scale("share", 0.01)  # of a value that never was
_NEW_ROWS = 10  # fewer are no category
FLOORS = {"count": 0.1, "share": 0.02, "level": 0.1}  # of numbers of which nothing else is known


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one partition teaches: numbers by name. `flagged` ones were unusual then, and count only once enough others
    agree with them; `accepted`: a person declared all of them normal."""

    numbers: Mapping[str, float]
    flagged: frozenset[str] = frozenset()
    accepted: bool = False


def measures(profile: Profile, private: Iterable[str] = (), *, values: bool = True) -> dict[str, float]:
    """What is remembered of a partition: order-free numbers only, so that the same bytes always give the same. Levels
    and values of `private` columns are not, and of no column without `values`."""
    hidden = frozenset(private)
    found: dict[str, float] = {"table.rows": profile.rows}
    for column in profile.columns:
        name = format_path(column.path)
        numbers = _shares(column)
        if column.path[0] not in hidden:
            numbers |= _levels(column) | (shares(column) if values else {})
        found |= {f"{name}.{metric}": value for metric, value in numbers.items() if value is not None}
    return found


def _shares(column: ColumnProfile) -> dict[str, float | None]:
    found: dict[str, float | None] = {"completeness": completeness(column)}
    for name in ("zeros", "negatives", "empty", "null_like"):
        if name in column.states and column.present:
            found[name] = column.states[name] / column.present
    exact = exact_counts(column)  # an estimate differs between engines
    if exact is not None and _MANY <= len(exact) < _NEARLY_UNIQUE_RATIO * column.present:
        found["distinct"] = len(exact)
    return found


def _levels(column: ColumnProfile) -> dict[str, float | None]:
    """Where the values lie. Whole numbers that hardly repeat are identifiers: they move by nature."""
    lengths = column.states.get("lengths")
    if isinstance(lengths, TallyState) and lengths.counts and not lengths.over:
        return {"length": sum(v * n for v, n in lengths.counts) / sum(n for _, n in lengths.counts)}
    if column.type.kind not in NUMBERS:
        return {}
    distinct, _ = distinct_count(column)
    if column.type.kind in INTEGERS and (distinct or 0) >= _NEARLY_UNIQUE_RATIO * column.present:
        return {}
    low, high = quantile(column, 0.25), quantile(column, 0.75)
    return {"median": quantile(column, 0.5), "spread": None if low is None or high is None else high - low}


def levels(lessons: Iterable[Lesson], adopt_after: int) -> dict[str, tuple[float, ...]]:
    """The history of each number, oldest first. Flagged ones join it once `adopt_after` of them agree, in place of the
    rest where they came in a row: the level has shifted. An accepted one that departs begins it anew."""
    found: defaultdict[str, _History] = defaultdict(_History)
    lessons = list(lessons)
    names = {n for lesson in lessons for n in lesson.numbers}
    for lesson in lessons:
        for name, value in whole(lesson.numbers, names).items():
            found[name].learn(_scale(name), value, name in lesson.flagged, lesson.accepted, adopt_after)
    return {name: tuple(history.known) for name, history in found.items() if history.known}


@dataclass(slots=True)
class _History:
    known: list[float] = field(default_factory=list)
    doubted: list[float] = field(default_factory=list)
    in_a_row: int = 0

    def learn(self, scale: Scale, value: float, flagged: bool, accepted: bool, adopt_after: int) -> None:
        if flagged and not accepted:
            self._doubt(scale, value, adopt_after)
            return
        if accepted and self.known and not _near(scale, value, median(self.known), 1):
            self.known.clear()
        self.known.append(value)
        self.in_a_row = 0

    def _doubt(self, scale: Scale, value: float, adopt_after: int) -> None:
        self.doubted.append(value)
        self.in_a_row += 1
        agreeing = [v for v in self.doubted if _near(scale, v, value, 2)]
        if len(agreeing) < adopt_after:
            return
        self.known = agreeing if self.in_a_row >= adopt_after else self.known + agreeing
        self.doubted = [v for v in self.doubted if v not in agreeing]
        self.in_a_row = 0


def unusual(numbers: Mapping[str, float], history: Mapping[str, Sequence[float]]) -> tuple[Unusual, ...]:
    """The numbers far from their history, gravest first. More rows have more distinct values: that is one cause."""
    history = {**history, **unseen(numbers, history)}
    numbers = whole(numbers, history)
    found = [u for name in numbers if (u := _judge(name, numbers, history.get(name, ())))]
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


def _judge(name: str, numbers: Mapping[str, float], history: Sequence[float]) -> Unusual | None:
    """A median that moves by less than half the spread of the values themselves hardly moves."""
    column, metric = parts(name)
    of_value = metric.startswith(METRIC)
    if len(history) < MINIMUM_HISTORY or not (of_value or metric in _WORDS):
        return None
    value, new = numbers[name], of_value and not any(history)
    if new and value * numbers.get("table.rows", math.inf) < _NEW_ROWS:
        return None
    scale = _NEW if new else _scale(name)
    sigmas = SIGMAS["table" if column == "table" else "column"]
    least = numbers.get(f"{column}.spread", 0.0) / 2 if metric == "median" else 0.0
    found = _departure(scale, value, history, sigmas, least)
    if found is None:
        return None
    low, high, effect = found
    if of_value:
        said = f"{_said(scale, value)} of `{column}` is {metric.removeprefix(METRIC)}"
    else:
        said = _WORDS[metric].format(column=f"`{column}`", value=_said(scale, value))
    usually = "never before" if new else f"usually {_said(scale, low)} to {_said(scale, high)}"
    return Unusual(
        name, None if column == "table" else column, metric, value, low, high, len(history), effect,
        f"{said}, {usually}",
    )  # fmt: skip


def departure(scale: Scale, value: float, history: Sequence[float], sigmas: float) -> tuple[float, float] | None:
    """What is usual, where the number is not. `history` is oldest first, and at least MINIMUM_HISTORY long."""
    found = _departure(scale, value, history, sigmas, 0.0)
    return found[:2] if found else None


def _departure(
    scale: Scale, value: float, history: Sequence[float], sigmas: float, least: float
) -> tuple[float, float, float] | None:
    """What is usual, and how many times as far as that the number is. Nothing under `least` is unusual."""
    known, here = [_on(scale, v) for v in history], _on(scale, value)
    floor = max(_floor(scale, here), least)
    slope = 0.0 if abs(known[-1] - here) <= floor else _trend(known)
    flat = [y - slope * (t - len(known)) for t, y in enumerate(known)]
    level, width = _band(flat, sigmas)
    width = max(width, floor, _floor(scale, level))
    away = abs(here - level)
    if away <= width or abs(known[-1] - here) <= floor or sum(abs(y - here) <= floor for y in flat) >= SEEN_BEFORE:
        return None
    if scale.kind == "share" and not (_doubled(here, level) or _doubled(1 - here, 1 - level)):
        return None
    effect = min(away / width, _FARTHEST) if width else _FARTHEST
    return _off(scale, level - width), _off(scale, level + width), effect


def _doubled(one: float, other: float) -> bool:
    return max(one, other) >= 2 * min(one, other)


def _band(history: list[float], sigmas: float) -> tuple[float, float]:
    """The middle of a history without trend, and how far around it is usual: the fewer partitions, the farther."""
    n, middle, ordered = len(history), median(history), sorted(history)
    spread = 1.4826 * median(abs(y - middle) for y in history)
    spread = max(spread, (ordered[(3 * n) // 4] - ordered[n // 4]) / 1.349)
    return middle, sigmas * spread * (1 + 6 / n)


def _trend(history: Sequence[float]) -> float:
    """Theil-Sen slope where Mann-Kendall finds one at 1 %, else 0."""
    n = len(history)
    slopes = [(history[j] - history[i]) / (j - i) for i in range(n) for j in range(i + 1, n)]
    score = abs(sum((s > 0) - (s < 0) for s in slopes))
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return median(slopes) if score - 1 > 2.576 * deviation else 0.0


def _scale(name: str) -> Scale:
    metric = parts(name)[1]
    return _MIX if metric.startswith(METRIC) else SCALES.get(metric, _OTHER)


def _on(scale: Scale, value: float) -> float:
    return math.log1p(max(value, 0.0)) if scale.kind == "count" else value


def _off(scale: Scale, value: float) -> float:
    """The number again, within what such a number can be."""
    if scale.kind == "count":
        return max(0.0, math.expm1(min(value, 700.0)))
    return min(1.0, max(0.0, value)) if scale.kind == "share" else value


def _floor(scale: Scale, level: float) -> float:
    if scale.kind == "share":
        return scale.floor
    return math.log1p(scale.floor) if scale.kind == "count" else scale.floor * abs(level)


def _near(scale: Scale, value: float, other: float, times: int) -> bool:
    a, b = _on(scale, value), _on(scale, other)
    return abs(a - b) <= times * max(_floor(scale, a), _floor(scale, b))


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
