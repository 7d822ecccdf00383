"""A metric is a named, unit-carrying number computed from states and facts. The set is open: one class per metric."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from dq.ir.aggregate import Aggregate, Count, DuplicateKeys, FirstRows
from dq.ir.data import Finding, Schema
from dq.ir.expr import Expr, Not, Path, Scalar, all_of
from dq.ir.other import compared_with
from dq.ir.positions import Positions
from dq.ir.typecheck import Mistyped, Unanswerable, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping


class Dimension(StrEnum):
    COMPLETENESS = "completeness"
    UNIQUENESS = "uniqueness"
    VALIDITY = "validity"
    CONSISTENCY = "consistency"
    DISTRIBUTION = "distribution"
    TIMELINESS = "timeliness"
    VOLUME = "volume"
    SCHEMA = "schema"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a file as a file: when it was written last, and its digests by the algorithms asked for."""

    path: str
    bytes: int
    modified: datetime | None = None
    digests: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a partition without an aggregate.

    `schema` is what landed, under canonical names; `files` each file's own schema; `accepted` the layout of the last
    accepted partition; `twin` the key of an earlier partition with the same content (`same_rows`: in other bytes);
    `keys` the partition's key values; `others` the schemas of the data sets it is compared with; `now` the moment that
    counts as such; `listed` the files by data set, "" being the one that is judged, where a metric asks for them
    (`Metric.hashes`).
    """

    schema: Schema = Schema()
    files: tuple[tuple[str, Schema], ...] = ()
    bytes: int = 0
    file_count: int = 0
    findings: tuple[Finding, ...] = ()
    accepted: Schema | None = None
    passing: frozenset[str] = frozenset()  # columns of the accepted layout that may go as they came
    twin: str | None = None
    same_rows: bool = False
    keys: tuple[tuple[str, Scalar], ...] = ()
    others: tuple[tuple[str, Schema], ...] = ()
    now: datetime | None = None
    listed: tuple[tuple[str, tuple[FileFacts, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric's value. Row-level metrics count failing rows of `total` rows in scope; of 0 rows the check is SKIP.

    `note` says in words what a number cannot (column names, file names); `details` are further numbers by name, for
    dialects whose own results tell more. `fault`: why the check cannot be judged as it is written.
    """

    value: Scalar
    total: int | None = None
    note: str = ""
    details: tuple[tuple[str, Any], ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class Metric:
    """Base. A metric that finds nothing in scope measures None, and its check is SKIP, never PASS."""

    name: ClassVar[str]
    dimension: ClassVar[Dimension]
    unit: ClassVar[str] = "value"

    def aggregates(self) -> tuple[Aggregate, ...]:
        return ()

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        raise NotImplementedError

    def paths(self) -> frozenset[Path]:
        """Columns the metric reads; a missing one makes its check SKIP (`schema.column_present` blocks)."""
        return frozenset().union(*(a.columns() for a in self.aggregates()))

    def references(self) -> frozenset[str]:
        """Names of the data sets the metric compares with."""
        try:
            return compared_with(self.aggregates())
        except (Mistyped, Unanswerable, Unknown):
            return frozenset()

    def hashes(self) -> frozenset[str] | None:
        """Algorithms by which `Facts.listed` is to tell the content of files; None where no file is asked for."""
        return None

    def fitted(self, schema: Schema) -> Metric:
        """The metric for the schema that landed, where what is asked depends on types; itself elsewhere."""
        return self

    def phrase(self) -> str:
        """What a failing row or number is, to stand behind a count: `outside [0, 500]`."""
        return ""

    def remark(self) -> str:
        """What is to be known of how it runs, where that is not as part of the scan."""
        return ""

    def evidence(self) -> FirstRows | DuplicateKeys | None:
        """Aggregate that fetches a few offending rows; None for table-level metrics."""
        return None

    def failing(self, limit: int | None = None) -> Aggregate | None:
        """Aggregate that tells where all failing rows stand; None where the whole fails and no row of it."""
        return None


M = TypeVar("M", bound=type[Metric])
REGISTRY: dict[str, type[Metric]] = {}


def metric(cls: M) -> M:
    """Register a metric class under its class name, which the codec writes. Raises TypeError where it is taken."""
    if REGISTRY.setdefault(cls.__name__, cls) is not cls:
        raise TypeError(f"{cls.__name__} is a metric of {REGISTRY[cls.__name__].__module__} already")
    return cls


@dataclass(frozen=True)
class RowMetric(Metric):
    """Counts the rows in scope for which `ok` is FALSE. NULL fails nothing: completeness is a metric of its own.

    Rows of `where` for which `absent` is TRUE are not in scope; the detail `rows` counts them in.
    """

    ok: Expr
    where: Expr | None = None
    absent: Expr | None = field(default=None, kw_only=True)

    unit: ClassVar[str] = "rows"

    @property
    def scope(self) -> Expr | None:
        return self.where if self.absent is None else all_of(self.where, Not(self.absent))

    def aggregates(self) -> tuple[Aggregate, ...]:
        return Count(self.scope), Count(all_of(self.scope, Not(self.ok))), Count(self.where)

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        total, failing, rows = (states[a] for a in RowMetric.aggregates(self))
        if self.absent is not None:
            return Measure(failing, total, details=(("rows", rows),))
        return Measure(failing, total) if total else None

    def evidence(self) -> FirstRows:
        return FirstRows(all_of(self.scope, Not(self.ok)), tuple(sorted(self.paths())))

    def failing(self, limit: int | None = None) -> Aggregate:
        return Positions(all_of(self.scope, Not(self.ok)), limit=limit)
