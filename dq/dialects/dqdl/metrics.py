"""What DQDL measures, where no metric of ours measures it so."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dq.dialects.dqdl.values import of_text
from dq.ir.aggregate import (
    Aggregate,
    Comoments,
    Count,
    Distinctness,
    DuplicateKeys,
    FirstRows,
    Max,
    Min,
    Moments,
    Tally,
)
from dq.ir.data import TEXTS, Kind, format_path
from dq.ir.expr import (
    And,
    Call,
    Col,
    Compare,
    Expr,
    Holds,
    IsNull,
    Lit,
    Not,
    Or,
    Path,
    all_of,
    replace_leaves,
    walk,
)
from dq.ir.metric import Dimension, Facts, Measure, Metric, metric
from dq.metrics.distribution import OfColumn
from dq.metrics.schema import Layout
from dq.metrics.uniqueness import Unique
from dq.metrics.validity import Validity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.ir.data import Schema


@metric
@dataclass(frozen=True)
class Values(Validity):
    """Rows whose value does not hold a condition. `dated`: one of days, as which text is read then."""

    name: ClassVar[str] = "values"

    path: Path = ()
    dated: bool = False

    def fitted(self, schema: Schema) -> Metric:
        found = schema.find(self.path)
        if not self.dated or found is None:
            return self
        if found.kind in TEXTS:
            return replace(self, ok=of_text(self.ok, Col(self.path)))
        return replace(self, ok=_by_day(self.ok, Col(self.path))) if found.kind is Kind.TIMESTAMP else self


def _by_day(ok: Expr, column: Col) -> Expr:
    return replace_leaves(ok, {column: Call("date", (column,))})


@metric
@dataclass(frozen=True)
class Fresh(Validity):
    """Rows whose moment is not of the age that is asked for."""

    name: ClassVar[str] = "freshness"
    dimension: ClassVar[Dimension] = Dimension.TIMELINESS

    path: Path = ()

    def fitted(self, schema: Schema) -> Metric:
        found = schema.find(self.path)
        if found is None or found.kind not in TEXTS:
            return self
        column = Col(self.path)
        aged = [n for n in walk(self.ok) if isinstance(n, Compare)]
        leaves: dict[Expr, Expr] = {n: Holds("moment", column, json.dumps([n.op]), n.right) for n in aged}
        return replace(self, ok=replace_leaves(self.ok, leaves))


@metric
@dataclass(frozen=True)
class ReadsAs(Validity):
    """Rows whose value Spark would not cast to any of the types (`denied`: would). Of typed data the type tells."""

    name: ClassVar[str] = "data_type"

    path: Path = ()
    types: tuple[str, ...] = ()
    format: str = ""
    denied: bool = False

    def fitted(self, schema: Schema) -> Metric:
        from dq.dialects.dqdl.types import casts

        found = schema.find(self.path)
        if found is None:
            return self
        tests = tuple(casts(Col(self.path), found, name, self.format) for name in self.types)
        ok = And((Not(IsNull(Col(self.path))), Or(tests)))
        return replace(self, ok=Not(ok) if self.denied else ok)


@metric
@dataclass(frozen=True)
class Share(Metric):
    """Of the rows in scope, the share that passes another metric."""

    name: ClassVar[str] = "share"
    dimension: ClassVar[Dimension] = Dimension.VALIDITY
    unit: ClassVar[str] = "ratio"

    of: Metric
    words: str = "of the rows pass"

    def aggregates(self) -> tuple[Aggregate, ...]:
        return self.of.aggregates()

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        found = self.of.measure(states, facts)
        if found is None or found.fault or found.value is None:
            return found
        failing: Any = found.value
        return replace(found, value=(found.total - failing) / found.total) if found.total else None

    def references(self) -> frozenset[str]:
        return self.of.references()

    def hashes(self) -> frozenset[str] | None:
        return self.of.hashes()

    def fitted(self, schema: Schema) -> Metric:
        return replace(self, of=self.of.fitted(schema))

    def phrase(self) -> str:
        return self.words

    def evidence(self) -> FirstRows | DuplicateKeys | None:
        return self.of.evidence()

    def failing(self, limit: int | None = None) -> Aggregate | None:
        return self.of.failing(limit)


@metric
@dataclass(frozen=True)
class OnlyUnique(Unique):
    """Rows that share their key with another row; where no row has a key, none is unique."""

    name: ClassVar[str] = "only_unique"

    def aggregates(self) -> tuple[Aggregate, ...]:
        return *super().aggregates(), Count(self.where)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        none = Measure(None, note="no row has a key") if states[Count(self.where)] else None
        return super().measure(states, facts) or none


@metric
@dataclass(frozen=True)
class PrimaryKey(Metric):
    """Rows that share their key with another row, or lack a part of it."""

    name: ClassVar[str] = "primary_key"
    dimension: ClassVar[Dimension] = Dimension.UNIQUENESS
    unit: ClassVar[str] = "rows"

    keys: tuple[Path, ...]
    where: Expr | None = None

    @property
    def columns(self) -> tuple[Expr, ...]:
        return tuple(map(Col, self.keys))

    @property
    def whole(self) -> Expr:
        return And(tuple(Not(IsNull(c)) for c in self.columns))

    def aggregates(self) -> tuple[Aggregate, ...]:
        whole = all_of(self.where, self.whole)
        return Distinctness(self.columns, whole), Count(all_of(self.where, Not(self.whole))), Count(self.where)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        keys, lacking, rows = (states[a] for a in self.aggregates())
        return Measure(keys.duplicate_rows + lacking, rows, details=(("without_key", lacking),))

    def phrase(self) -> str:
        return f"have no {', '.join(map(format_path, self.keys))} of their own"

    def evidence(self) -> DuplicateKeys:
        return DuplicateKeys(self.columns, self.keys, self.where)


@dataclass(frozen=True)
class OfKeys(Metric):
    """A number of how often keys occur: of the rows with any part of one."""

    dimension: ClassVar[Dimension] = Dimension.UNIQUENESS
    unit: ClassVar[str] = "ratio"

    keys: tuple[Path, ...]
    where: Expr | None = None

    def aggregates(self) -> tuple[Aggregate, ...]:
        return Distinctness(tuple(map(Col, self.keys)), self.where), Count(self.where)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        state, rows = (states[a] for a in self.aggregates())
        if not state.rows:
            return Measure(None, note="no row has a key") if rows else None
        return Measure(self.number(state), state.rows)

    def number(self, state: Any) -> float:
        raise NotImplementedError


@metric
@dataclass(frozen=True)
class Uniqueness(OfKeys):
    """Rows whose key occurs once, of the rows that have one."""

    name: ClassVar[str] = "uniqueness"

    def number(self, state: Any) -> float:
        return float(state.singletons / state.rows)

    def phrase(self) -> str:
        return "of the rows have a key of their own"


@metric
@dataclass(frozen=True)
class UniqueValueRatio(OfKeys):
    """Keys that occur once, of the distinct keys."""

    name: ClassVar[str] = "unique_value_ratio"

    def number(self, state: Any) -> float:
        return float(state.singletons / state.groups)

    def phrase(self) -> str:
        return "of the distinct values occur once"


@metric
@dataclass(frozen=True)
class Entropy(OfColumn):
    """Of the values, in nats (Shannon, 1948)."""

    name: ClassVar[str] = "entropy"

    CAP: ClassVar[int] = 1_000_000

    def aggregate(self) -> Aggregate:
        return Tally(Col(self.path), self.where, self.CAP)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        if states[self.aggregate()].over:
            return Measure(None, fault=f"no entropy: more than {self.CAP:,} distinct values")
        return super().measure(states, facts)

    def value(self, state: Any) -> float | None:
        counts = [n for _, n in state.counts]
        total = sum(counts)
        return max(0.0, -math.fsum(n / total * math.log(n / total) for n in counts)) if total else None

    def phrase(self) -> str:
        return "is the entropy"


@metric
@dataclass(frozen=True)
class Spread(OfColumn):
    """Standard deviation, or variance, of the values as a whole population."""

    name: ClassVar[str] = "spread"

    squared: bool = False

    def aggregate(self) -> Aggregate:
        return Moments(Col(self.path), self.where)

    def value(self, state: Any) -> float | None:
        if not state.n:
            return None
        variance: float = state.m2 / state.n
        return variance if self.squared else math.sqrt(variance)

    def phrase(self) -> str:
        return "is the variance" if self.squared else "is the standard deviation"


@metric
@dataclass(frozen=True)
class Correlated(Metric):
    """Pearson's correlation of the pairs in which both values are there."""

    name: ClassVar[str] = "correlation"
    dimension: ClassVar[Dimension] = Dimension.DISTRIBUTION

    x: Path
    y: Path
    where: Expr | None = None

    def aggregates(self) -> tuple[Aggregate, ...]:
        return Comoments(Col(self.x), Col(self.y), self.where), Count(self.where)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        state, rows = (states[a] for a in self.aggregates())
        if not rows:
            return None
        spread = math.sqrt(state.m2_x * state.m2_y)
        return Measure(state.c / spread if spread else None)

    def phrase(self) -> str:
        return f"is the correlation of {format_path(self.x)} and {format_path(self.y)}"


@metric
@dataclass(frozen=True)
class TextLength(Metric):
    """The shortest or the longest text; NULL has none, which is 0."""

    name: ClassVar[str] = "text_length"
    dimension: ClassVar[Dimension] = Dimension.VALIDITY

    path: Path
    of: Literal["shortest", "longest"] = "longest"
    where: Expr | None = None

    def aggregates(self) -> tuple[Aggregate, ...]:
        size = length(self.path)
        return Min(size, self.where) if self.of == "shortest" else Max(size, self.where), Count(self.where)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        found, rows = (states[a] for a in self.aggregates())
        return Measure(found) if rows else None

    def phrase(self) -> str:
        return f"characters has the {self.of} text"


def length(path: Path) -> Expr:
    return Call("coalesce", (Call("length", (Col(path),)), Lit(0)))


@metric
@dataclass(frozen=True)
class NamesMatch(Layout):
    """Columns that are not called as they should be."""

    name: ClassVar[str] = "column_names"

    pattern: str

    def departures(self, facts: Facts) -> list[str]:
        keys = {k for k, _ in facts.keys}
        strange = [n for n in facts.schema.names if n not in keys and not re.fullmatch(self.pattern, n)]
        return [f'column "{n}" does not match {self.pattern}' for n in strange]
