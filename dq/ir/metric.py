"""A metric is a named, unit-carrying number computed from states and facts. The set is open: one class per metric."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from dq.ir.data import Finding, Footer, Schema
from dq.ir.expr import Path, Scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.ir.aggregate import Aggregate


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
class Facts:
    """What is known of a partition without an aggregate.

    `schema` is what landed, under canonical names; `files` each file's own schema; `accepted` the layout of the last
    accepted partition; `twin` the key of an earlier partition with the same content; `keys` the partition's key values.
    """

    schema: Schema = Schema()
    files: tuple[tuple[str, Schema], ...] = ()
    bytes: int = 0
    findings: tuple[Finding, ...] = ()
    accepted: Schema | None = None
    twin: str | None = None
    keys: tuple[tuple[str, Scalar], ...] = ()
    footer: Footer | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric's value. Row-level metrics count failing rows of `total`; `absent` rows could not be judged (NULL).

    `note` says in words what a number cannot (column names, file names).
    """

    value: Scalar
    total: int | None = None
    absent: int = 0
    note: str = ""
    evidence: tuple[tuple[str, int, str], ...] = ()


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

    def evidence(self, show: tuple[Path, ...], limit: int) -> Aggregate | None:
        """Aggregate that fetches a few offending rows; None for table-level metrics."""
        return None


M = TypeVar("M", bound=type[Metric])
REGISTRY: dict[str, type[Metric]] = {}


def metric(cls: M) -> M:
    """Register a metric class under its class name, which the codec writes."""
    REGISTRY[cls.__name__] = cls
    return cls
