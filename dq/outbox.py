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
    from collections.abc import Iterable, Mapping, Sequence

    from dq.adapters.base import Follower, Messenger
    from dq.gate import Run
    from dq.ir.result import Publication

Mark: TypeAlias = "tuple[str, str, int]"  # partition, digest, and revision of what is published or n of a decision
AT_ONCE = 100  # are told, then remembered
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Pending:
    """What an adapter is still to be told, oldest first; `why` it failed last, if it did."""

    adapter: str
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
            past = tuple(map(_mark, _Facts(run).decisions))
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
        shown, due = facts.published(), [_mark(d) for d in facts.due()]
        wanted = {f.name: shown for f in self.followers} | {m.name: due for m in self.messengers if m.name in told}
        pending = [Pending(n, tuple(m for m in of if m not in told[n]), why.get(n, "")) for n, of in wanted.items()]
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
                        _remember(run, {one.adapter: done.pop(one.adapter)})
                    self._tell(run, facts, one.adapter, one.marks[n : n + AT_ONCE])
                    done[one.adapter] = one.marks[n : n + AT_ONCE]
            except DQError as error:
                if str(error) != one.why:
                    faults[one.adapter] = str(error)
                lines.append(f"{one.adapter}: {error}; told again by the next gate")
        _remember(run, done, faults)
        return lines

    def _tell(self, run: Run, facts: _Facts, adapter: str, marks: Sequence[Mark]) -> None:
        messenger = next((m for m in self.messengers if m.name == adapter), None)
        if messenger is not None:
            return messenger.tell(facts.events(marks))
        follower = next(f for f in self.followers if f.name == adapter)
        keys = [partition for partition, _, _ in marks]
        for _ in range(_TRIES):  # who was here meanwhile may have been overtaken by us
            pinned = [key for key, commits in facts.commits.items() if not commits[-1].path]
            if pinned and not follower.versions:
                raise StoreError(
                    f"{pinned[0]} is published as versions of what landed: land it again to have it copied"
                )
            follower.follow(run.contract, facts.shown(), keys)
            now = run.history.publications(run.contract.source)
            keys = [key for key in keys if now[key][-1] != facts.commits[key][-1]]
            if not keys:
                return None
            facts = _Facts(run)
        raise StoreError(f"{keys[0]} is published anew all the time")


class _Facts:
    """Of a source, as they are now."""

    def __init__(self, run: Run) -> None:
        self.run, source = run, run.contract.source
        self.decisions = [one for one in run.history.log(source) if isinstance(one, Decision)]
        self.commits: dict[str, list[Publication]] = run.history.publications(source)
        self._shown: dict[str, Shown] | None = None

    def published(self) -> list[Mark]:
        if self.run.zones.curated is None:
            return []
        return [(p, commits[-1].digest, commits[-1].revision) for p, commits in self.commits.items()]

    def due(self) -> list[Decision]:
        """All decisions but those to promote what is not published yet."""
        stands: dict[tuple[str, str], int] = defaultdict(int)
        for one in self.decisions:
            stands[one.partition, one.digest] = max(stands[one.partition, one.digest], one.n)

        def waits(one: Decision) -> bool:
            promoted = one.verdict is Verdict.PROMOTE and self.run.zones.curated is not None
            return promoted and one.n == stands[one.partition, one.digest] and self._revision(one) is None

        return [one for one in self.decisions if not waits(one)]

    def _revision(self, decision: Decision) -> int | None:
        """The last one, where content was published again."""
        mine = [c.revision for c in self.commits.get(decision.partition, ()) if c.digest == decision.shown_digest]
        return mine[-1] if mine and decision.verdict is Verdict.PROMOTE else None

    def events(self, marks: Iterable[Mark]) -> list[Event]:
        wanted = set(marks)
        return [Event(d, self._revision(d)) for d in self.decisions if _mark(d) in wanted]

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


def _mark(decision: Decision) -> Mark:
    return decision.partition, decision.digest, decision.n


def _remember(run: Run, told: Mapping[str, tuple[Mark, ...]], failed: Mapping[str, str] | None = None) -> None:
    if told or failed:
        failures = tuple((failed or {}).items())
        run.history.deliver(Delivery(run.contract.source, tuple(told.items()), failures, run.moment, run.run_id))
