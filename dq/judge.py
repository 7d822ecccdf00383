"""Judge one partition: open, plan, run, evaluate, decide. It moves nothing and remembers nothing."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dq import evaluate
from dq.decide import decide
from dq.engines.base import Dataset, Unreadable
from dq.errors import EngineError, SuiteError
from dq.ir.data import RAW, Partition, Schema, parse_path
from dq.ir.metric import Facts
from dq.ir.result import Cause, CheckResult, Judgement, Reason, Scan, Status, Verdict
from dq.plan import Pass, Plan, Shape, Storage, bind, passes_over, plan
from dq.profile import Depth, Profile, profile, questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from dq.engines.base import Engine
    from dq.ir.aggregate import Aggregate
    from dq.ir.check import Check, Suite
    from dq.ir.expr import Scalar


@dataclass(frozen=True, slots=True)
class Background:
    """What history knows before this partition: values of the last one that teaches, the accepted layout, a twin."""

    previous: Mapping[str, Scalar] | None = None
    accepted: Schema | None = None
    twin: str | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """How to judge, apart from what: engines by name, the one wanted, the moment that counts as now, profile depth."""

    engines: Mapping[str, Engine]
    now: datetime
    engine: str = "auto"
    depth: Depth | None = "core"  # None: no profile


def judge(
    partition: Partition, suite: Suite, open_data: Callable[[], Dataset], background: Background, asking: Asking
) -> tuple[Judgement, Profile | None]:
    """Verdict and profile of one partition. A fault of ours is a hold with the reason, never an exception."""
    started = time.perf_counter()
    try:
        dataset = open_data()
        try:
            judgement, found = _judge(partition, suite, dataset, background, asking)
        finally:
            dataset.close()
    except EngineError as error:
        return held(partition, suite, str(error)), None
    except SuiteError as error:
        return held(partition, suite, str(error), Cause.SUITE), None
    seconds = round(time.perf_counter() - started, 6)
    return replace(judgement, scan=replace(judgement.scan, seconds=seconds, peak_memory_bytes=peak_memory())), found


def held(partition: Partition, suite: Suite, message: str, cause: Cause = Cause.GATE) -> Judgement:
    """The judgement of a partition that could not be judged."""
    step = "mend the contract" if cause is Cause.SUITE else "run the gate again; the data was not judged"
    reason = Reason(cause, "table.judged", message, step)
    return Judgement(
        partition.source, partition.key, partition.digest, Verdict.HOLD, None, partition.bytes, partition.files,
        (reason,), (), Schema(), suite_digest=suite.digest,
    )  # fmt: skip


def prepare(
    dataset: Dataset, suite: Suite, asking: Asking, accepted: Schema | None = None
) -> tuple[tuple[Check, ...], Shape, Plan]:
    """The checks that apply to the opened data, its shape, and the plan that answers them and the profile."""
    shape = shape_of(dataset)
    checks = applicable(suite, shape)
    promised = frozenset(c.column for c in checks if c.metric.name == "column_present" and c.column) | suite.optional
    asked = questions(dataset.landed, asking.now, asking.depth, suite.pii) if asking.depth else ()
    return checks, shape, plan(
        checks, asked, shape, asking.engine, promised=promised,
        landed_before=frozenset(accepted.names) if accepted else frozenset(),
    )  # fmt: skip


def shape_of(dataset: Dataset) -> Shape:
    storage: Storage = "parquet" if dataset.parts else "frame" if dataset.frame is not None else "text"
    return Shape(
        storage, dataset.schema, dataset.rows, dataset.bytes, dataset.footer, dataset.keys, dataset.raw_columns
    )  # fmt: skip


def applicable(suite: Suite, shape: Shape) -> tuple[Check, ...]:
    """The suite's checks without those for text that was never parsed, and for columns that may be absent and are."""

    def applies(check: Check) -> bool:
        landed = {p[0] for p in check.metric.paths() if p[0].startswith(RAW)}
        absent = check.column in suite.optional and shape.schema.find(parse_path(check.column)) is None
        return landed <= shape.hidden and not absent

    return tuple(c for c in suite.checks if applies(c))


def _judge(
    partition: Partition, suite: Suite, dataset: Dataset, background: Background, asking: Asking
) -> tuple[Judgement, Profile | None]:
    facts = _facts(partition, dataset, background)
    passes: list[Pass] = []
    found = None
    if dataset.readable:
        checks, shape, folded = prepare(dataset, suite, asking, background.accepted)
        passes += folded.passes
        states = dict(folded.known)
        try:
            states |= run(folded.passes, dataset, asking.engines)
        except Unreadable as error:
            facts = replace(facts, findings=(*facts.findings, error.finding))
        results = evaluate.evaluate(checks, folded, states, facts, background.previous, suite.pii)
        judged = tuple(c for c in checks if c.id not in folded.unjudged)
        results = _with_evidence(judged, results, shape, dataset, asking, suite.pii, passes)
        answers = {a: states[b] for a, b in folded.bound.items() if b in states}
        if asking.depth and len(answers) == len(folded.bound):
            found = profile(
                partition.source,
                partition.key,
                dataset.landed,
                answers,
                dataset.rows or 0,
                asking.now,
                asking.depth,
                files=len(partition.files),
                bytes=facts.bytes,
                pii=suite.pii,
            )
    else:
        results = evaluate.unread(suite.checks)
    results = (*evaluate.structure(facts.findings, suite.pii), *results)
    verdict, reasons = decide(suite, results)
    judgement = Judgement(
        source=partition.source,
        partition=partition.key,
        digest=partition.digest,
        verdict=verdict,
        rows=dataset.rows,
        bytes=facts.bytes,
        files=partition.files,
        reasons=reasons,
        checks=results,
        schema=dataset.schema,
        changes=_changes(results),
        scan=_scan(passes, dataset),
        suite_digest=suite.digest,
    )
    return judgement, found


def run(passes: Iterable[Pass], dataset: Dataset, engines: Mapping[str, Engine]) -> dict[Aggregate, Any]:
    """States of all passes. Raises EngineError, or Unreadable where the bytes are at fault."""
    states: dict[Aggregate, Any] = {}
    for one in passes:
        states.update(engines[one.engine].run(dataset, one.aggregates))
    return states


def _with_evidence(
    checks: tuple[Check, ...], results: tuple[CheckResult, ...], shape: Shape, dataset: Dataset, asking: Asking,
    pii: frozenset[str], passes: list[Pass],
) -> tuple[CheckResult, ...]:  # fmt: skip
    """A second stage, for failed checks only: a few offending rows of each."""
    asked = {k: bind(a, shape) for k, a in evaluate.questions_of_evidence(checks, results).items()}
    if not asked:
        return results
    more = passes_over(dict.fromkeys(asked.values()), shape, asking.engine)
    try:
        states = run(more, dataset, asking.engines)
    except Unreadable:
        return results
    passes += more
    rows = {k: states[a] for k, a in asked.items()}
    return evaluate.with_evidence(results, rows, {k: evaluate.shown_names(a) for k, a in asked.items()}, pii)


def _facts(partition: Partition, dataset: Dataset, background: Background) -> Facts:
    return Facts(
        schema=dataset.schema,
        files=dataset.file_schemas,
        bytes=partition.bytes or dataset.bytes,
        file_count=len(partition.files),
        findings=tuple(dataset.findings),
        accepted=background.accepted,
        twin=background.twin,
        keys=dataset.keys or partition.values,
    )


def _changes(results: tuple[CheckResult, ...]) -> tuple[str, ...]:
    """What changed in the layout since the last accepted partition, blocking or not."""
    return tuple(r.message for r in results if r.metric == "change" and r.status is Status.FAIL)


def _scan(passes: list[Pass], dataset: Dataset) -> Scan:
    names = "+".join(sorted({p.engine for p in passes}))
    weights = [p.bytes for p in passes]
    read = sum(w for w in weights if w is not None) if dataset.parts else dataset.bytes
    return Scan(engine=names, passes=len(passes), bytes_read=read)


def peak_memory() -> int:
    """Peak resident bytes of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
