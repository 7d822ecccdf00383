"""Metrics that only pandera has. What it shares with everybody is in `dq.metrics`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dq.dialects.pandera.types import wanted
from dq.errors import nearest
from dq.ir.aggregate import Aggregate, Count, Distinctness, DuplicateKeys, FirstRows
from dq.ir.expr import Expr, IsNull, Not, all_of, columns
from dq.ir.expr import Or as AnyOf
from dq.ir.metric import Dimension, Facts, Measure, Metric, RowMetric, metric
from dq.ir.positions import Positions
from dq.metrics.schema import Layout
from dq.metrics.validity import Validity
from dq.metrics.volume import RowCount

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@metric
@dataclass(frozen=True)
class Rows(RowCount):
    """The number of rows, with what is to be said of the whole schema."""

    notes: tuple[str, ...] = ()

    def remark(self) -> str:
        return "; ".join(self.notes)


@metric
@dataclass(frozen=True)
class Nothing(Metric):
    """A check on a column that may be absent, and is."""

    name: ClassVar[str] = "nothing"
    dimension: ClassVar[Dimension] = Dimension.VALIDITY

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> None:
        return None


@metric
@dataclass(frozen=True)
class Equal(Validity):
    name: ClassVar[str] = "equal"


@metric
@dataclass(frozen=True)
class NotEqual(Validity):
    name: ClassVar[str] = "not_equal"


@metric
@dataclass(frozen=True)
class StartsWith(Validity):
    name: ClassVar[str] = "starts_with"


@metric
@dataclass(frozen=True)
class EndsWith(Validity):
    name: ClassVar[str] = "ends_with"


@metric
@dataclass(frozen=True)
class Castable(Validity):
    """Values that become one of the type that the schema coerces to."""

    name: ClassVar[str] = "castable"


@metric
@dataclass(frozen=True)
class CustomCheck(Validity):
    """A condition that somebody wrote in Python."""

    name: ClassVar[str] = "check"


@metric
@dataclass(frozen=True)
class OfFrame(CustomCheck):
    """A condition whose code sees the frame: nobody knows whether its answer is one of rows or of the whole, and it may
    say no of none."""

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure:
        total, failing, _ = (states[a] for a in self.aggregates())
        return Measure(failing, max(total, failing))

    def evidence(self) -> None:  # type: ignore[override]
        return None

    def failing(self, limit: int | None = None) -> None:  # type: ignore[override]
        return None


@metric
@dataclass(frozen=True)
class OfTable(Metric):
    """A condition that is asked once for all rows."""

    name: ClassVar[str] = "table_check"
    dimension: ClassVar[Dimension] = Dimension.CONSISTENCY
    unit: ClassVar[str] = "violations"

    ok: Expr
    words: str = ""

    def aggregates(self) -> tuple[Aggregate, ...]:
        return Count(Not(self.ok)), Count()

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        broken, rows = (states[a] for a in self.aggregates())
        return Measure(1 if broken else 0, note="") if rows else None

    def phrase(self) -> str:
        return self.words


@metric
@dataclass(frozen=True)
class Duplicates(Metric):
    """Rows whose key another row has too; to Polars NULL is a value among others."""

    name: ClassVar[str] = "unique"
    dimension: ClassVar[Dimension] = Dimension.UNIQUENESS
    unit: ClassVar[str] = "rows"

    keys: tuple[Expr, ...]

    def _asked(self) -> tuple[Expr, ...]:
        return (*self.keys, *(IsNull(k) for k in self.keys[:1]))  # so that no key is all NULL

    def aggregates(self) -> tuple[Aggregate, ...]:
        """Of a single key the NULLs are counted apart: others ask for its uniqueness, too."""
        if self.keys[1:]:
            return (Distinctness(self._asked()),)
        return Distinctness(self.keys), Count(IsNull(self.keys[0]))

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        unique, *null = (states[a] for a in self.aggregates())
        nulls = sum(null)
        rows = unique.rows + nulls
        return Measure(unique.duplicate_rows + (nulls if nulls > 1 else 0), rows) if rows else None

    def phrase(self) -> str:
        return f"share their {', '.join(p[0] for p in sorted(self.paths()))} with another row"

    def evidence(self) -> DuplicateKeys:
        return DuplicateKeys(self._asked(), tuple(sorted(self.paths())))

    def failing(self, limit: int | None = None) -> Aggregate:
        return Positions(None, self._asked(), limit)


@metric
@dataclass(frozen=True)
class Several(Metric):
    """One check on every column that a pattern names: failing values of all of them."""

    name: ClassVar[str] = "several"
    dimension: ClassVar[Dimension] = Dimension.VALIDITY
    unit: ClassVar[str] = "rows"

    parts: tuple[tuple[str, Metric], ...]

    def aggregates(self) -> tuple[Aggregate, ...]:
        return tuple(dict.fromkeys(a for _, part in self.parts for a in part.aggregates()))

    def measure(self, states: Mapping[Aggregate, Any], facts: Facts) -> Measure | None:
        found = [(n, m) for n, part in self.parts if (m := part.measure(states, facts))]
        if not found:
            return None
        counts: dict[str, Any] = {n: m.value for n, m in found if m.value != 0}
        value = None if None in counts.values() else sum(counts.values())
        total = sum(m.total or 0 for _, m in found)
        told = ", ".join(f"{n}: {c}" for n, c in counts.items())
        return Measure(value, total, note=told, details=(("columns", counts),))

    def phrase(self) -> str:
        return f"{self.parts[0][1].phrase()}, in {', '.join(n for n, _ in self.parts)}"

    def _broken(self) -> Expr | None:
        conditions = [all_of(p.scope, Not(p.ok)) for _, p in self.parts if isinstance(p, RowMetric)]
        return AnyOf(tuple(c for c in conditions if c)) if len(conditions) == len(self.parts) else None

    def evidence(self) -> FirstRows | None:
        broken = self._broken()
        return FirstRows(broken, tuple(sorted(columns(broken)))) if broken else None

    def failing(self, limit: int | None = None) -> Aggregate | None:
        broken = self._broken()
        return Positions(broken, limit=limit) if broken else None


@metric
@dataclass(frozen=True)
class TypeOf(Layout):
    """The column, or with `regex` every one that the pattern describes, is of the type that the schema names."""

    name: ClassVar[str] = "type"

    column: str
    dtype: str
    regex: bool = False
    explicit: tuple[str, ...] = ()
    pandas: bool = False

    def departures(self, facts: Facts) -> list[str]:
        named = wanted(self.dtype, pandas=self.pandas)
        names = matching(self.column, facts.schema.names, self.explicit) if self.regex else [self.column]
        found = {n: t for n in names if (t := facts.schema.find((n,)))}
        guessed = facts.schema.inferred
        return [
            f"{n} landed as {t}, the schema says {self.dtype}"
            for n, t in found.items()
            if named and not (named.guess_fits(t) if n in guessed else named.fits(t))
        ]


@metric
@dataclass(frozen=True)
class PatternPresent(Layout):
    """At least one column whose name the pattern describes landed."""

    name: ClassVar[str] = "column_present"

    pattern: str
    explicit: tuple[str, ...] = ()

    def departures(self, facts: Facts) -> list[str]:
        if matching(self.pattern, facts.schema.names, self.explicit):
            return []
        return [f'no column is called like "{self.pattern}"{nearest(self.pattern, facts.schema.names)}']


@metric
@dataclass(frozen=True)
class OnlyNamed(Layout):
    """Nothing but the named columns, and those that a pattern describes, landed."""

    name: ClassVar[str] = "strict"

    columns: tuple[str, ...]
    patterns: tuple[str, ...] = ()

    def departures(self, facts: Facts) -> list[str]:
        keys = {k for k, _ in facts.keys}
        known = {*self.columns, *(n for p in self.patterns for n in matching(p, facts.schema.names))}
        other = [n for n in facts.schema.names if n not in known and n not in keys]
        hints = [f'"{n}"{nearest(n, self.columns)}' for n in other]
        return [f"the schema does not know {', '.join(hints)}"] if other else []


@metric
@dataclass(frozen=True)
class ColumnsInOrder(Layout):
    """The columns landed in the order of the schema."""

    name: ClassVar[str] = "ordered"

    columns: tuple[tuple[str, bool], ...]  # name or pattern, and whether it is a pattern

    def departures(self, facts: Facts) -> list[str]:
        landed = facts.schema.names
        listed = (matching(c if regex else re.escape(c), landed) for c, regex in self.columns)
        order = list(dict.fromkeys(n for names in listed for n in names))
        found = [n for n in landed if n in order]
        wrong = next(((a, b) for a, b in zip(found, order, strict=True) if a != b), None)
        return [f'column "{wrong[0]}" stands where "{wrong[1]}" belongs'] if wrong else []


def matching(pattern: str, names: Iterable[str], explicit: tuple[str, ...] = ()) -> list[str]:
    """Names that the pattern describes as a whole, but for those that have a column of their own in the schema."""
    return [n for n in names if re.fullmatch(pattern, n) and n not in explicit]
