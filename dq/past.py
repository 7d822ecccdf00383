"""What earlier partitions of a source taught: what the next one is compared with. Order is that of keys, not of
arrival: a partition is judged by those before it, whenever they landed."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from dq import due, inventory
from dq.drift.learnt import Lesson, floods, levels
from dq.drift.measured import measures
from dq.drift.usual import MINIMUM_HISTORY
from dq.ir.data import Partition
from dq.ir.layout import moment, parse_layout, wall
from dq.ir.result import Acceptance, Decision, Publication, Verdict
from dq.judge import Background
from dq.profile import same_rows, trace
from dq.publish import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from dq.history import History
    from dq.inventory import Landed
    from dq.ir.check import Suite
    from dq.ir.contract import Contract
    from dq.ir.data import Schema
    from dq.profile import Profile, Trace
    from dq.stores.base import Store

Place: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Taught:
    """By one partition with these `keys`: `values` of its checks by id, `measures` of its profile, its layout."""

    keys: tuple[Any, ...]
    values: Lesson
    measures: Lesson
    schema: Schema


class Past:
    """Standing decisions, commits and acceptances of a source. A partition teaches by the decision that readers see, or
    will see once it is carried out: a revision replaces what its predecessor taught."""

    def __init__(self, contract: Contract, history: History) -> None:
        self.contract, self.history = contract, history
        self.known: dict[str, dict[str, Decision]] = history.decisions(contract.source)
        self.published: dict[str, list[Publication]] = history.publications(contract.source)
        accepted = history.acceptances(contract.source)
        self.accepted = {(a.partition, a.digest): a for a in accepted}
        self._reopened = {quarantine: a for a in accepted for quarantine in a.reopens}
        self._layout = parse_layout(contract.layout) if contract.layout else None
        self._fresh: dict[str, str] = {}  # digests promoted by this run
        self._taught: dict[tuple[str, str, int], _Taught] = {}
        self._traces: dict[tuple[str, str, int], Trace | None] = {}
        self._series: dict[tuple[Any, ...], list[tuple[Place, str]]] | None = None
        self._contents: dict[str, set[str]] | None = None
        self._kept: set[str] | None = None

    def standing(self, partition: Partition) -> Decision | None:
        return self.known.get(partition.key, {}).get(partition.digest)

    def reopened(self, decision: Decision) -> Acceptance | None:
        """The acceptance that asks to judge this quarantine again, for as long as the quarantine stands."""
        return self._reopened.get((decision.partition, decision.digest, decision.n))

    def unrecorded(self, key: str) -> list[Decision]:
        """Decisions to promote that no publication is recorded of, oldest first."""
        recorded = {c.digest for c in self.published.get(key, [])}
        promoted = [d for d in self.known.get(key, {}).values() if d.verdict is Verdict.PROMOTE]
        return [d for d in promoted if d.shown_digest not in recorded]

    def gone(self, partition: Partition) -> str:
        """Where only some of the files decided last are left, and nothing else, what is missing: nobody landed that."""
        decisions = list(self.known.get(partition.key, {}).values())
        last = decisions[-1] if decisions else None
        if last is None or not inventory.is_part(partition.files, last.files):
            return ""
        kept = {f.path for f in partition.files}
        missing = [f.path for f in last.files if f.path not in kept]
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        return f"{len(missing)} of {len(last.files)} files gone from landing: {', '.join(missing[:3])}{more}"

    def late(self, landed: Iterable[Landed], now: datetime, start: date | None) -> list[str]:
        """Keys of what should have landed and been ready by now, but for what a person said will not come."""
        if self.contract.expected is None:
            return []
        landed = list(landed)
        absent = [a.partition for a in self.history.absences(self.contract.source)]
        known = [*(one.partition for one in landed), *map(self._partition, (*self.known, *absent))]
        gaps = due.late(self.contract, known, now, start)
        return [key for gap in gaps for key in (p.key for p in gap)] + due.overdue(self.contract, landed, now)

    def is_published(self, partition: Partition) -> Publication | None:
        commits = self.published.get(partition.key, [])
        stands = self.standing(partition)
        digest = stands.shown_digest if stands else partition.digest
        return commits[-1] if commits and commits[-1].digest == digest else None

    def kept(self, quarantine: Store) -> set[str]:
        """Records of the source in the quarantine zone, all listed when one is asked for first."""
        if self._kept is None:
            listed = (entry.path for entry in quarantine.list(self.contract.source))
            self._kept = {path for path in listed if path.endswith(f"/{RECORD}")}
        return self._kept

    def learn(self, partition: Partition, decision: Decision, profile: Profile | None, flagged: frozenset[str]) -> None:
        """A decision made just now; where its profile is at hand, what it teaches need not be read back."""
        self.known.setdefault(partition.key, {})[partition.digest] = decision
        if decision.verdict is Verdict.PROMOTE:
            self._fresh[partition.key] = partition.digest
        if profile is not None:
            self._taught[_name(decision)] = self._lessons(decision, measures(profile), flagged)
            self._traces[_name(decision)] = trace(profile)
        if self._contents is not None:
            self._contents[decision.content].add(partition.key)
        self._place(partition)

    def background(self, partition: Partition, suite: Suite, profile: Profile | None = None) -> Background:
        """What the partition is compared with: the last `window` that teach before it; itself where a person accepted
        these very bytes."""
        window, at = suite.memory.window, _time(partition.values)
        before = self._before(partition)[-max(window, *(c.bound.reach for c in suite.checks), 1) :]
        taught = [t for key in before if (t := self._recall(key)) is not None]
        if (own := self.accepted.get((partition.key, partition.digest))) is not None:
            taught.append(self._accepted(own))
        twin = self._twin(partition)
        copied = None if twin or profile is None or suite.memory.repeats else self._copied(partition, profile, window)
        twin = twin or copied
        if not taught:
            return Background(twin=twin, same_rows=copied is not None, at=at)
        known = levels(_compared(taught, suite), suite.memory.adopt_after)
        alike = self._alike(partition, before[-window:], window) if suite.memory.anomaly else []
        remembered = [t.measures for t in (*alike, *taught[-window:])] if suite.memory.anomaly else []
        usual = levels(remembered, suite.memory.adopt_after)
        last = taught[-1]
        same_layout = self.contract.suite_at(dict(last.keys)).digest == suite.digest
        return Background(
            known, last.schema if same_layout else None, _passing(taught, suite.memory.adopt_after), twin,
            copied is not None, usual, at,
        )  # fmt: skip

    def _alike(self, partition: Partition, recent: list[str], window: int) -> list[_Taught]:
        """Of the last `window` days those of its time of day, but for `recent` ones: what differs from hour to hour by
        nature is held against them."""
        at, line = moment(dict(partition.values)), self._line(partition)
        if not isinstance(at, datetime):
            return []
        keys = []
        for day in range(window, 0, -1):
            place = ((at - timedelta(days=day)).isoformat(),)
            n = bisect_left(line, (place, ""))
            keys += [key for (when, *_), key in line[n : n + 1] if when == place[0] and key not in recent]
        return [t for key in keys if (t := self._recall(key)) is not None]

    def _before(self, partition: Partition) -> list[str]:
        return self._around(partition)[0]

    def _around(self, partition: Partition) -> tuple[list[str], list[str]]:
        """Keys that teach in its series: before it, and after it."""
        line = self._line(partition)
        at = bisect_left(line, (inventory.order(partition), ""))
        return [key for _, key in line[:at]], [key for _, key in line[at:] if key != partition.key]

    def _line(self, partition: Partition) -> list[tuple[Place, str]]:
        if self._series is None:
            self._series = defaultdict(list)
            for key in self.known:
                self._place(self._partition(key))
        return self._series[self._serial(partition)]

    def _place(self, partition: Partition) -> None:
        """Put it in its series where it teaches, take it out where it does not. A stray is in none."""
        if self._series is None or (self._layout is not None and not partition.values):
            return
        line, place = self._series[self._serial(partition)], (inventory.order(partition), partition.key)
        at = bisect_left(line, place)
        there = at < len(line) and line[at] == place
        teaches = self._teacher(partition.key) is not None
        if teaches and not there:
            insort(line, place)
        elif there and not teaches:
            del line[at]

    def _teacher(self, key: str) -> Decision | Acceptance | None:
        commits, fresh = self.published.get(key, []), self._fresh.get(key)
        promoted = [d for d in self.known.get(key, {}).values() if d.verdict is Verdict.PROMOTE]
        shown = commits[-1].digest if commits else ""
        seen = [d for d in promoted if (d.digest == fresh if fresh else d.shown_digest == shown)]
        if promoted:
            stands = (seen or promoted)[-1]
            return stands if stands.teaches else None
        return next((a for (k, _), a in reversed(self.accepted.items()) if k == key), None)

    def _recall(self, key: str) -> _Taught | None:
        teacher = self._teacher(key)
        if teacher is None:
            return None
        accepted = self.accepted.get((key, teacher.digest))
        if accepted is not None or not isinstance(teacher, Decision):
            return self._accepted(accepted or teacher)  # type: ignore[arg-type]
        if _name(teacher) not in self._taught:
            self._taught[_name(teacher)] = self._lessons(teacher, *self.history.measures(teacher))
        return self._taught[_name(teacher)]

    def _lessons(self, decision: Decision, measured: Mapping[str, float], flagged: frozenset[str]) -> _Taught:
        softly = frozenset(name for name, _ in decision.flagged)
        keys, name = self._values(decision.partition), decision.partition
        values = Lesson(dict((*decision.values, *decision.flagged)), softly, partition=name, at=_time(keys))
        return _Taught(keys, values, replace(values, numbers=measured, flagged=flagged), decision.schema)

    def _accepted(self, acceptance: Acceptance) -> _Taught:
        decision = self.known.get(acceptance.partition, {}).get(acceptance.digest)
        measured = self.history.measures(decision)[0] if decision else {}
        keys, name = self._values(acceptance.partition), acceptance.partition
        values = Lesson(dict(acceptance.values), accepted=True, partition=name, at=_time(keys))
        return _Taught(keys, values, replace(values, numbers=measured), acceptance.schema)

    def _twin(self, partition: Partition) -> str | None:
        """Another partition with the same content: one that was promoted, unless these bytes were before and come
        first, or one that comes first, unless only these were."""
        if self._contents is None:
            self._contents = defaultdict(set)
            for key, decisions in self.known.items():
                for decision in decisions.values():
                    self._contents[decision.content].add(key)
        same = [self._partition(k) for k in self._contents[inventory.content(partition.files)] if k != partition.key]
        here, stands = inventory.order(partition), self.standing(partition)
        promoted = stands is not None and stands.verdict is Verdict.PROMOTE

        def is_twin(other: Partition) -> bool:
            first, taught = inventory.order(other) < here, self._teacher(other.key) is not None
            return (first and taught) if promoted else (first or taught)

        twins = [(inventory.order(p), p.key) for p in same if (p.values or self._layout is None) and is_twin(p)]
        return min(twins)[1] if twins else None

    def _copied(self, partition: Partition, profile: Profile, window: int) -> str | None:
        """The nearest partition of the window that holds the same rows, whatever the bytes: one before it or, unless
        this one was promoted, one after it."""
        mine = trace(profile)
        if mine is None:
            return None
        before, after = self._around(partition)
        stands = self.standing(partition)
        promoted = stands is not None and stands.verdict is Verdict.PROMOTE
        near = [*reversed(before[-window:]), *([] if promoted else after[:window])]
        return next((k for k in near if (found := self._trace(k, mine.rows)) and same_rows(mine, found)), None)

    def _trace(self, key: str, rows: int) -> Trace | None:
        """Of the partition that teaches under the key, if it has so many rows."""
        taught, teacher = self._recall(key), self._teacher(key)
        if taught is None or taught.measures.numbers.get("table.rows") != rows or not isinstance(teacher, Decision):
            return None
        name = _name(teacher)
        if name not in self._traces:
            self._traces[name] = self._traced(teacher)
        return self._traces[name]

    def _traced(self, decision: Decision) -> Trace | None:
        try:
            found = self.history.profile(decision)
        except ValueError:  # states of a version that is not known
            return None
        return trace(found) if found else None

    def _partition(self, key: str) -> Partition:
        return Partition(self.contract.source, key, self._values(key))

    def _values(self, key: str) -> tuple[Any, ...]:
        found = self._layout.match(tuple(key.split("/"))) if self._layout else None
        return tuple(found.items()) if found else ()

    def _serial(self, partition: Partition) -> tuple[Any, ...]:
        return inventory.series(partition, self.contract.series)


def _name(decision: Decision) -> tuple[str, str, int]:
    return decision.partition, decision.digest, decision.n


def _compared(taught: list[_Taught], suite: Suite) -> Iterator[Lesson]:
    """What their checks teach that are compared with earlier numbers. Where rows were unusual, or more than doubled
    before anything could be, so were the counts of them that are held against bounds."""
    names = {c.id for c in suite.checks if c.bound.reach}
    volume = {c.id for c in suite.checks if c.metric.name == "row_count"}
    unjudged = MINIMUM_HISTORY if suite.memory.anomaly else None
    flooded = floods((t.measures for t in taught), "table.rows", suite.memory.adopt_after, unjudged)
    for one, flood in zip(taught, flooded, strict=True):
        doubted = volume if flood or "table.rows" in one.measures.flagged else set()
        numbers = {n: v for n, v in one.values.numbers.items() if n in names}
        yield replace(one.values, numbers=numbers, flagged=one.values.flagged | doubted)


def _passing(taught: list[_Taught], adopt_after: int) -> frozenset[str]:
    """Columns that the last partition has and one of the `adopt_after` last ones has not, unless a person accepted
    them: what came for a day may go again."""
    recent = taught[-adopt_after:]
    since = max((n for n, t in enumerate(recent) if t.values.accepted), default=0)
    settled = frozenset.intersection(*(frozenset(t.schema.names) for t in recent[since:]))
    return frozenset(recent[-1].schema.names) - settled


def _time(keys: Iterable[tuple[str, Any]]) -> datetime | None:
    """When a partition with these keys is."""
    at = moment(dict(keys))
    return None if at is None else wall(at)
