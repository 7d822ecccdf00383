"""States -> metric values -> check results. Pure; a check that cannot be judged is never a pass."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from dq.discretion import Discretion
from dq.drift import usual
from dq.drift.scale import FLOORS, Scale
from dq.ir.check import Severity
from dq.ir.code import Raised
from dq.ir.data import RAW, Kind, format_path
from dq.ir.delegated import Unanswered
from dq.ir.metric import Dimension, Facts, Measure
from dq.ir.recall import NoHistory, settled
from dq.ir.result import Cause, CheckResult, Evidence, Status
from dq.metrics import schema as schema_metrics
from dq.plan import Unjudged
from dq.profile import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from dq.drift.learnt import Seen
    from dq.ir.aggregate import Aggregate, DuplicateKeys, FirstRows, RowState
    from dq.ir.check import Bound, Check, Condition
    from dq.ir.data import Finding
    from dq.ir.expr import Path
    from dq.ir.result import Unusual
    from dq.plan import Plan


PLAIN = Discretion()
Answer: TypeAlias = "tuple[Any, ...] | Unjudged | None"


def answers(checks: Iterable[Check], plan: Plan, states: Mapping[Aggregate, Any]) -> dict[str, Answer]:
    """By check id: states of the aggregates of its metric, or why there are none; None where they were not read."""
    found: dict[str, Answer] = {}
    for item in checks:
        if item.id in plan.unjudged:
            found[item.id] = plan.unjudged[item.id]
            continue
        asked = item.metric.aggregates()
        read = tuple(states[plan.bound[a]] for a in asked if a in plan.bound and plan.bound[a] in states)
        raised = next((s for s in read if isinstance(s, Raised)), None)
        lost = next((s for s in read if isinstance(s, Unanswered)), None)
        if raised is not None:
            found[item.id] = Unjudged(Status.FAIL, Cause.DATA, raised.words)
        elif lost is not None:
            found[item.id] = Unjudged(Status.ERROR, Cause.GATE, lost.message, advice=lost.advice)
        else:
            found[item.id] = read if len(read) == len(asked) else None
    return found


def evaluate(
    checks: Iterable[Check],
    answers: Mapping[str, Answer],
    facts: Facts,
    known: Mapping[str, Sequence[Seen]] | None = None,
    discretion: Discretion = PLAIN,
    at: datetime | None = None,
) -> tuple[CheckResult, ...]:
    """Hold each check's metric against its bound. `known` maps check id to its numbers in the partitions that teach,
    oldest first: without any, bounds that are relative to them are SKIP. `at`: the time that the partition is of."""
    results = []
    for item in checks:
        answer = answers[item.id]
        if isinstance(answer, Unjudged):
            results.append(_unjudged(item, answer, facts))
        elif answer is None:
            unread = any(f.records is None for f in facts.findings)
            results.append(_unread(item) if unread else _result(item, *_LOST))
        else:
            states = dict(zip(item.metric.aggregates(), answer, strict=True))
            measure, history = item.metric.measure(states, facts), (known or {}).get(item.id, ())
            results.append(_judge(item, measure, history, discretion, facts.now, at))
    return tuple(results)


def _unjudged(check: Check, why: Unjudged, facts: Facts) -> CheckResult:
    """A column that nobody promised is the suite's mistake, unless it landed before: then the data lost it."""
    if why.unknown and facts.accepted is not None and why.unknown in facts.accepted.names:
        return _result(check, Status.FAIL, Cause.DATA, None, why.message)
    untyped = _untyped(check, facts) if why.cause is Cause.DATA else []
    if not untyped:
        return replace(_result(check, why.status, why.cause, None, why.message + why.advice), next=why.step)
    names, first = " and ".join(untyped), untyped[0]
    told = f"{why.message}: {names} landed as text, and no type is declared"
    step = f"declare it in the contract, like  {first}: {{type: double}}  so that what cannot be read is told"
    return replace(_result(check, why.status, why.cause, None, told), next=step)


def _untyped(check: Check, facts: Facts) -> list[str]:
    """Columns of text that a typed check asks of, where nobody declared a type."""
    paths = sorted(p for p in check.metric.paths() if len(p) == 1 and p[0] in facts.schema.inferred)
    return [format_path(p) for p in paths if (found := facts.schema.find(p)) and found.kind is Kind.STRING]


_LOST = (Status.ERROR, Cause.GATE, None, "the engine gave no answer")


def _unread(check: Check) -> CheckResult:
    """Skipped after a structural finding, which blocks by itself: one fault, one outcome."""
    return _result(check, Status.SKIP, None, None, "the data could not be read")


def structure(
    findings: Sequence[Finding], discretion: Discretion = PLAIN, allowed: Bound | None = None, rows: int | None = None
) -> tuple[CheckResult, ...]:
    """One failing result per kind of structural finding (`table.ragged` ...); without any, `table.readable` passes.
    Records that cannot be read, beside `rows` that could, are a warning where no more of them are there than
    `allowed`."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    count = sum(f.records or 0 for f in findings)
    return tuple(
        _structural(k, f, discretion)
        if any(one.records is None for one in f)
        else _malformed(_structural(k, f, discretion), count, (rows or 0) + count, allowed)
        for k, f in kinds.items()
    ) or (_structural("readable", [], discretion),)


def _malformed(result: CheckResult, count: int, total: int, allowed: Bound | None) -> CheckResult:
    """Of records that could be left out. What is allowed is of all of them, whatever is wrong with each."""
    if allowed is None:
        share = next((s for s in _SHARES if count <= Fraction(s) / 100 * total), None)
        step = f'land it again whole, or allow it in the contract (malformed: "<= {share}%"): such records are left out'
        return replace(result, total_rows=total, next=step if share else "")
    within = all(c.holds(count, total, None) for c in allowed.conditions)
    said = f"{number(count)} of {number(total)} records are malformed, allowed {_allowed(allowed)}"
    return replace(
        result,
        severity=Severity.WARN if within else Severity.BLOCK,
        bound=str(allowed),
        total_rows=total,
        message=f"{result.message}; {said}",
    )


_SHARES = ("0.1", "1", "2", "5", "10")  # percents that may be proposed


def left_out(results: Iterable[CheckResult]) -> bool:
    """Whether records could not be read, and may be left out."""
    return any(r.metric == "readable" and not r.column and r.status is Status.FAIL and not r.blocks for r in results)


def _structural(kind: str, found: list[Finding], discretion: Discretion) -> CheckResult:
    rows = [f.rows for f in found if f.rows is not None]
    told = [f.said for f in found]
    more = f" (and {len(told) - 5} more files)" if len(told) > 5 else ""
    lines = [Evidence(file, row, discretion.line(text)) for f in found for file, row, text in f.evidence]
    return CheckResult(
        id=f"table.{kind}",
        column=None,
        metric="readable",
        dimension=Dimension.SCHEMA,
        severity=Severity.BLOCK,
        status=Status.FAIL if found else Status.PASS,
        cause=Cause.DATA if found else None,
        observed=len(found),
        bound="= 0",
        failed_rows=sum(rows) if rows else None,
        evidence=tuple(lines[:5]),
        message="; ".join(told[:5]) + more,
    )


def anomaly(found: Sequence[Unusual], severity: Severity, history: Mapping[str, Sequence[Seen]]) -> CheckResult:
    """One result for all that is unusual: a partition that departs tells it once."""
    partitions = len(history.get("table.rows", ()))
    told = usual.summary(found) if found else ""
    if partitions < usual.MINIMUM_HISTORY and not found:
        told = f"{partitions} of {usual.MINIMUM_HISTORY} partitions to compare with"
    judged = Status.FAIL if found else Status.SKIP if told else Status.PASS
    return CheckResult(
        id="table.anomaly",
        column=None,
        metric="anomaly",
        dimension=Dimension.DISTRIBUTION,
        severity=severity,
        status=judged,
        cause=Cause.DATA if found else None,
        observed=None if judged is Status.SKIP else len(found),
        bound="= 0",
        message=told,
    )


def _judge(
    check: Check, measure: Measure | None, known: Sequence[Seen], discretion: Discretion, now: datetime | None,
    at: datetime | None,
) -> CheckResult:  # fmt: skip
    if measure is not None and measure.fault:
        return _result(check, Status.ERROR, Cause.SUITE, None, measure.fault)
    if measure is None or (measure.total == 0 and check.metric.unit == "rows"):
        return _result(check, Status.SKIP, None, measure, "nothing in scope")
    if measure.value is None and not check.bound.conditions:
        return _result(check, Status.SKIP, None, measure, "the rows in scope hold too few values", discretion)
    if measure.value is None:
        few = f"no {check.metric.name}: the rows in scope hold too few values; expected {check.bound}"
        return _result(check, Status.FAIL, Cause.DATA, measure, discretion.told(measure.note) or few, discretion)
    if check.bound.usual:
        return _as_usual(check, measure, known, discretion, at)
    try:
        check = replace(check, bound=settled(check.bound, [s.value for s in known], now))
    except NoHistory:
        return _result(check, Status.SKIP, None, measure, "insufficient history", discretion)
    except ValueError as error:
        return _result(check, Status.ERROR, Cause.SUITE, measure, str(error), discretion)
    before = known[-1] if known else None
    then = before.value if before else None
    try:
        held = [c.holds(measure.value, measure.total, then) for c in check.bound.conditions]
    except TypeError:
        words = f"{check.metric.name} is {type(measure.value).__name__}, which does not compare with {check.bound}"
        return _result(check, Status.ERROR, Cause.SUITE, measure, words, discretion)
    broken = next((c for c, holds in zip(check.bound.conditions, held, strict=True) if holds is False), None)
    if check.bound.negated:
        broken = check.bound.conditions[0] if all(held) else None
    if broken is not None:
        words = _words(check, measure, broken, before, discretion)
        return _result(check, Status.FAIL, Cause.DATA, measure, words, discretion)
    if None in held:
        return _result(check, Status.SKIP, None, measure, "no earlier partition to compare with", discretion)
    return _result(check, Status.PASS, None, measure, "", discretion)


def _as_usual(
    check: Check, measure: Measure, known: Sequence[Seen], discretion: Discretion, at: datetime | None
) -> CheckResult:
    value: Any = measure.value
    kind = _KINDS.get(check.metric.unit, "count" if check.metric.name in _COUNTS else "level")
    if len(known) < usual.MINIMUM_HISTORY:
        words = f"insufficient history: {len(known)} of {usual.MINIMUM_HISTORY} partitions to compare with"
        return _result(check, Status.SKIP, None, measure, words, discretion)
    found = usual.departure(Scale(kind, FLOORS[kind]), float(value), known, usual.SIGMAS["table"], at)
    if found is None:
        return _result(check, Status.PASS, None, measure, "", discretion)
    shown = [HIDDEN if discretion.covers(check.column) else number(v) for v in (value, found.low, found.high)]
    band = f"{found.usually} {shown[1]} to {shown[2]}"
    words = f"{shown[0]} {check.metric.phrase()}".rstrip() + f", {band}"
    return _result(check, Status.FAIL, Cause.DATA, measure, words, discretion)


_KINDS: dict[str, Literal["count", "share", "level"]] = {
    "ratio": "share", "rows": "count", "rows in all": "count", "bytes": "count"
}  # fmt: skip
_COUNTS = frozenset({"distinct_count", "column_count", "file_count"})


def _result(
    check: Check,
    status: Status,
    cause: Cause | None,
    measure: Measure | None,
    message: str,
    discretion: Discretion = PLAIN,
) -> CheckResult:
    observed = None if measure is None else measure.value
    by_rows = measure is not None and check.metric.unit == "rows"
    if observed is not None and check.metric.unit == "value" and discretion.covers(check.column):
        observed = HIDDEN
    observed = discretion.told(observed)
    return CheckResult(
        id=check.id,
        column=check.column,
        metric=check.metric.name,
        dimension=check.metric.dimension,
        severity=check.severity,
        status=status,
        cause=cause,
        observed=observed,
        bound=str(check.bound),
        failed_rows=int(measure.value) if by_rows and observed is not None else None,  # type: ignore[union-attr,arg-type]
        total_rows=measure.total if measure else None,
        message=message,
        origin=check.origin,
        details=_details(check, measure, discretion) if measure else (),
    )


def _details(check: Check, measure: Measure, discretion: Discretion) -> tuple[tuple[str, Any], ...]:
    """Values only where they may be shown; counts always."""
    shown = not measure.details or (discretion.samples == "full" and not discretion.covers_any(check.metric.paths()))
    details = tuple((k, discretion.told(v)) for k, v in measure.details)
    return details if shown else tuple((k, v) for k, v in details if isinstance(v, int))


def _words(check: Check, measure: Measure, broken: Condition, before: Seen | None, discretion: Discretion) -> str:
    phrase, unit = check.metric.phrase(), check.metric.unit
    if isinstance(check.metric, schema_metrics.Layout):
        return measure.note
    covered = discretion.covers_any(check.metric.paths())
    note = HIDDEN if covered else discretion.told(measure.note)
    measure = replace(measure, note=note, value=discretion.told(measure.value))
    if unit == "violations":
        return measure.note if check.metric.name == "same_content" else f"{phrase} does not hold: {measure.note}"
    if unit == "rows":
        allowed = _allowed(check.bound if check.bound.negated else broken)
        share = f"{percent(measure.value, measure.total)}, allowed {allowed}"
        return f"{number(measure.value)} row{'s' * (measure.value != 1)} ({share}) {phrase}".rstrip()
    if unit == "ratio":
        return f"{percent(measure.value, 1)} {phrase}, expected {check.bound}"
    value = HIDDEN if unit == "value" and discretion.covers(check.column) else number(measure.value)
    if broken.unit == "share of previous" and before is not None:
        change, then = _against(measure.value, before.value), number(before.value)
        return f"{value} {phrase}".rstrip() + f", {change} the {then} of {before.partition}; expected {broken}"
    return f"{value} {phrase}".rstrip() + f", expected {check.bound}"


def _allowed(condition: Condition | Bound) -> str:
    return str(condition).removeprefix("<= ").removeprefix("= ")


def _against(value: Any, before: Any) -> str:
    change = (Fraction(value) - Fraction(before)) / Fraction(before) if before else Fraction(0)
    return f"{abs(float(change)) * 100:.0f} % {'below' if change < 0 else 'above'}"


def percent(part: Any, whole: Any) -> str:
    """A share in as many digits as it takes not to say 0 % or 100 % of what is neither."""
    share = Fraction(part) / Fraction(whole) * 100 if whole else Fraction(0)
    for digits in (0, 1, 2, 4, 6):
        text = f"{float(share):.{digits}f}"
        if share in (0, 100) or float(text) not in (0.0, 100.0):
            return f"{text} %"
    return f"{float(share):.1e} %"


def number(value: Any) -> str:
    """Thousands separated by commas; floats in up to six significant digits or as many as they have decimals."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, Decimal)):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.2f}"
    return str(value)


def questions_of_evidence(
    checks: Iterable[Check], results: Iterable[CheckResult], show: tuple[Path, ...] = ()
) -> dict[str, FirstRows | DuplicateKeys]:
    """Check id -> the aggregate that fetches a few offending rows, for the checks that fail, or may when there is an
    earlier partition to compare with. The columns `show` are shown before those of the check."""
    suspected = {r.id for r in results if r.status is Status.FAIL or (r.status is Status.SKIP and r.observed)}
    offended = {r.id for r in results if r.failed_rows}
    wanted = [c for c in checks if c.id in suspected or (c.always and c.id in offended)]
    asked = {c.id: (c.metric.evidence(), c.samples) for c in wanted}
    return {
        k: replace(a, limit=n, show=tuple(dict.fromkeys((*show, *a.show))))
        for k, (a, n) in asked.items()
        if a is not None
    }


def evidence(asked: Any, rows: Iterable[RowState], discretion: Discretion) -> tuple[Evidence, ...]:
    """Offending rows; as the discretion allows, and what was not asked for is not shown."""
    names = [p[0].removeprefix(RAW) if p[0].startswith(RAW) else format_path(p) for p in asked.show]
    return tuple(Evidence(row.file, row.row, discretion.values(zip(names, row.values, strict=True))) for row in rows)


def with_evidence(
    results: Iterable[CheckResult], evidence: Mapping[str, tuple[Evidence, ...]]
) -> tuple[CheckResult, ...]:
    """Checks with their offending rows; a skipped one has none."""
    shown = (Status.FAIL, Status.PASS)
    return tuple(
        replace(r, evidence=evidence[r.id]) if r.status in shown and evidence.get(r.id) else r for r in results
    )
