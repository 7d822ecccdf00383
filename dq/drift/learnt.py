"""What partitions teach, one after the other: the history of each number."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from dq.drift.mix import is_share, parts, whole
from dq.drift.placed import placed
from dq.drift.scale import Scale, scale_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

_ALL = 0.999  # of the values are listed


@dataclass(frozen=True, slots=True)
class Seen:
    """A number as a partition had it, and the time that the partition is of."""

    value: Any
    partition: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one partition teaches: numbers by name. `flagged` ones were unusual then, and count only once enough others
    agree with them; `accepted`: a person declared all of them normal."""

    numbers: Mapping[str, float]
    flagged: frozenset[str] = frozenset()
    accepted: bool = False
    partition: str = ""
    at: datetime | None = None


def levels(lessons: Iterable[Lesson], adopt_after: int) -> dict[str, tuple[Seen, ...]]:
    """The history of each number, oldest first. Flagged ones join it once `adopt_after` of them agree, in place of the
    rest where they came in a row: the level has shifted. An accepted one that departs begins it anew."""
    found: defaultdict[str, _History] = defaultdict(_History)
    lessons = list(lessons)
    names = {n for lesson in lessons for n in lesson.numbers}
    for lesson in lessons:
        for name, value in placed(whole(lesson.numbers, names), lesson.at).items():
            seen = Seen(value, lesson.partition, lesson.at)
            found[name].learn(name, seen, name in lesson.flagged, lesson.accepted, adopt_after)
    return {name: tuple(history.known) for name, history in found.items() if history.known}


def floods(lessons: Iterable[Lesson], name: str, adopt_after: int, unjudged: int | None) -> Iterator[bool]:
    """Of each lesson whether its number is more than double the one before it, where nothing else would have told: the
    first `unjudged` numbers (None: all). What enough others agree with is no flood."""
    history = _History()
    for lesson in lessons:
        value = lesson.numbers.get(name)
        if value is None:
            yield False
            continue
        told = unjudged is not None and len(history.known) >= unjudged
        flood = not told and bool(history.known) and not lesson.accepted and value > 2 * history.known[-1].value
        history.learn(name, Seen(value), flood or name in lesson.flagged, lesson.accepted, adopt_after)
        yield flood


@dataclass(slots=True)
class _History:
    known: list[Seen] = field(default_factory=list)
    doubted: list[Seen] = field(default_factory=list)
    in_order: list[Seen] = field(default_factory=list)
    in_a_row: int = 0

    def learn(self, name: str, seen: Seen, flagged: bool, accepted: bool, adopt_after: int) -> None:
        self.in_order.append(seen)
        if flagged and not accepted:
            self._doubt(scale_of(name), seen, adopt_after)
            return
        if accepted and self.known and not scale_of(name).near(seen.value, median(s.value for s in self.known), 1):
            self.known.clear()
        self.known.append(seen)
        self.in_a_row = 0

    def _doubt(self, scale: Scale, seen: Seen, adopt_after: int) -> None:
        self.doubted.append(seen)
        self.in_a_row += 1
        alike = [s for s in self.doubted if scale.near(s.value, seen.value, 2)]
        shifted = len(alike) >= adopt_after and self.in_a_row >= adopt_after
        agreeing = alike if shifted else [s for s in self.doubted if s in alike or self._as_far(s, seen)]
        if len(agreeing) < adopt_after:
            return
        kept = agreeing if shifted else self.known + agreeing
        self.known = [s for s in self.in_order if any(s is k for k in kept)]
        self.doubted = [s for s in self.doubted if not any(s is a for a in agreeing)]
        self.in_a_row = 0

    def _as_far(self, other: Seen, seen: Seen) -> bool:
        """On the same side of what is usual, and no nearer to it."""
        middle = median(s.value for s in self.known) if self.known else seen.value
        return bool(other.value >= seen.value > middle or other.value <= seen.value < middle)


def unseen(numbers: Mapping[str, float], history: Mapping[str, Sequence[Seen]]) -> dict[str, tuple[Seen, ...]]:
    """The history of values that never were: a zero for each time the column's other values were looked at. None where
    only the frequent ones are remembered."""
    looks = {column: max(pasts, key=len) for column, pasts in _mixes(history).items()}
    listed = complete(numbers)
    fresh = [n for n in numbers if n not in history and is_share(n) and parts(n)[0] in listed]
    return {n: tuple(replace(s, value=0.0) for s in looks.get(parts(n)[0], ())) for n in fresh}


def mixed(history: Mapping[str, Sequence[Seen]]) -> dict[str, float]:
    """Columns that are told by what they are made of, with the share of values that come and go: that are missing in
    half of the partitions."""
    return {column: sum(map(_coming, pasts)) for column, pasts in _mixes(history).items()}


def _coming(past: Sequence[Seen]) -> float:
    return 0.0 if median(s.value for s in past) else fmean(s.value for s in past)


def complete(numbers: Mapping[str, float]) -> set[str]:
    """Columns of which all values are listed."""
    listed: defaultdict[str, float] = defaultdict(float)
    for name, share in numbers.items():
        if is_share(name):
            listed[parts(name)[0]] += share
    return {column for column, share in listed.items() if share > _ALL}


def _mixes(history: Mapping[str, Sequence[Seen]]) -> dict[str, list[Sequence[Seen]]]:
    found: defaultdict[str, list[Sequence[Seen]]] = defaultdict(list)
    for name, past in history.items():
        if is_share(name):
            found[parts(name)[0]].append(past)
    return found
