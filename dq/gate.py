"""The one use case: inventory -> scan -> judge -> decide -> record -> publish. Scans may run ahead and side by side;
deciding is one partition after the other in key order, so that a backfill gives what day by day would have given."""

from __future__ import annotations

from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from dq import carry, inventory, publish, retry, split
from dq.errors import HoldError, PublishConflict, SourceChanged, ZoneFault, said_by_system
from dq.evaluate import left_out
from dq.holds import Holds
from dq.ir import document
from dq.ir.check import Suite
from dq.ir.codec import digest
from dq.ir.layout import moment
from dq.ir.result import Cause, Decision, Judgement, Reason, Start, Verdict
from dq.ir.scalar import compare
from dq.judge import Asking, Background, Scanned, held, judge
from dq.outbox import Outbox
from dq.past import Past
from dq.spool import is_remote
from dq.undone import Open

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from dq.history import History
    from dq.inventory import Landed
    from dq.ir.contract import Contract
    from dq.ir.data import Partition
    from dq.ir.other import Referenced
    from dq.profile import Profile
    from dq.spool import Spool
    from dq.stores.base import Store

STUCK = 3  # partitions in a row that a zone does not take: then the others are not tried
TRIES = 3  # a partition that changes while it is judged is judged again so often, then held


@dataclass(frozen=True, slots=True)
class Zones:
    """Where a source's data is and goes. `prefix` is its folder in landing; without `curated` nothing is published.
    `pinned`: what is published stays in landing, which keeps its versions."""

    landing: Store
    prefix: str
    history: Store
    quarantine: Store | None = None
    curated: Store | None = None
    pinned: bool = False
    others: tuple[inventory.Other, ...] = ()  # sources in the same tree
    spool: Spool | None = None  # of a landing zone whose files no engine opens where they lie


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which partitions, and what to do. `keys`: these only, whatever keeps others; `start`: time keys before it are
    ignored from now on; `again`: decided ones too, `since` a time key; `dry`: judge, but write nothing."""

    keys: frozenset[str] | None = None
    start: date | None = None
    again: bool = False
    only_quarantined: bool = False
    since: date | None = None
    dry: bool = False
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the gate over one source. `scan` may read ahead and in parallel: it depends on no history. `version`
    is of the gate that decides; `jobs` scans run at once; a held partition rests for `retry_seconds` at first."""

    contract: Contract
    zones: Zones
    history: History
    scan: Callable[[Partition, Suite], Future[Scanned]]
    asking: Asking
    run_id: str
    wanted: Wanted = field(default_factory=Wanted)
    close: Callable[[], None] = lambda: None
    divider: split.Divider | None = None  # without one, and zones for both parts, nothing is split
    version: str = ""
    jobs: int = 1
    retry_seconds: float = retry.FIRST_WAIT_SECONDS
    changed: Callable[[Referenced], bool] = lambda _: False
    open: Open = field(default_factory=Open)
    outbox: Outbox = Outbox()

    @property
    def moment(self) -> str:
        return self.asking.now.isoformat()

    def landed(self) -> list[inventory.Landed]:
        zones = self.zones
        # For how long something has lain there only the clock says that told when it came.
        now = zones.landing.clock() if is_remote(zones.landing.url) else self.asking.now.timestamp()
        return inventory.scan(zones.landing, zones.prefix, self.contract, now, zones.others)

    def readable(self, partition: Partition) -> Partition:
        """The partition as engines open it."""
        return self.zones.spool.readable(partition) if self.zones.spool else partition

    def local(self, partition: Partition) -> Partition:
        """The partition on this disk."""
        return self.zones.spool.local(partition) if self.zones.spool else partition

    def landing(self, partition: Partition) -> str:
        """Where the partition lies."""
        return self.zones.landing.location(f"{self.zones.prefix}/{partition.key}".strip("/"))

    def asked(self, suite: Suite) -> str:
        """What tells a try from another one of the same bytes: the suite, and what it compares with."""
        others = [(r.name, r.digest, r.fault) for r in self.asking.referenced]
        return digest([suite.digest, others]) if others else suite.digest

    def published_anew(self) -> str:
        """A data set to compare with that is not what it was when the run began, or an empty text."""
        return next((r.place for r in self.asking.referenced if self.changed(r)), "")

    def is_unchanged(self, partition: Partition) -> bool:
        return inventory.is_unchanged(self.zones.landing, self.zones.prefix, self.contract, partition)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A partition waiting for its turn. `due`: it is to be judged; else `standing` is carried out, or it rests.
    `waiting`: why it is not looked at."""

    landed: Landed
    partition: Partition
    suite: Suite
    named: bool
    waiting: str = ""
    standing: Decision | None = None
    asked_by: tuple[str, str] = ("", "")
    due: bool = False
    scan: Future[Scanned] | None = None
    fault: HoldError | None = None


def gate(run: Run) -> Iterator[dict[str, Any]]:
    """Documents of the partitions that were decided, finished or held; with `keys`, of standing decisions too.

    A partition that is not ready is passed over; a person who names it gets a hold that says why. What stays undone is
    in `run.open`.
    """
    with nullcontext() if run.wanted.dry else run.history.lock(run.contract.source):
        past = Past(run.contract, run.history)
        holds = Holds(
            run.history, run.contract.source, run.version, run.run_id, run.asking.now, run.retry_seconds
        )  # fmt: skip
        start = _start(run)
        if not run.wanted.dry:
            run.outbox.begin(run)
        landed, turns = run.landed(), deque[_Turn]()
        ahead = run.jobs + 1  # what is decided next, and what is scanned meanwhile
        for one in landed:
            if _is_wanted(run, past, one, start):
                turns.append(_prepare(run, past, holds, one))
            if len(turns) >= ahead:
                yield from _decide(run, past, holds, turns.popleft())
        while turns:
            yield from _decide(run, past, holds, turns.popleft())
        if not run.wanted.dry:
            run.open.undelivered += run.outbox.deliver(run)
            run.history.gather()
            run.history.seal(run.contract.source, run.moment)
        if run.wanted.keys is None:
            run.open.late += past.late(landed, run.asking.now, start)
        run.open.tell(run.contract.source)


def _start(run: Run) -> date | None:
    """Where the source begins: said now, and remembered, or said before."""
    said = run.wanted.start
    before = run.history.start(run.contract.source)
    if said is None:
        return before.start if before else None
    if not run.wanted.dry and (before is None or before.start != said):
        run.history.begin(Start(run.contract.source, said, run.wanted.by, run.moment))
    return said


def _is_wanted(run: Run, past: Past, landed: Landed, start: date | None) -> bool:
    key = landed.partition.key
    if run.wanted.keys is not None:
        return key in run.wanted.keys
    return (key in past.known and not run.wanted.again) or not inventory.is_before(landed.partition, start)


def _prepare(run: Run, past: Past, holds: Holds, landed: Landed) -> _Turn:
    """Identify; begin to scan where that is still to be decided and nothing keeps it."""
    partition = landed.partition
    suite = run.contract.suite_at(dict(partition.values))
    turn = _Turn(landed, partition, suite, run.wanted.keys is not None, landed.waiting)
    recorded, zones = [d.files for d in past.known.get(partition.key, {}).values()], run.zones
    try:
        landed = inventory.looked_into(landed, zones.landing, recorded)
        turn = replace(turn, landed=landed, waiting=landed.waiting)
        if landed.archived and run.contract.ready.restore and not run.wanted.dry:
            turn = replace(turn, waiting=inventory.restore(landed, zones.landing, recorded))
        if turn.waiting or (partition.key not in past.known and _rests(run, holds, turn)):
            return turn
        partition = inventory.identify(partition, zones.landing, recorded, zones.prefix, zones.spool)
        standing = past.standing(partition)
        if not run.wanted.again and (gone := past.gone(partition)):
            return replace(turn, partition=partition, waiting=gone)
        accepted = past.reopened(standing) if standing else None
        asked_by = (accepted.by, accepted.why) if accepted else (run.wanted.by, run.wanted.why)
        turn = replace(turn, partition=partition, standing=standing, asked_by=asked_by)
        decided = standing is not None and accepted is None and not _again(run, turn, standing)
        if decided or (standing is None and _rests(run, holds, turn)):
            return turn
        return replace(turn, due=True, scan=None if landed.fault else run.scan(run.readable(partition), suite))
    except HoldError as error:
        return replace(turn, fault=error)
    except OSError as error:
        return replace(turn, fault=HoldError(said_by_system(error)))


def _rests(run: Run, holds: Holds, turn: _Turn) -> bool:
    return not turn.named and _tried(run, holds, turn).rests(run.asking.now)


def _tried(run: Run, holds: Holds, turn: _Turn) -> retry.Tried:
    return holds.of(turn.landed.partition, turn.partition.digest, run.asked(turn.suite))


def _again(run: Run, turn: _Turn, standing: Decision) -> bool:
    """Whether what is decided is judged anew: asked for, or to say what an edited contract would change."""
    wanted = run.wanted
    if not wanted.again:
        return wanted.dry and not wanted.keys and standing.suite_digest != turn.suite.digest
    at: Any = moment(dict(turn.partition.values)) or datetime.fromisoformat(standing.decided_at)
    if wanted.since is not None and compare(at, wanted.since) < 0:
        return False
    return not wanted.only_quarantined or standing.verdict is Verdict.QUARANTINE


def _decide(run: Run, past: Past, holds: Holds, turn: _Turn) -> Iterator[dict[str, Any]]:
    """Judge and carry out, or finish what stands; nothing where there is nothing to do and nobody asked. Bytes that
    change on the way void everything said of them; where another run published first, what it did is looked at."""
    for more in reversed(range(TRIES)):
        try:
            found = _settle(run, past, holds, turn)
            run.open.stuck = 0 if found else run.open.stuck
            return (yield from [found] if found else [])
        except HoldError as error:
            fault = error
        except OSError as error:  # of what a partition needs beside its zones, such as room for temporary files
            fault = HoldError(said_by_system(error))
        again = isinstance(fault, (SourceChanged, PublishConflict))
        if not more or (not again and run.is_unchanged(turn.partition)):
            break
        landed = next((one for one in run.landed() if one.partition.key == turn.partition.key), None)
        if landed is None:
            fault = SourceChanged("not in landing any more")
            if not turn.named:
                return
            break
        turn = _prepare(run, past, holds, landed)
    if isinstance(fault, SourceChanged):  # whatever was read is not what lies there
        turn = replace(turn, partition=turn.landed.partition)
    judgement = held(turn.partition, turn.suite, str(fault))
    if isinstance(fault, ZoneFault):
        yield _stuck(run, holds, turn, judgement, fault)
    else:
        yield _held(run, holds, turn, judgement)


def _stuck(run: Run, holds: Holds, turn: _Turn, judgement: Judgement, fault: ZoneFault) -> dict[str, Any]:
    """A zone takes nothing: no fault of the partition, and no try of it that would park it. Raises HoldError, one for
    all, where others before it ended so too."""
    run.open.stuck += 1
    if not run.wanted.dry:
        _add(run, holds, turn, judgement, counts=False)
    if run.open.stuck >= STUCK:
        untold = f"; {run.open.untold}" if run.open.unrecorded else ""
        raise HoldError(
            f"{fault}; {STUCK} partitions in a row ended so: the others are left for the next run{untold}"
        )  # fmt: skip
    return _document(run, turn.partition, judgement)


def _add(run: Run, holds: Holds, turn: _Turn, judgement: Judgement, *, counts: bool = True) -> retry.Tried:
    asked, digest = run.asked(turn.suite), turn.partition.digest
    return holds.add(turn.landed.partition, digest, asked, judgement.reasons, run.open.unrecorded, counts=counts)


def _settle(run: Run, past: Past, holds: Holds, turn: _Turn) -> dict[str, Any] | None:
    partition = turn.partition
    if turn.fault is not None:
        raise turn.fault
    if turn.waiting:
        run.open.waiting += [turn.landed] if turn.landed.waiting else []
        return _document(run, partition, held(partition, turn.suite, turn.waiting)) if turn.named else None
    if turn.standing is None and not turn.due:
        run.open.resting.append((partition.key, _tried(run, holds, turn)))
        return None
    if turn.standing is not None and not turn.due:
        finished = carry.finish(run, past, partition, turn.standing)
        return carry.adopted(run, past, partition, turn.standing) if finished or turn.named else None
    judgement, profile = _judge_steadily(run, past, turn)
    if judgement.verdict is Verdict.HOLD:
        return _held(run, holds, turn, judgement)
    return _carry_out(run, past, turn, judgement, profile)


def _judge_steadily(run: Run, past: Past, turn: _Turn) -> tuple[Judgement, Profile | None]:
    """Judge bytes that were the same before and after they were read; raises SourceChanged."""
    if turn.landed.fault:
        found = held(turn.partition, turn.suite, turn.landed.fault.message)
        return replace(found, verdict=Verdict.QUARANTINE, reasons=(turn.landed.fault,)), None
    assert turn.scan is not None
    scanned = turn.scan.result()
    judgement = judge(turn.partition, turn.suite, scanned, past.background(turn.partition, turn.suite, scanned.profile))
    profile = scanned.profile
    if _is_to_split(run, turn.suite, judgement):
        judgement, profile = _split(run, past, turn, judgement, profile)
    if not run.is_unchanged(turn.partition):
        raise SourceChanged("landing changed while it was judged: nothing is decided, it is judged again next time")
    if anew := run.published_anew():
        raise HoldError(f"{anew} was published anew while it was compared with: nothing is decided, run the gate again")
    return judgement, profile


def _is_to_split(run: Run, suite: Suite, judgement: Judgement) -> bool:
    """Whether bad rows may be withheld, or records that cannot be read must not be published."""
    if judgement.verdict is Verdict.PROMOTE:
        return run.zones.curated is not None and left_out(judgement.checks)
    return judgement.verdict is Verdict.QUARANTINE and suite.on_fail == "split"


def _split(
    run: Run, past: Past, turn: _Turn, judgement: Judgement, profile: Profile | None
) -> tuple[Judgement, Profile | None]:
    """The judgement that promotes the good rows and their profile, or why it is no split."""
    if run.divider is None or run.zones.curated is None or run.zones.quarantine is None:
        return split.whole(judgement, "there is no curated zone to publish the good rows in"), profile

    def background(part: Partition, good: Profile | None) -> Background:
        return past.background(replace(part, digest=turn.partition.digest), turn.suite, good)

    most = run.contract.split_max_ratio
    judgement, good = split.divide(run.local(turn.partition), turn.suite, judgement, most, run.divider, background)
    return judgement, good.profile if good else profile


def _carry_out(
    run: Run, past: Past, turn: _Turn, judgement: Judgement, profile: Profile | None
) -> dict[str, Any] | None:
    """Record first, then move; a decision somebody else recorded meanwhile is adopted. A dry run tells of a decided
    partition only what would change."""
    partition, before = turn.partition, turn.standing
    mine = carry.decision(run, judgement, before.n + 1 if before else 1, turn.asked_by)
    body = _document(run, partition, judgement, before.verdict if before else None, turn.asked_by)
    flagged = frozenset(a.id for a in judgement.anomalies)
    if run.wanted.dry:
        past.learn(partition, mine, profile, flagged)
        same = before is not None and before.verdict is mine.verdict and not run.wanted.again
        return None if same else body
    if judgement.split and run.zones.quarantine:
        body["split"]["quarantined"] = f"{run.zones.quarantine.url}/{publish.withheld_at(mine)}"
    stands = run.history.record(mine, body, profile, judgement.split.selection if judgement.split else None)
    past.learn(partition, stands, profile if stands is mine else None, flagged)
    carry.finish(run, past, partition, stands)
    if stands is not mine:
        return carry.adopted(run, past, partition, stands)
    return carry.situated(run, past, partition, stands, body)


def _document(
    run: Run, partition: Partition, judgement: Judgement, standing: Verdict | None = None,
    asked_by: tuple[str, str] = ("", ""),
) -> dict[str, Any]:  # fmt: skip
    return document.result(
        judgement, landing=run.landing(partition), decided_at=run.moment, run_id=run.run_id, standing=standing,
        by=asked_by[0], why=asked_by[1],
    )  # fmt: skip


def _held(run: Run, holds: Holds, turn: _Turn, judgement: Judgement) -> dict[str, Any]:
    """A hold is no decision: it leaves an attempt, and the last of several alike says that it is parked."""
    partition = turn.partition
    if run.wanted.dry:
        return _document(run, partition, judgement)
    tried = _add(run, holds, turn, judgement)
    run.open.held.append(tried)
    if tried.parked:
        said = f"parked: {retry.PARKED_AFTER} attempts ended so; not tried again until data, contract or gate change"
        step = f"mend the cause, then  dq gate {partition.source} --partition PARTITION "
        judgement = replace(judgement, reasons=(*judgement.reasons, Reason(Cause.GATE, "table.parked", said, step)))
    return _document(run, partition, judgement)
