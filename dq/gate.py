"""The one use case: inventory -> judge -> decide -> record -> publish, partition after partition in key order."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dq import inventory, publish, split
from dq.errors import HoldError, SourceChanged, said_by_system
from dq.ir import document
from dq.ir.check import Suite
from dq.ir.layout import moment
from dq.ir.result import Decision, Judgement, Verdict
from dq.ir.scalar import compare
from dq.judge import Asking, Background, Scanned, held, judge
from dq.past import Past
from dq.ready import matches_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from datetime import date

    from dq.engines.base import Dataset
    from dq.history import History
    from dq.ir.contract import Contract
    from dq.ir.data import Partition
    from dq.ir.result import CheckResult
    from dq.stores.base import Store

TRIES = 3  # a partition that changes while it is judged is judged again so often, then held


@dataclass(frozen=True, slots=True)
class Zones:
    """Where a source's data is and goes. `prefix` is its folder in landing; without `curated` nothing is moved."""

    landing: Store
    prefix: str
    history: Store
    quarantine: Store | None = None
    curated: Store | None = None
    others: tuple[inventory.Other, ...] = ()  # sources in the same tree


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which partitions, and what to do. `start`: time keys before it are ignored; `again`: decided ones too; `dry`:
    judge, but write nothing."""

    keys: frozenset[str] | None = None
    start: date | None = None
    again: bool = False
    only_quarantined: bool = False
    dry: bool = False
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the gate over one source. `scan` may read ahead and in parallel: it depends on no history."""

    contract: Contract
    zones: Zones
    history: History
    open_data: Callable[[Partition, Suite], Dataset]
    scan: Callable[[Partition, Suite], Future[Scanned]]
    asking: Asking
    run_id: str
    wanted: Wanted = field(default_factory=Wanted)
    close: Callable[[], None] = lambda: None
    divider: split.Divider | None = None  # without one, and zones for both parts, nothing is split

    @property
    def moment(self) -> str:
        return self.asking.now.isoformat()

    def landed(self) -> list[inventory.Landed]:
        zones, now = self.zones, self.asking.now.timestamp()
        return inventory.scan(zones.landing, zones.prefix, self.contract, now, zones.others)


def gate(run: Run) -> Iterator[dict[str, Any]]:
    """Documents of the partitions that were decided, finished or held; with `keys`, of standing decisions too.

    A partition that is not ready is passed over; a person who names it gets a hold that says why.
    """
    with nullcontext() if run.wanted.dry else run.history.lock(run.contract.source):
        known = run.history.decisions(run.contract.source)
        published = run.history.publications(run.contract.source)
        accepted = run.history.acceptances(run.contract.source)
        past = Past(run.contract, known, published, accepted)
        for landed in run.landed():
            named = run.wanted.keys is not None and landed.partition.key in run.wanted.keys
            if (run.wanted.keys is not None and not named) or _before(landed.partition, run.wanted.start):
                past.pass_by(landed.partition)
                continue
            if landed.waiting:
                past.pass_by(landed.partition)
                if named:
                    yield _hold(run, landed.partition, landed.waiting)
                continue
            outcome = _decide(run, past, landed, named)
            if outcome is not None:
                yield outcome
        if not run.wanted.dry:
            run.history.gather()
            run.history.seal(run.contract.source, run.moment)


def _before(partition: Partition, start: date | None) -> bool:
    at = moment(dict(partition.values)) if start else None
    return at is not None and compare(at, start) < 0


def _decide(run: Run, past: Past, landed: inventory.Landed, named: bool) -> dict[str, Any] | None:
    """Judge and carry out, or finish what stands; None when there is nothing to do and nobody asked."""
    partition = landed.partition
    try:
        recorded = [d.files for d in past.known.get(partition.key, {}).values()]
        partition = inventory.identify(partition, run.zones.landing, recorded, run.zones.prefix)
        standing = past.standing(partition)
        accepted = past.reopened(standing) if standing else None
        if standing is not None and accepted is None and not _again(run, standing):
            finished = _finish(run, past, partition, standing)
            past.learn(partition, standing)
            past.adopt(partition, partition.digest)
            return _adopted(run, past, partition, standing) if finished or named else None
        judgement, profile = _judge_steadily(run, past, landed, partition)
        if judgement.verdict is Verdict.HOLD or run.wanted.dry:
            return _document(run, partition, judgement, attempt=not run.wanted.dry)
        asked_by = (accepted.by, accepted.why) if accepted else (run.wanted.by, run.wanted.why)
        return _carry_out(run, past, partition, judgement, profile, (standing.n if standing else 0) + 1, asked_by)
    except HoldError as error:
        return _hold(run, partition, str(error))
    except OSError as error:  # of what a partition needs beside its zones, such as room for temporary files
        return _hold(run, partition, said_by_system(error))


def _again(run: Run, standing: Decision) -> bool:
    return run.wanted.again and (not run.wanted.only_quarantined or standing.verdict is Verdict.QUARANTINE)


def _judge_steadily(run: Run, past: Past, landed: inventory.Landed, partition: Partition) -> tuple[Judgement, Any]:
    """Judge bytes that are the same before and after; raises SourceChanged when they never are."""
    suite = run.contract.suite_at(dict(partition.values))
    if landed.fault:
        found = held(partition, suite, landed.fault.message)
        return replace(found, verdict=Verdict.QUARANTINE, reasons=(landed.fault,)), None
    scanned = run.scan(partition, suite).result()
    judgement, profile = judge(partition, suite, scanned, past.background(partition, suite)), scanned.profile
    if suite.on_fail == "split" and judgement.verdict is Verdict.QUARANTINE:
        judgement, profile = _split(run, past, partition, suite, judgement, profile)
    if not _unchanged(run, partition):
        raise SourceChanged("landing changed while it was judged: nothing is decided, it is judged again next time")
    return judgement, profile


def _split(
    run: Run, past: Past, partition: Partition, suite: Suite, judgement: Judgement, profile: Any
) -> tuple[Judgement, Any]:
    """The judgement that promotes the good rows and their profile, or why it is no split."""
    if run.divider is None or run.zones.curated is None or run.zones.quarantine is None:
        return split.whole(judgement, "there is no curated zone to publish the good rows in"), profile

    def background(part: Partition) -> Background:
        return past.background(replace(part, digest=partition.digest), suite)

    most = run.contract.split_max_ratio
    judgement, good = split.divide(partition, suite, judgement, most, run.divider, background)
    return judgement, good.profile if good else profile


def _unchanged(run: Run, partition: Partition) -> bool:
    """Whether landing still holds exactly the judged files: none touched, none gone, none come late."""
    landing, base = run.zones.landing, f"{run.zones.prefix}/{partition.key}".strip("/")
    judged = {f.path: f.signature for f in partition.files}
    if partition.single_file:
        entry = landing.stat(base)
        return entry is not None and entry.signature in judged.values()
    listed = {e.path.removeprefix(f"{base}/"): e for e in landing.list(base)}
    beside = (run.contract.ready.marker, run.contract.ready.manifest)
    found = {p: e.signature for p, e in listed.items() if inventory.is_data(p, e.bytes) and not matches_name(p, beside)}
    return judged == found


def _carry_out(
    run: Run, past: Past, partition: Partition, judgement: Judgement, profile: Any, n: int, asked_by: tuple[str, str]
) -> dict[str, Any]:
    """Record first, then move; a decision somebody else recorded meanwhile is adopted."""
    taught, parts = judgement.split or judgement, judgement.split
    mine = Decision(
        source=partition.source,
        partition=partition.key,
        digest=partition.digest,
        n=n,
        verdict=judgement.verdict,
        decided_at=run.moment,
        run_id=run.run_id,
        suite_digest=judgement.suite_digest,
        content=inventory.content(partition.files),
        files=partition.files,
        rows=judgement.rows,
        values=_values(taught.checks),
        schema=taught.schema,
        reasons=judgement.reasons,
        by=asked_by[0],
        why=asked_by[1],
        published_digest=parts.digest if parts else "",
        published=parts.files if parts else (),
        withheld=parts.withheld if parts else (),
        rows_quarantined=judgement.rows_quarantined,
    )
    body = document.result(
        judgement, landing=_landing(run, partition), decided_at=run.moment, run_id=run.run_id, by=mine.by, why=mine.why
    )  # fmt: skip
    if parts and run.zones.quarantine:
        body["split"]["quarantined"] = f"{run.zones.quarantine.url}/{publish.withheld_at(mine)}"
    stands = run.history.record(mine, body, profile, parts.selection if parts else None)
    past.known.setdefault(partition.key, {})[partition.digest] = stands
    _finish(run, past, partition, stands)
    past.learn(partition, stands)
    if stands is not mine:
        return _adopted(run, past, partition, stands)
    return _situated(run, past, partition, stands, body)


def _values(checks: tuple[CheckResult, ...]) -> tuple[tuple[str, Any], ...]:
    """Numbers that later partitions may be compared with."""
    numbers = (int, float)
    return tuple((c.id, c.observed) for c in checks if isinstance(c.observed, numbers) and c.cause is None)


def _finish(run: Run, past: Past, partition: Partition, decision: Decision) -> bool:
    """Whatever the decision still asks for; whether anything was left to do."""
    if run.wanted.dry:
        return False
    if decision.verdict is Verdict.PROMOTE and run.zones.curated is not None:
        done = past.is_published(partition)
        if done and (not decision.withheld or publish.is_withheld(decision, run.zones.quarantine)):
            return False
        shown = _shown(run, partition, decision)
        if done:
            return True
        revision = len(past.published.get(partition.key, [])) + 1
        commit = publish.promote(
            shown, decision, run.zones.curated, run.history, revision, run.run_id,
            run.moment, past.unrecorded(partition.key),
        )  # fmt: skip
        past.published.setdefault(partition.key, []).append(commit)
        return True
    if decision.verdict is Verdict.QUARANTINE and run.zones.quarantine is not None:
        copy = run.contract.quarantine_copy
        return publish.quarantine(partition, decision, run.zones.quarantine, _landing(run, partition), copy=copy)
    return False


def _shown(run: Run, partition: Partition, decision: Decision) -> Partition:
    """What the decision publishes. Of a split that are the good rows, once the others are in the quarantine zone."""
    if not decision.published:
        return partition
    if run.divider is None or run.zones.quarantine is None:
        raise HoldError("a split was decided and there is no zone to keep the rows in that it withholds")
    parts = split.again(partition, decision, run.history.selection(decision), run.divider)
    publish.withhold(parts.withheld, partition, decision, run.zones.quarantine, _landing(run, partition))
    return partition.with_files(parts.good, decision.published_digest)


def _adopted(run: Run, past: Past, partition: Partition, decision: Decision) -> dict[str, Any]:
    """The stored document of the standing decision."""
    body = run.history.document(decision) or {}
    return _situated(run, past, partition, decision, {**body, "adopted": True})


def _situated(run: Run, past: Past, partition: Partition, decision: Decision, body: dict[str, Any]) -> dict[str, Any]:
    """The document with what became of the partition: success only once published, where there is a zone for it."""
    commit = past.is_published(partition)
    done = decision.verdict is Verdict.PROMOTE and (commit is not None or run.zones.curated is None)
    place = f"{run.zones.curated.url}/{commit.path}" if commit and run.zones.curated else None
    return {
        **body,
        "verdict": decision.verdict.value,
        "success": done,
        "published": place,
        "revision": commit.revision if commit else len(past.published.get(partition.key, [])) + 1,
    }


def _document(run: Run, partition: Partition, judgement: Judgement, *, attempt: bool) -> dict[str, Any]:
    if attempt:
        why = "; ".join(r.message for r in judgement.reasons)
        run.history.attempt(partition.source, partition.key, partition.digest, run.run_id, why, run.moment)
    return document.result(
        judgement, landing=_landing(run, partition), decided_at=run.moment, run_id=run.run_id
    )  # fmt: skip


def _hold(run: Run, partition: Partition, why: str) -> dict[str, Any]:
    suite = run.contract.suite_at(dict(partition.values))
    return _document(run, partition, held(partition, suite, why), attempt=False)


def _landing(run: Run, partition: Partition) -> str:
    return run.zones.landing.location(f"{run.zones.prefix}/{partition.key}".strip("/"))
