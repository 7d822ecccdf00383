"""What adapters are still to be told, and telling them. The truth is what was decided and published; of each adapter
history remembers what it was told of that. So a run that was killed, or an adapter that failed, is gone on with."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from dq import publish
from dq.adapters.base import Event, Shown
from dq.errors import DQError, StoreError
from dq.ir.layout import parse_layout
from dq.ir.result import Decision, Delivery, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq.adapters.base import Follower, Messenger
    from dq.gate import Run
    from dq.ir.result import Publication

Mark: TypeAlias = "tuple[str, str, int]"
"""Partition, digest, and the revision of what is published; or n of a decision, or a later revision of it, negative."""
AT_ONCE = 100  # are told, then remembered
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Pending:
    """What an adapter is still to be told, oldest first; `why` it failed last, if it did. `known_as`: in history."""

    adapter: str
    known_as: str
    marks: tuple[Mark, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outbox:
    followers: tuple[Follower, ...] = ()
    messengers: tuple[Messenger, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.followers or self.messengers)

    def begin(self, run: Run) -> None:
        """A messenger that is new tells nothing of what was decided before."""
        if not self.messengers:
            return
        known = {name for one in run.history.deliveries(run.contract.source) for name, _ in one.told}
        if new := [m.name for m in self.messengers if m.name not in known]:
            past = tuple(_Facts(run).tell_of(waiting=True))
            _remember(run, dict.fromkeys(new, past))

    def pending(self, run: Run) -> list[Pending]:
        return self._pending(run, _Facts(run)) if self else []

    def _pending(self, run: Run, facts: _Facts) -> list[Pending]:
        told: dict[str, set[Mark]] = defaultdict(set)
        why: dict[str, str] = {}
        for one in run.history.deliveries(run.contract.source):
            for name, marks in one.told:
                told[name].update(marks)
            why |= {name: "" for name, _ in one.told} | dict(one.failed)
        shown, due = facts.published(), list(facts.events())
        wanted = [(f.name, f"{f.name} {f.at}".strip(), shown) for f in self.followers]
        wanted += [(m.name, m.name, due) for m in self.messengers if m.name in told]
        pending = [Pending(n, k, tuple(m for m in of if m not in told[k]), why.get(k, "")) for n, k, of in wanted]
        return [one for one in pending if one.marks]

    def deliver(self, run: Run) -> list[str]:
        """Tell every adapter what it does not know; a line for each that failed."""
        if not self:
            return []
        facts = _Facts(run)
        done: dict[str, tuple[Mark, ...]] = {}
        faults: dict[str, str] = {}
        lines = []
        for one in self._pending(run, facts):
            try:
                for n in range(0, len(one.marks), AT_ONCE):
                    if n:
                        _remember(run, {one.known_as: done.pop(one.known_as)})
                    self._tell(run, facts, one.adapter, one.marks[n : n + AT_ONCE])
                    done[one.known_as] = one.marks[n : n + AT_ONCE]
            except DQError as error:
                if str(error) != one.why:
                    faults[one.known_as] = str(error)
                lines.append(f"{one.adapter}: {error}; told again by the next gate")
        try:
            self._catch_up(run, facts)
        except DQError as error:
            lines.append(str(error))
        _remember(run, done, faults)
        return lines

    def _tell(self, run: Run, facts: _Facts, adapter: str, marks: Sequence[Mark]) -> None:
        messenger = next((m for m in self.messengers if m.name == adapter), None)
        if messenger is not None:
            return messenger.tell([facts.events()[mark] for mark in marks])
        follower = next(f for f in self.followers if f.name == adapter)
        pinned = next((key for key, commits in facts.commits.items() if not commits[-1].path), None)
        if pinned and not follower.versions:
            raise StoreError(f"{pinned} is published as versions of what landed: land it again to have it copied")
        facts.told += [partition for partition, _, _ in marks]
        return follower.follow(run.contract, facts.shown(), facts.told[-len(marks) :])

    def _catch_up(self, run: Run, facts: _Facts) -> None:
        """Another gate may have told followers of a newer revision while we told them of ours."""
        keys = dict.fromkeys(facts.told)
        for _ in range(_TRIES):
            if not keys:
                return
            now, before = _Facts(run), facts
            keys = {key: None for key in keys if now.commits[key][-1] != before.commits[key][-1]}
            for follower in self.followers if keys else ():
                follower.follow(run.contract, now.shown(), list(keys))
            facts = now
        if keys:
            raise StoreError(f"{next(iter(keys))} is published anew all the time")


class _Facts:
    """Of a source, as they are now."""

    def __init__(self, run: Run) -> None:
        self.run, source = run, run.contract.source
        self.decisions = [one for one in run.history.log(source) if isinstance(one, Decision)]
        self.commits: dict[str, list[Publication]] = run.history.publications(source)
        self.told: list[str] = []  # partitions, to followers
        self._shown: dict[str, Shown] | None = None
        self._events: dict[Mark, Event] | None = None

    def published(self) -> list[Mark]:
        if self.run.zones.curated is None:
            return []
        return [(p, commits[-1].digest, commits[-1].revision) for p, commits in self.commits.items()]

    def events(self) -> dict[Mark, Event]:
        if self._events is None:
            self._events = self.tell_of()
        return self._events

    def tell_of(self, *, waiting: bool = False) -> dict[Mark, Event]:
        """All decisions, but for those to promote what is not published yet, unless `waiting`; and the later revisions
        of content that was published again, which no new decision tells of."""
        stands = {(d.partition, d.digest): d.n for d in sorted(self.decisions, key=lambda d: d.n)}
        found = {}
        for one in self.decisions:
            promoted = one.verdict is Verdict.PROMOTE and self.run.zones.curated is not None
            standing = one.n == stands[one.partition, one.digest]
            mine = [c for c in self.commits.get(one.partition, ()) if promoted and c.digest == one.shown_digest]
            if mine or waiting or not (promoted and standing):
                found[one.partition, one.digest, one.n] = Event(one, mine[0].revision if mine else None)
            for again in mine[1:] if standing else ():
                found[one.partition, one.digest, -again.revision] = Event(one, again.revision)
        return found

    def shown(self) -> Mapping[str, Shown]:
        if self._shown is None:
            by_content = {(d.partition, d.shown_digest): d for d in self.decisions}
            newest = (commits[-1] for commits in self.commits.values())
            self._shown = {c.partition: self._of(c, by_content.get((c.partition, c.digest))) for c in newest}
        return self._shown

    def _of(self, one: Publication, decision: Decision | None) -> Shown:
        if decision is None or self.run.zones.curated is None:
            raise StoreError(f"{one.source} {one.partition} is published, and history has no decision on it")
        layout = parse_layout(self.run.contract.layout) if self.run.contract.layout else None
        values = (layout.match(tuple(one.partition.split("/"))) if layout else None) or {}
        return Shown(one, decision, tuple(values.items()), publish.located(self.run.zones.curated, one))


def _remember(run: Run, told: Mapping[str, tuple[Mark, ...]], failed: Mapping[str, str] | None = None) -> None:
    if told or failed:
        failures = tuple((failed or {}).items())
        run.history.deliver(Delivery(run.contract.source, tuple(told.items()), failures, run.moment, run.run_id))
