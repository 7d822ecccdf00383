"""Whether two checks mean the same: both are asked of small tables, row by row and a few rows at a time."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dq.converting.meaning import accepted, column_of, expressions, types_beside
from dq.converting.parts import with_patterns
from dq.converting.patterns import translated
from dq.dialects.saying import Unsayable
from dq.engines.reference import Reference
from dq.evaluate import answers, evaluate
from dq.ir.data import FILE, FLOATS, INTEGERS, ROW, TEXTS, TIMES, Field, Kind, Schema, Type
from dq.ir.expr import In, Lit, Matches, replace_leaves
from dq.ir.metric import Facts, RowMetric
from dq.ir.other import nodes
from dq.ir.result import Status
from dq.plan import Shape, plan, second_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dq.ir.check import Bound, Check, Condition
    from dq.ir.expr import Expr
    from dq.ir.result import CheckResult

_NOW = datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))
_MOST_ROWS = 160
_FEW_TABLES, _LARGE_TABLES = 60, 25
_TEXTS = ("", " ", "a", "Zz", "12", "é", "٣", "a\n", "x y")
Certain = frozenset[tuple[str, bool]]  # (column, whether NaN): what another check lets no row have


class Untried(Exception):
    """The check cannot be asked of small tables; the message says why."""


@dataclass(frozen=True, slots=True)
class Trial:
    """`schema` is what the columns are taken for, `certain` what no row has that the other checks let through,
    `promised` columns that are there."""

    schema: Schema
    certain: Certain = frozenset()
    promised: frozenset[str] = frozenset()

    def difference(self, before: Check, after: Check) -> str:
        """A table on which they differ, in words; empty where none is found. Raises Untried."""
        before, after = (replace(c, metric=c.metric.fitted(self.schema)) for c in (before, after))
        before, after = (_exchanged(c, lambda e: with_patterns(e, self.schema)) for c in (before, after))
        after = _with_patterns(before, after)
        if not _aggregates(before, self.schema) or not _aggregates(after, self.schema):
            return self._layouts(before, after)
        one, other = _Asked(before, self.schema), _Asked(after, self.schema)
        for table in self._tables(one, other):
            left, right = one.result(table), other.result(table)
            if not _alike(before, after, left, right):
                return f"{_said(table)}: {_told(left, right)}"
        return ""

    def _layouts(self, before: Check, after: Check) -> str:
        """Of checks that ask no row: what may land."""
        column = column_of(before)
        if column is not None and before.metric.name == after.metric.name == "type":
            universe = types_beside(before.metric, after.metric)
            one = accepted(before.metric, column, after.metric)
            other = accepted(after.metric, column, before.metric)
            apart = next((t for t in universe if (t in one) != (t in other)), None)
            return f"{apart}: {_passes(apart in one)} before, {_passes(apart in other)} after" if apart else ""
        fields = self.schema.fields
        fewer = [tuple(f for f in fields if f.name != x.name) for x in fields if x.name not in self.promised]
        for landed in (fields, (*fields, Field("⟨other⟩", Type(Kind.INT64))), fields[::-1], *fewer):
            schema = Schema(landed)
            left, right = (_held(c, schema) for c in (before, after))
            if left is not right:
                names = ", ".join(schema.names) or "no column"
                return f"where {names} landed: {_passes(left)} before, {_passes(right)} after"
        return ""

    def _tables(self, one: _Asked, other: _Asked) -> Iterator[list[dict[str, Any]]]:
        rows = self._rows(one, other)
        yield from ([r] for r in rows)
        by_rows = all(isinstance(a.check.metric, RowMetric) for a in (one, other))
        if by_rows and _plain(one.check.bound) == _plain(other.check.bound):
            return  # counts of rows add up
        yield from ([r, r] for r in rows[:40])
        random = Random(0)  # noqa: S311
        for largest, count in ((6, _FEW_TABLES), (40, _LARGE_TABLES)):
            yield from ([random.choice(rows) for _ in range(random.randint(2, largest))] for _ in range(count))

    def _rows(self, one: _Asked, other: _Asked) -> list[dict[str, Any]]:
        literals = [v for a in (one, other) for v in a.literals()]
        names = sorted({p[0] for a in (one, other) for p in a.check.metric.paths()})
        lacking = [n for n in names if self.schema.find((n,)) is None]
        if lacking:
            raise Untried(f'nothing is known of the column "{lacking[0]}"')
        domains = [self._domain(n, literals) for n in names]
        random = Random(0)  # noqa: S311
        if math.prod(map(len, domains)) <= _MOST_ROWS:
            found: Iterable[tuple[Any, ...]] = product(*domains)
        else:
            found = [tuple(map(random.choice, domains)) for _ in range(_MOST_ROWS)]
        return [{**dict(zip(names, values, strict=True)), FILE: "", ROW: 1} for values in found]

    def _domain(self, name: str, literals: Sequence[Any]) -> list[Any]:
        found = self.schema.find((name,))
        assert found is not None
        lacking = {nan for column, nan in self.certain if column == name}
        return [v for v in (*_values(found, literals), None) if not _is_absent(v) or _is_nan(v) not in lacking]


def _with_patterns(before: Check, after: Check) -> Check:
    """With patterns of the check before where they are translations of each other: which texts match is not tried."""
    leaves: dict[Expr, Expr] = {}
    for theirs in _patterns(before):
        for ours in _patterns(after):
            with suppress(Unsayable):
                if ours.pattern == translated(theirs.pattern, theirs.flavour, ours.flavour):
                    leaves[ours] = theirs
    return _exchanged(after, lambda e: replace_leaves(e, leaves))


def _exchanged(check: Check, change: Callable[[Expr], Expr]) -> Check:
    """With the conditions on rows changed."""
    metric: Any = check.metric
    if not isinstance(metric, RowMetric):
        return check
    parts = {n: change(p) for n in ("ok", "where", "absent") if (p := getattr(metric, n)) is not None}
    return replace(check, metric=replace(metric, **parts))


def _patterns(check: Check) -> list[Matches]:
    return [n for n in expressions(check.metric) if isinstance(n, Matches)]


class _Asked:
    """A check, ready to be asked of tables."""

    def __init__(self, check: Check, schema: Schema) -> None:
        self.check = replace(check, metric=check.metric.fitted(schema))
        self.shape = Shape("frame", schema, now=_NOW)
        self.facts = Facts(schema, now=_NOW)
        self.plan = plan([self.check], (), self.shape)
        if check.id in self.plan.unjudged:
            raise Untried(self.plan.unjudged[check.id].message)

    def literals(self) -> Iterator[Any]:
        for aggregate in self.check.metric.aggregates():
            for node in nodes(aggregate, (Lit, In, Matches)):
                match node:
                    case In(_, values):
                        yield from values
                    case Matches(_, pattern):
                        yield pattern.strip("^$")
                    case Lit(value):
                        yield value
        yield from (c.limit for c in self.check.bound.conditions)

    def result(self, rows: list[dict[str, Any]]) -> CheckResult:
        engine = Reference()
        try:
            states = {a: engine.state(a, rows) for a in dict.fromkeys(self.plan.bound.values())}
            whole = second_stage(self.plan, states, self.shape) if self.plan.later else self.plan
            states |= {a: engine.state(a, rows) for a in whole.bound.values() if a not in states}
        except Exception as error:
            raise Untried(f"it is beyond the reference engine ({type(error).__name__})") from None
        (found,) = evaluate([self.check], answers([self.check], whole, states), self.facts)
        return found


def _values(found: Type, literals: Sequence[Any]) -> Iterator[Any]:
    """Values of the type on both sides of every literal, and those that are always odd."""
    numbers = [v for v in literals if isinstance(v, (int, float, Decimal)) and not isinstance(v, bool) and _finite(v)]
    if found.kind in INTEGERS:
        near = [n + d for v in [*numbers, 0] for n in (math.floor(v), math.ceil(v)) for d in (-1, 0, 1)]
        yield from dict.fromkeys(n for n in near if n >= 0 or not found.kind.startswith("u"))
    elif found.kind in FLOATS:
        yield from dict.fromkeys([*(float(v) + d for v in [*numbers, 0] for d in (-0.5, 0, 0.5)), math.inf])
        yield math.nan
    elif found.kind is Kind.DECIMAL:
        step = Decimal(1).scaleb(-(found.scale or 0))
        yield from dict.fromkeys((Decimal(str(v)) + d).quantize(step) for v in [*numbers, 0] for d in (-step, 0, step))
    elif found.kind in TEXTS:
        texts = [v for v in literals if isinstance(v, str)]
        yield from dict.fromkeys([*texts, *(t + "x" for t in texts), *_TEXTS])
    elif found.kind in TIMES:
        yield from dict.fromkeys(_moments(found, literals))
    else:
        yield from _ODD.get(found.kind, ())


_ODD: dict[Kind, tuple[Any, ...]] = {
    Kind.BOOL: (True, False), Kind.TIME: (time(1), time(2)), Kind.BINARY: (b"", b"a"),
    Kind.DURATION: (timedelta(1), timedelta(-1)), Kind.LIST: ([], [1]),
}  # fmt: skip


def _moments(found: Type, literals: Sequence[Any]) -> Iterator[Any]:
    days = [v for v in literals if isinstance(v, date)] or [date(2020, 1, 1)]
    for day in days:
        if found.kind is Kind.DATE:
            plain = day.date() if isinstance(day, datetime) else day
            yield from (plain + timedelta(days=d) for d in (-1, 0, 1))
            continue
        moment = day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)
        moment = moment.replace(tzinfo=(moment.tzinfo or ZoneInfo(found.zone)) if found.zone else None)
        yield from (moment + timedelta(seconds=s) for s in (-1, 0, 1, 3600))


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_absent(value: Any) -> bool:
    return value is None or _is_nan(value)


def _aggregates(check: Check, schema: Schema) -> bool:
    """Whether it asks rows at all. Raises Untried."""
    try:
        return bool(check.metric.fitted(schema).aggregates())
    except Exception as error:
        raise Untried(str(error)) from None


def _held(check: Check, schema: Schema) -> bool:
    measure = check.metric.fitted(schema).measure({}, Facts(schema))
    if measure is None:
        return True
    return all(c.holds(measure.value, measure.total, None) for c in check.bound.conditions) is not check.bound.negated


def _plain(bound: Bound) -> Any:
    """Bounds that say the same are equal."""
    return frozenset(map(_condition, bound.conditions)), bound.negated, bound.usual


def _condition(condition: Condition) -> tuple[Any, ...]:
    limit = condition.limit
    if limit == 0:
        return "<=" if condition.op == "=" else condition.op, 0, "value"
    return condition.op, float(limit) if isinstance(limit, (int, Decimal)) else limit, condition.unit


def _alike(before: Check, after: Check, left: CheckResult, right: CheckResult) -> bool:
    """The same outcome; and of numbers that more than their being 0 matters of, the same number."""
    if _through(left) is not _through(right) or (left.status is Status.ERROR) is not (right.status is Status.ERROR):
        return False
    conditions = before.bound.conditions
    if _plain(before.bound) != _plain(after.bound) or all(c.limit == 0 and c.op in ("<=", "=") for c in conditions):
        return True
    if Status.SKIP in (left.status, right.status):
        return True
    shares = any(c.unit == "share of rows" for c in conditions)
    same = left.observed == right.observed or _is_absent(left.observed) or right.observed is None
    return same and (not shares or left.total_rows == right.total_rows)


def _through(result: CheckResult) -> bool:
    """What nothing is in scope of is let through."""
    return result.status in (Status.PASS, Status.SKIP)


def _told(left: CheckResult, right: CheckResult) -> str:
    if _through(left) is _through(right) and left.status is not Status.ERROR:
        return f"{left.observed} of {left.total_rows} before, {right.observed} of {right.total_rows} after"
    return f"{_outcome(left)} before, {_outcome(right)} after"


def _outcome(result: CheckResult) -> str:
    return "is not judged" if result.status is Status.ERROR else _passes(_through(result))


def _passes(held: bool) -> str:
    return "passes" if held else "fails"


def _said(table: list[dict[str, Any]]) -> str:
    def value(one: Any) -> str:
        return "NULL" if one is None else "NaN" if _is_nan(one) else repr(one)

    rows = [", ".join(f"{n} = {value(v)}" for n, v in row.items() if n not in (FILE, ROW)) for row in table]
    return rows[0] if len(rows) == 1 else f"rows ({'; '.join(rows[:4])}{'; ...' if len(rows) > 4 else ''})"
