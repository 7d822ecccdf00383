"""A suite of any dialect as a contract, or as a suite of Great Expectations.

Every check is taken as it was compiled, written in the words of the other language, compiled again, and both are asked
of small tables (`trial`). What answers differently is told, with a row that shows it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dq.converting import contracts, suites
from dq.converting.lost import Lost
from dq.converting.meaning import UNSAID, column_of, declared, is_of_type, names_in, of_pattern, schema_for
from dq.converting.parts import with_patterns
from dq.converting.trial import Trial, Untried
from dq.dialects.base import read_yaml
from dq.dialects.dqdl.composite import Composite, Held
from dq.dialects.dqdl.metrics import OnlyUnique, ReadsAs, Share
from dq.dialects.gx.custom import Custom
from dq.dialects.gx.fit import Expectation
from dq.dialects.pandera.metrics import Castable
from dq.dialects.saying import Unsayable
from dq.errors import SuiteError, UsageError
from dq.ir.check import Bound, Condition, Severity
from dq.ir.data import FLOATS, Kind, Schema, format_path, parse_path
from dq.ir.expr import Col, Compare, Expr, IsNull, Lit, Not, Or, replace_leaves, walk
from dq.ir.metric import RowMetric
from dq.ir.scalar import evaluate
from dq.ir.typecheck import Mistyped, Unanswerable, Unknown
from dq.ir.typecheck import check as typed
from dq.metrics import completeness, consistency, schema, uniqueness, validity, volume

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.ir import expr
    from dq.ir.check import Check, Suite
    from dq.ir.contract import Contract
    from dq.ir.data import Type
    from dq.ir.metric import Metric

Target = Literal["contract", "gx"]
SOME = Bound((Condition(">", 0),))
_OURS = (schema.FilesAgree, schema.Change, consistency.SameContent)  # what the gate asks of every partition
_SAID = ("source", "description", "owner", "columns", "checks", "strict", "include")
_OF_THE_GATE = ("layout", "ready", "expected", "policy", "history", "quarantine_copy")
_ELSEWHERE = ("aliases", "formats", "timezone", "pii")


@dataclass(frozen=True, slots=True)
class Kept:
    """A check as it was, and as one that means the same of columns of these types."""

    before: Check
    after: Check
    schema: Schema


@dataclass(frozen=True, slots=True)
class Converted:
    text: str
    lost: tuple[Lost, ...]
    kept: tuple[Kept, ...]


def convert(contract: Contract, to: Target) -> Converted:
    """Raises UsageError where it is one already."""
    suite, own = contract.suite, contract.suite.checks[0].origin.dialect == "dq"
    if own and to == "contract":
        raise UsageError(f"{contract.file} is a contract: name a suite that it includes, or convert it --to gx")
    kind: Any = contracts.Writer if to == "contract" else suites.Writer
    found, writer = _Conversion(suite, kind(suite.source)), kind(suite.source)
    for check in sorted(suite.checks, key=_turn):
        found.add(check)
    for _, item in sorted(found.items, key=lambda pair: pair[0]):
        writer.add(item)
    lost = [*found.lost, *(_beside(contract.file) if own else writer.reads(suite))]
    lost.sort(key=lambda one: (one.file, one.line or 0))
    kept = sorted(found.kept, key=lambda one: found.places[one.before.id])
    return Converted(writer.text(f"# Converted from {contract.file} by dq convert."), tuple(lost), tuple(kept))


def _turn(check: Check) -> int:
    """Types first: they say what the others may be about. Then what no row lacks."""
    if is_of_type(check) or isinstance(check.metric, schema.ColumnPresent):
        return 0
    return 1 if check.id.rpartition(".")[2].startswith("required") else 2


class _Conversion:
    def __init__(self, suite: Suite, writer: Any) -> None:
        self.suite, self.writer = suite, writer
        self.places = {c.id: n for n, c in enumerate(suite.checks)}
        self.types: Mapping[str, Type] = declared(suite)
        everywhere = schema_for(suite.checks, self.types)
        self.likely = {f.name: f.type for f in everywhere.fields}
        self.promised = frozenset(n for c in suite.checks if c.metric.name == "column_present" for n in names_in(c))
        self.required = {c.column for c in suite.checks if c.metric.name == "required"}
        self.certain: set[tuple[str, bool]] = set()
        self.typed: set[str] = set()
        self.lost: list[Lost] = []
        self.kept: list[Kept] = []
        self.items: list[tuple[int, Any]] = []

    def write(self, check: Check, item: Any) -> None:
        self.writer.add(item)
        self.items.append((self.places[check.id], item))
        if is_of_type(check) and check.column is not None:
            self.typed.add(check.column)

    def lose(self, check: Check, why: str, written: bool = False) -> None:
        origin = check.origin
        self.lost.append(Lost(origin.file or self.suite.source, origin.line, check.id, why, written))

    def add(self, check: Check) -> None:
        if isinstance(check.metric, _OURS) or _is_not_empty(check):
            return
        to_gx = isinstance(self.writer, suites.Writer)
        metric: Any = check.metric
        if to_gx and isinstance(metric, (Expectation, Custom)) and getattr(metric, "semantics", "pandas") == "pandas":
            self.write(check, suites.as_written(check))
            self.kept.append(Kept(check, check, self._schema(check)))
            return
        if isinstance(check.metric, validity.Readable):
            if check.origin.rule.startswith("readable"):
                self.lose(check, "text that cannot be read as the type always fails there")
            elif check.column not in self.typed:
                self.lose(check, "its type is left out")
            return  # it follows from the type
        if isinstance(metric, (ReadsAs, Castable)):
            self.lose(check, "what it asks depends on the type that lands")
            return
        if isinstance(metric, Composite):
            if metric.op == "or":
                self.lose(check, "one of several rules is enough, and there each check must hold")
            for part in metric.parts if metric.op == "and" else ():
                self.add(_alone(check, part))
            return
        if isinstance(metric, OnlyUnique):
            unique, some = _with_keys(check, metric)
            self.add(unique)
            if check.column not in self.required:
                self.add(some)
            return
        if getattr(metric, "kind", "") == "custom":
            self.lose(check, "it is code")
            return
        if of_pattern(check):
            self.lose(check, "it is about all columns that a pattern describes")
            return
        if any(len(p) > 1 for p in _paths(check)):
            self.lose(check, "what leaves of structs are is not converted")
            return
        if to_gx and (away := sorted(n for n in names_in(check) - self.promised)):
            self.lose(check, f'"{away[0]}" may be missing here, and to Great Expectations no column may')
            return
        self._convert(check)

    def _convert(self, check: Check) -> None:
        listed = frozenset(getattr(check.metric.fitted(Schema()), "wanted", ()))
        trial = Trial(self._schema(check), frozenset(self.certain), self.promised | listed)
        first: tuple[Any, str] | None = None
        why = ""
        for item, told in self._candidates(check, trial.schema):
            why = why or told
            if item is None or not self.writer.takes(item):
                continue
            try:
                after = self.writer.compiled(item)
                told = trial.difference(check, after)
            except (Untried, SuiteError, Unsayable, StopIteration) as error:
                why = why or re.sub(r"^trial:\d+: ", "", str(error).partition("\n")[0])
                continue
            if not told:
                self._keep(check, item, after)
                return
            first = first or (item, told)
        if first is None:
            self.lose(check, why or f"{self.writer.called} has no check like it")
            return
        self.write(check, first[0])
        unsaid = sorted(n for n in trial.schema.names if n not in self.types)
        doubt = f" (of what type {unsaid[0]} is, nobody says)" if unsaid and "NaN" in first[1] else ""
        self.lose(check, first[1] + doubt, written=True)

    def _candidates(self, check: Check, landed: Schema) -> Iterator[tuple[Any, str]]:
        """Each, and what there are no words for."""
        column = column_of(check)
        kind = landed.find((column,)) if column else None
        try:
            fitted = replace(check, metric=_plainly(check.metric.fitted(landed), landed))
            for item in self.writer.candidates(fitted, kind):
                yield item, ""
        except Unsayable as error:
            yield None, str(error)

    def _keep(self, check: Check, item: Any, after: Check) -> None:
        self.write(check, item)
        schema = self._schema(check)
        self.kept.append(Kept(check, after, schema))
        self.certain |= _required(replace(check, metric=check.metric.fitted(schema)), schema)

    def _schema(self, check: Check) -> Schema:
        own = schema_for((check,), self.types)
        fields = tuple(
            replace(f, type=self.likely[f.name]) if f.name not in self.types and f.type == UNSAID else f
            for f in own.fields
        )
        return replace(own, fields=fields)


def _alone(check: Check, part: Metric) -> Check:
    """One of several rules that must all hold."""
    if not isinstance(part, Held):
        return replace(check, metric=part)
    paths = part.metric.paths()
    column = format_path(next(iter(paths))) if len(paths) == 1 else None
    return replace(check, metric=part.metric, bound=part.bound, column=column)


def _with_keys(check: Check, metric: OnlyUnique) -> tuple[Check, Check]:
    """That keys are unique, and that there is one."""
    unique = replace(check, metric=uniqueness.Unique(metric.keys, metric.where))
    present = tuple(Not(IsNull(Col(k))) for k in metric.keys)
    keyed = completeness.Required(present[0] if len(present) == 1 else Or(present), metric.where)
    return unique, replace(check, metric=Share(keyed), bound=SOME)


def _plainly(metric: Metric, landed: Schema) -> Metric:
    """With text beside times as times, and without what columns of these types never are."""
    if not isinstance(metric, RowMetric):
        return metric
    parts = {
        n: with_patterns(part, landed) for n in ("ok", "where", "absent") if (part := getattr(metric, n)) is not None
    }
    with suppress(Mistyped, Unanswerable, Unknown):
        return replace(metric, **{n: _with_hours(typed(part, landed)[0], landed) for n, part in parts.items()})
    return metric


def _with_hours(expr: Expr, landed: Schema) -> Expr:
    """With a date beside a timestamp as its midnight."""
    leaves: dict[Expr, Expr] = {}
    for node in walk(expr):
        match node:
            case Compare(_, Col(path) as column, Lit(date() as day)) if type(day) is date:
                found = landed.find(path)
                if found is not None and found.kind is Kind.TIMESTAMP:
                    leaves[node] = replace(node, left=column, right=Lit(datetime(day.year, day.month, day.day)))
    return replace_leaves(expr, leaves)


def _paths(check: Check) -> frozenset[expr.Path]:
    """Of the check's column, and what its metric reads before the types are known."""
    own = {parse_path(check.column)} if check.column else set()
    return frozenset(own) | check.metric.paths()


def _is_not_empty(check: Check) -> bool:
    """No dialect lets a partition without rows through."""
    metric, blocks = check.metric.fitted(Schema()), check.severity is Severity.BLOCK
    return isinstance(metric, volume.RowCount) and metric.where is None and blocks and check.bound == SOME


def _required(check: Check, landed: Schema) -> set[tuple[str, bool]]:
    """Of a check that lets through no row without a value: its column, and whether that is NULL or NaN."""
    metric = check.metric
    plain = check.severity is Severity.BLOCK and all(c.limit == 0 for c in check.bound.conditions)
    if not plain or not isinstance(metric, RowMetric) or metric.scope is not None or len(metric.paths()) != 1:
        return set()
    ((name, *inner),) = metric.paths()
    if inner:
        return set()
    found = landed.find((name,))
    odd: list[float | None] = [None, float("nan")] if found is not None and found.kind in FLOATS else [None]
    return {(name, value is not None) for value in odd if evaluate(metric.ok, {name: value}) is False}


def _beside(file: str) -> Iterator[Lost]:
    """What a contract says beside its checks."""
    document = read_yaml(Path(file).read_text(encoding="utf-8"), file)
    for name in document.value:
        if name in _OF_THE_GATE:
            yield Lost(file, document.line((name,)), name, "no check, it stays with the gate", asks=False)
        elif name not in _SAID:
            yield Lost(file, document.line((name,)), name, "a suite does not say it: keep it in the contract")
    for column, spec in document.value.get("columns", {}).items():
        for name in _ELSEWHERE:
            if name in (spec or {}):
                line = document.line(("columns", column, name))
                yield Lost(file, line, f"{column}.{name}", suites.UNREAD)
