"""Scan one partition, then judge it. A scan knows nothing of history and is plain data: it may be made in another
process, ahead of its turn. Judging is pure: what was scanned, and what came before it."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dq import evaluate
from dq.decide import decide, softened
from dq.discretion import Discretion, marked
from dq.drift.measured import measures, modes
from dq.drift.usual import unusual
from dq.engines.base import Dataset, Unreadable
from dq.errors import EngineError, HoldError, SuiteError
from dq.files import facts_of
from dq.ir.aggregate import TopValues
from dq.ir.code import Raised
from dq.ir.data import INTEGERS, RAW, TEXTS, Partition, Schema, format_path, parse_path
from dq.ir.expr import Col
from dq.ir.metric import Facts, FileFacts
from dq.ir.other import Compared, Of, Referenced
from dq.ir.positions import Places
from dq.ir.result import Cause, CheckResult, Evidence, Judgement, Reason, Scan, Status, Unusual, Verdict
from dq.plan import Pass, Plan, Shape, Storage, bind, bind_known, passes_over, plan, second_stage
from dq.profile import TOP_LIMIT, Depth, Profile, personal, profile, questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from dq.drift.learnt import Seen
    from dq.engines.base import Engine
    from dq.evaluate import Answer
    from dq.ir.aggregate import Aggregate
    from dq.ir.check import Check, Suite
    from dq.ir.data import Finding
    from dq.ir.expr import Path


@dataclass(frozen=True, slots=True)
class Background:
    """What history knows before this partition: the numbers of checks that are compared with their own, by check id and
    oldest first, the accepted layout and columns of it that are too new to be missed (`passing`), a twin (`same_rows`:
    in other bytes), the history of each number of its profile, likewise, and the time that the partition is of."""

    known: Mapping[str, Sequence[Seen]] = field(default_factory=dict)
    accepted: Schema | None = None
    passing: frozenset[str] = frozenset()
    twin: str | None = None
    same_rows: bool = False
    usual: Mapping[str, Sequence[Seen]] = field(default_factory=dict)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """How to scan, apart from what: the moment that counts as now, the engine wanted, the profile's depth, the data
    sets to compare with, whether every failing row is to be told (`places`), and the columns that tell a row from
    others: they are shown with each that is evidence (`show`)."""

    now: datetime
    engine: str = "auto"
    depth: Depth | None = "core"  # None: no profile
    referenced: tuple[Referenced, ...] = ()
    places: bool = False
    show: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the bytes of a partition say. `answers` by id of the checks that apply, `evidence` of those that may fail.

    `personal` are columns that nobody marked and that are personal data by their look.
    `fault`: they were not read to the end, for a reason that is not theirs; nothing else is told then.
    """

    facts: Facts = field(default_factory=Facts)
    rows: int | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict)
    evidence: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)
    profile: Profile | None = None
    personal: frozenset[str] = frozenset()
    compared: tuple[Compared, ...] = ()
    scan: Scan = field(default_factory=Scan)
    places: Places = field(default_factory=Places)
    fault: Reason | None = None


def scan(
    partition: Partition, suite: Suite, open_data: Callable[[], Dataset], asking: Asking, engines: Mapping[str, Engine]
) -> Scanned:
    """Open, plan, run. A fault of ours is in the answer, never an exception."""
    started = time.perf_counter()
    try:
        dataset = open_data()
        try:
            scanned = _scan(partition, suite, dataset, asking, engines)
        finally:
            dataset.close()
    except HoldError as error:
        return failed(str(error))
    except SuiteError as error:
        return failed(str(error), Cause.SUITE)
    seconds = round(time.perf_counter() - started, 6)
    return replace(scanned, scan=replace(scanned.scan, seconds=seconds, peak_memory_bytes=peak_memory()))


def failed(message: str, cause: Cause = Cause.GATE, step: str = "") -> Scanned:
    """A scan that did not get to the end, and what to do about it."""
    step = step or ("mend the contract" if cause is Cause.SUITE else "run the gate again; the data was not judged")
    return Scanned(fault=Reason(cause, "table.judged", message, step))


def judge(partition: Partition, suite: Suite, scanned: Scanned, background: Background) -> Judgement:
    """Verdict on a partition: evaluate, decide."""
    if scanned.fault is not None:
        return _held(partition, suite, scanned.fault)
    facts = replace(
        scanned.facts, accepted=background.accepted, passing=background.passing, twin=background.twin,
        same_rows=background.same_rows,
    )  # fmt: skip
    checks = fitted((c for c in suite.checks if c.id in scanned.answers), facts.schema)
    discretion = Discretion(suite.pii | scanned.personal, suite.samples)
    results = evaluate.evaluate(checks, scanned.answers, facts, background.known, discretion, background.at)
    results = evaluate.with_evidence(results, scanned.evidence)
    structure = evaluate.structure(facts.findings, discretion, suite.malformed, scanned.rows)
    results = (*structure, *results)
    anomalies: tuple[Unusual, ...] = ()
    if suite.memory.anomaly is not None and scanned.profile is not None:
        shown = discretion.samples == "full"
        here = measures(scanned.profile, discretion.personal, values=shown)
        named = modes(scanned.profile, discretion.personal) if shown else {}
        anomalies = unusual(here, background.usual, background.at, named)
        results = (*results, evaluate.anomaly(anomalies, suite.memory.anomaly, background.usual))
    results = softened(suite, results)
    verdict, reasons = decide(suite, results)
    return Judgement(
        source=partition.source,
        partition=partition.key,
        digest=partition.digest,
        verdict=verdict,
        rows=scanned.rows,
        bytes=facts.bytes,
        files=partition.files,
        reasons=reasons,
        checks=results,
        schema=facts.schema,
        changes=_changes(results),
        anomalies=anomalies,
        compared=scanned.compared,
        scan=scanned.scan,
        suite_digest=suite.digest,
    )


def held(partition: Partition, suite: Suite, message: str, cause: Cause = Cause.GATE) -> Judgement:
    """The judgement of a partition that could not be judged."""
    return judge(partition, suite, failed(message, cause), Background())


def _held(partition: Partition, suite: Suite, fault: Reason) -> Judgement:
    return Judgement(
        partition.source, partition.key, partition.digest, Verdict.HOLD, None, partition.bytes, partition.files,
        (fault,), (), Schema(), suite_digest=suite.digest,
    )  # fmt: skip


def prepare(
    dataset: Dataset, suite: Suite, asking: Asking, *, far: bool = False
) -> tuple[tuple[Check, ...], Shape, Plan]:
    """The checks that apply to the opened data, its shape, and the plan that answers them and the profile. `far`: it
    lies elsewhere, and cannot be `reached`."""
    shape = shape_of(dataset, asking.now, far=far)
    asked_of_all = applicable(suite, shape)
    checks = fitted(asked_of_all, shape.schema)
    promised = frozenset(c.column for c in checks if c.metric.name == "column_present" and c.column) | suite.optional
    asked = questions(dataset.landed, asking.now, asking.depth, marked(suite, dataset.landed)) if asking.depth else ()
    folded = plan(checks, asked, shape, asking.engine, promised=promised)
    remarks = {c.id: remark for c in asked_of_all if (remark := c.metric.remark())}
    return checks, shape, replace(folded, remarks=remarks)


def shape_of(dataset: Dataset, now: datetime | None = None, *, far: bool = False) -> Shape:
    parquet: Storage = "remote" if far else "parquet"
    storage: Storage = parquet if dataset.parts else "frame" if dataset.frame is not None else "text"
    return Shape(
        storage, dataset.schema, dataset.rows, dataset.bytes, dataset.footer, dataset.keys, dataset.raw_columns,
        dataset.memory_bytes, tuple((n, shape_of(d)) for n, d in sorted(dataset.others.items())), dataset.lacking, now,
    )  # fmt: skip


def fitted(checks: Iterable[Check], schema: Schema) -> tuple[Check, ...]:
    """The checks as they are asked of the landed types."""
    return tuple(replace(c, metric=c.metric.fitted(schema)) for c in checks)


def applicable(suite: Suite, shape: Shape) -> tuple[Check, ...]:
    """The suite's checks without those for text that was never parsed, and for columns that may be absent and are."""

    def applies(check: Check) -> bool:
        landed = {p[0] for p in check.metric.paths() if p[0].startswith(RAW)}
        absent = check.column in suite.optional and shape.schema.find(parse_path(check.column)) is None
        return landed <= shape.hidden and not absent

    return tuple(c for c in suite.checks if applies(c))


def sharing(checks: Iterable[Check], folded: Plan) -> Plan:
    """The plan with what several of its checks have in common."""
    served: dict[Aggregate, dict[str, None]] = {}
    for item in checks:
        if item.id not in folded.unjudged:
            for asked in item.metric.aggregates():
                served.setdefault(folded.bound.get(asked, asked), {})[item.id] = None
    return replace(folded, shared={a: tuple(ids) for a, ids in served.items() if len(ids) > 1})


def _scan(
    partition: Partition, suite: Suite, dataset: Dataset, asking: Asking, engines: Mapping[str, Engine]
) -> Scanned:
    facts = replace(_facts(partition, dataset), now=asking.now, listed=_listed(partition, suite, dataset))
    if not dataset.readable:
        unread: dict[str, Answer] = dict.fromkeys(c.id for c in suite.checks)
        return Scanned(facts, dataset.rows, unread, scan=_summary((), dataset))
    checks, shape, folded = prepare(dataset, suite, asking)
    if dataset.reached(read_by(folded.passes)).ranged:
        checks, shape, folded = prepare(dataset, suite, asking, far=True)
    states, passes = dict(folded.known), folded.passes
    integrity, damaged = _verified(passes, dataset)
    facts = replace(facts, findings=(*facts.findings, *damaged))
    try:
        states |= run(() if damaged else passes, dataset, engines)
        if folded.later and not damaged:
            folded = second_stage(folded, states, shape, asking.engine)
            states |= run(folded.passes, dataset, engines)
            passes += folded.passes
    except Unreadable as error:
        facts = replace(facts, findings=(*facts.findings, error.finding))
    answers = evaluate.answers(checks, folded, states)
    results = evaluate.evaluate(checks, answers, facts)
    judged = tuple(c for c in checks if c.id not in folded.unjudged)
    questions = evaluate.questions_of_evidence(judged, results, asking.show)
    asked = {k: bind_known(a, folded, states, shape) for k, a in questions.items()}
    found = _profile(partition, suite, dataset, facts, folded, states, asking)
    whole = _all_failing(judged, results) if asking.places else {}
    located = {k: bind_known(a, folded, states, shape) for k, a in whole.items()}
    looks = {} if found or not asked else _looks(judged, results, dataset, shape)
    more = passes_over(dict.fromkeys((*asked.values(), *located.values(), *looks.values())), shape, asking.engine)
    try:
        rows = run(more, dataset, engines)
    except Unreadable:
        asked, located, looks, rows = {}, {}, {}, {}
    named = {p for p, a in looks.items() if personal(rows[a].counts)}
    named |= {c.path for c in found.columns if c.personal} if found else set()
    private = marked(suite, dataset.landed).union(map(format_path, named)) - suite.pii
    discretion = Discretion(suite.pii | private, suite.samples)
    told = {k: a for k, a in asked.items() if not isinstance(rows[a], Raised)}
    evidence = {k: evaluate.evidence(a, rows[a], discretion) for k, a in told.items()}
    summary = replace(_summary((*passes, *more), dataset), integrity=integrity)
    states_of = {k: rows[a] for k, a in located.items() if not isinstance(rows[a], Raised)}
    places = Places(states_of, bool(dataset.table), len(partition.files))
    return Scanned(facts, dataset.rows, answers, evidence, found, private, _compared(dataset), summary, places)


def _all_failing(checks: Iterable[Check], results: Iterable[CheckResult]) -> dict[str, Aggregate]:
    """By id of the checks that fail single rows: the aggregate that tells all of them."""
    failed = {r.id for r in results if r.failed_rows}
    found = {c.id: c.metric.failing() for c in checks if c.id in failed}
    return {k: a for k, a in found.items() if a is not None}


def _compared(dataset: Dataset) -> tuple[Compared, ...]:
    return tuple(
        Compared(r.name, r.place, r.digest, len(r.files), dataset.others[r.name].rows) for r in dataset.referenced
    )


def _verified(passes: Iterable[Pass], dataset: Dataset) -> tuple[str, tuple[Finding, ...]]:
    """What vouches for the bytes that the passes read, and where it says that they are not what was written."""
    if dataset.verify is None:
        return dataset.integrity, ()
    return dataset.verify(read_by(passes))


def read_by(passes: Iterable[Pass]) -> frozenset[str]:
    """Columns of the data itself."""
    return frozenset(path[0] for one in passes if not one.dataset for path in one.columns)


def _looks(
    checks: Iterable[Check], results: Iterable[CheckResult], dataset: Dataset, shape: Shape
) -> dict[Path, Aggregate]:
    """The most frequent values of columns of which something may be shown: they tell whether it is personal. Asked for
    where no profile does."""
    failed = {r.id for r in results if r.status is not Status.PASS}
    shown = {p[0].removeprefix(RAW) for c in checks if c.id in failed for p in c.metric.paths()}
    leaves = [p for p, t in dataset.landed.leaves() if p[0] in shown and t.kind in TEXTS | INTEGERS]
    return {p: bind(TopValues(Col(p), TOP_LIMIT), shape) for p in leaves}


def _profile(
    partition: Partition, suite: Suite, dataset: Dataset, facts: Facts, folded: Plan, states: Mapping[Aggregate, Any],
    asking: Asking,
) -> Profile | None:  # fmt: skip
    """None where it is not wanted, or not everything was read."""
    answers = {a: states[b] for a, b in folded.bound.items() if b in states}
    if not asking.depth or len(answers) != len(folded.bound):
        return None
    return profile(
        partition.source, partition.key, dataset.landed, answers, dataset.rows or 0, asking.now, asking.depth,
        files=len(partition.files), bytes=facts.bytes, pii=marked(suite, dataset.landed),
    )  # fmt: skip


def run(passes: Iterable[Pass], dataset: Dataset, engines: Mapping[str, Engine]) -> dict[Aggregate, Any]:
    """States of all passes. An engine is told everything it is asked of a data set at once: it may read a column for
    several passes together. Raises EngineError, or Unreadable where the bytes are at fault."""
    passes = tuple(passes)
    dataset = dataset.reached(read_by(passes))
    asked: dict[tuple[str, str], list[Aggregate]] = {}
    for one in passes:
        asked.setdefault((one.dataset, one.engine), []).extend(one.aggregates)
    states: dict[Aggregate, Any] = {}
    for (name, engine), aggregates in asked.items():
        if not name:
            states.update(engines[engine].run(dataset, aggregates))
            continue
        try:
            found = engines[engine].run(dataset.others[name], aggregates)
        except Unreadable as error:
            raise EngineError(f'"{name}" cannot be compared with: {error.finding.message}') from error
        states.update({Of(name, one): state for one, state in found.items()})
    return states


def _facts(partition: Partition, dataset: Dataset) -> Facts:
    return Facts(
        schema=dataset.schema,
        files=dataset.file_schemas,
        bytes=partition.bytes or dataset.bytes,
        file_count=len(partition.files),
        findings=tuple(dataset.findings),
        keys=dataset.keys or partition.values,
        others=tuple((name, other.schema) for name, other in sorted(dataset.others.items())),
    )


def _listed(partition: Partition, suite: Suite, dataset: Dataset) -> tuple[tuple[str, tuple[FileFacts, ...]], ...]:
    """Files as files, where a check asks for them."""
    asked = [hashes for c in suite.checks if (hashes := c.metric.hashes()) is not None]
    if not asked:
        return ()
    algorithms = frozenset().union(*asked)
    sets = [("", partition.files), *((r.name, r.files) for r in dataset.referenced)]
    return tuple((name, facts_of(files, algorithms)) for name, files in sets)


def _changes(results: tuple[CheckResult, ...]) -> tuple[str, ...]:
    """What changed in the layout since the last accepted partition, blocking or not."""
    return tuple(r.message for r in results if r.metric == "change" and r.status is Status.FAIL)


def _summary(passes: tuple[Pass, ...], dataset: Dataset) -> Scan:
    names = "+".join(sorted({p.engine for p in passes}))
    weights = [p.bytes for p in passes]
    read = sum(w for w in weights if w is not None) if dataset.parts else dataset.bytes
    return Scan(engine=names, passes=len(passes), bytes_read=read)


def peak_memory() -> int:
    """Peak resident bytes of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
