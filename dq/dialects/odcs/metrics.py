"""What the standard counts, where no metric of ours counts it so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dq.ir.aggregate import Max, Min
from dq.ir.data import NUMBERS, TEXTS, TIMES, Kind, format_path, parse_path
from dq.ir.expr import Col, Expr, In, Not, Or, Path, Scalar, all_of
from dq.ir.metric import Dimension, Facts, Measure, Metric, RowMetric, metric
from dq.ir.typecheck import Unanswerable
from dq.metrics.completeness import Required, absent
from dq.metrics.schema import Layout
from dq.metrics.uniqueness import Unique
from dq.metrics.validity import Validity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.ir.aggregate import Aggregate
    from dq.ir.data import Schema, Type


@metric
@dataclass(frozen=True)
class LogicalType(Layout):
    """The column is of a type that the logical one stands for. Of text whose type nobody declared, `string` is any."""

    name: ClassVar[str] = "type"

    column: str
    logical: str
    kinds: frozenset[Kind]

    def departures(self, facts: Facts) -> list[str]:
        found = facts.schema.find(parse_path(self.column))
        free = self.logical == "string" and self.column in facts.schema.inferred
        if found is None or free or found.kind in self.kinds | {Kind.NULL} or self._whole(found):
            return []
        return [f"landed as {found}, which is no {self.logical}"]

    def _whole(self, found: Type) -> bool:
        return self.logical == "integer" and found.kind is Kind.DECIMAL and not found.scale


@metric
@dataclass(frozen=True)
class NullValues(Required):
    name: ClassVar[str] = "null_values"

    def phrase(self) -> str:
        return "have no value"


@dataclass(frozen=True)
class Listed(RowMetric):
    """Counts by a list of values, which are compared as the type of the column: a number in the list is its text beside
    text, and a text beside anything else is no value of it."""

    path: Path = ()
    values: tuple[Scalar, ...] = ()

    def fitted(self, schema: Schema) -> Metric:
        found = schema.find(self.path)
        return replace(self, values=_as(found.kind, self.values)) if found else self


def _as(kind: Kind, values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    if kind in TEXTS | {Kind.UUID}:
        return tuple(dict.fromkeys(v if isinstance(v, str) else _written(v) for v in values))
    if kind is Kind.BOOL:
        return tuple(v for v in values if isinstance(v, bool))
    if kind in NUMBERS:
        return tuple(v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool))
    return tuple(v for v in values if kind in TIMES | {Kind.TIME} and _is_time(kind, v))


def _written(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_time(kind: Kind, value: Scalar) -> bool:
    try:
        (time if kind is Kind.TIME else datetime).fromisoformat(str(value))
    except ValueError:
        return False
    return True


@metric
@dataclass(frozen=True)
class MissingValues(Listed):
    """Rows whose value is NULL, or one that stands for none."""

    name: ClassVar[str] = "missing_values"
    dimension: ClassVar[Dimension] = Dimension.COMPLETENESS

    def fitted(self, schema: Schema) -> Metric:
        fitting = super().fitted(schema)
        assert isinstance(fitting, MissingValues)
        none = absent(self.path)
        listed = In(Col(self.path), fitting.values) if fitting.values else None
        return replace(fitting, ok=Not(Or((none, listed)) if listed else none))

    def phrase(self) -> str:
        return "have no value, or one that stands for none"


@metric
@dataclass(frozen=True)
class InvalidValues(Listed):
    """Rows whose value is not of the list, or does not match; NULL is neither."""

    name: ClassVar[str] = "invalid_values"
    dimension: ClassVar[Dimension] = Dimension.VALIDITY

    matches: Expr | None = None
    listed: bool = False
    words: str = "are invalid"

    def fitted(self, schema: Schema) -> Metric:
        fitting = super().fitted(schema)
        assert isinstance(fitting, InvalidValues)
        member = In(Col(self.path), fitting.values) if self.listed else None
        return replace(fitting, ok=all_of(member, self.matches) or self.ok)

    def phrase(self) -> str:
        return self.words


@metric
@dataclass(frozen=True)
class MultipleOf(Validity):
    name: ClassVar[str] = "multiple_of"


@metric
@dataclass(frozen=True)
class DuplicateValues(Unique):
    """Rows beyond the first of each key, of the rows that have one: as many must go for the others to be unique."""

    name: ClassVar[str] = "duplicate_values"

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        state = states[self.aggregates()[0]]
        return Measure(state.rows - state.groups, state.rows)

    def phrase(self) -> str:
        return f"repeat the {', '.join(map(format_path, self.keys))} of another row"


@metric
@dataclass(frozen=True)
class Age(Metric):
    """Seconds from the newest (latency) or oldest (retention) value until now. A date stands for its whole day; a time
    without a zone is in UTC."""

    name: ClassVar[str] = "age"
    dimension: ClassVar[Dimension] = Dimension.TIMELINESS
    unit: ClassVar[str] = "seconds"

    path: Path
    of: Literal["newest", "oldest"]

    def aggregates(self) -> tuple[Aggregate, ...]:
        return (Max(Col(self.path)) if self.of == "newest" else Min(Col(self.path)),)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        found = states[self.aggregates()[0]]
        if found is None:
            return Measure(None, note=f"no {self.of} value: there is none")
        if not isinstance(found, date):
            return Measure(None, fault=f"{format_path(self.path)} is {type(found).__name__}, and no date or timestamp")
        moment = found if isinstance(found, datetime) else _end_of(found)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        assert facts.now is not None
        return Measure(int((facts.now - moment).total_seconds()), note=moment.isoformat())

    def phrase(self) -> str:
        return f"seconds is the age of the {self.of} value"


def _end_of(day: date) -> datetime:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight + timedelta(days=1) if day < date.max else midnight


@metric
@dataclass(frozen=True)
class NotRun(Metric):
    """A rule that nothing here runs: an error, or with `told` a text for people."""

    name: ClassVar[str] = "not_run"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY

    message: str
    told: bool = False

    def paths(self) -> frozenset[Path]:
        return frozenset()

    def aggregates(self) -> tuple[Aggregate, ...]:
        if not self.told:
            raise Unanswerable(self.message)
        return ()

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        return None
