"""A check is a metric held against a bound; a suite is a set of checks for a source. All of it is data."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Literal, TypeAlias

from dq.ir.data import Declared, Reading
from dq.ir.expr import Comparison, Expr, Limit, Past, Scalar, walk
from dq.ir.metric import Metric
from dq.ir.scalar import ordered

Unit: TypeAlias = Literal["value", "share of rows", "share of previous"]


class Severity(StrEnum):
    BLOCK = "block"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Condition:
    """`<op> <limit>`; the limit may be a share of the rows, or of the last value that teaches (`previous`), or an
    expression over earlier ones (`Past`), which `recall.settled` makes a number."""

    op: Comparison
    limit: Limit
    unit: Unit = "value"

    def __str__(self) -> str:
        if isinstance(self.limit, Expr):
            from dq.ir.recall import said

            return f"{self.op} {said(self.limit)}"
        if self.unit == "value":
            return f"{self.op} {self.limit!s}"
        percent = f"{Decimal(str(self.limit)) * 100:f}"
        percent = percent.rstrip("0").rstrip(".") if "." in percent else percent
        return f"{self.op} {percent}%" + (" of previous" if self.unit == "share of previous" else "")

    def holds(self, value: Scalar, total: int | None, previous: Scalar) -> bool | None:
        """Exact comparison; None when there is nothing to compare with (no previous value)."""
        limit = self.limit
        assert not isinstance(limit, Expr)
        if self.unit == "share of previous":
            if previous is None:
                return None
            limit = _exact(limit) * _exact(previous)  # type: ignore[assignment]
        elif self.unit == "share of rows":
            limit = _exact(limit) * (total or 0)  # type: ignore[assignment]
        if isinstance(value, float) and isinstance(limit, Fraction):
            value = _exact(value) if value == value and abs(value) != float("inf") else value
        return ordered(self.op, value, limit)


def _exact(value: Scalar) -> Fraction:
    """What a person wrote: 0.1 is a tenth, not its nearest double."""
    return Fraction(str(value)) if isinstance(value, float) else Fraction(value)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Bound:
    """All conditions hold; `negated`: not all of them. `usual`: the number is within what the check's own history
    makes usual."""

    conditions: tuple[Condition, ...]
    negated: bool = False
    usual: bool = False

    @property
    def reach(self) -> int:
        """How many of the check's own earlier numbers it looks at; of `usual`, as many as are remembered."""
        asked = [
            n.count for c in self.conditions if isinstance(c.limit, Expr) for n in walk(c.limit) if type(n) is Past
        ]
        previous = any(c.unit == "share of previous" for c in self.conditions)
        return max(asked, default=1 if previous or self.usual else 0)

    def __str__(self) -> str:
        if self.usual:
            return "as usual"
        if self.negated and all(c.op == "!=" for c in self.conditions):
            return f"one of {', '.join(str(c).removeprefix('!= ') for c in self.conditions)}"
        said = " and ".join(map(str, self.conditions))
        return f"not ({said})" if self.negated else said


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the check was written."""

    dialect: str = "dq"
    file: str = ""
    line: int | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """`id` is `<column|table>.<metric>[#n]`, never with the bound in it; `column` is the path's text form, or None.

    `samples`: how many offending rows are kept as evidence, `always` also where as many may offend."""

    id: str
    metric: Metric
    bound: Bound
    severity: Severity = Severity.BLOCK
    column: str | None = None
    origin: Origin = Origin()
    samples: int = 5
    always: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """How history is used: `window` teaching partitions; what a change of layout since the last accepted one costs."""

    window: int = 28
    added: Severity | None = Severity.WARN
    removed: Severity | None = Severity.BLOCK
    retyped: Severity | None = Severity.BLOCK
    anomaly: Severity | None = Severity.WARN
    adopt_after: int = 3
    repeats: bool = False  # by nature: the same content as an earlier partition is no fault


@dataclass(frozen=True, slots=True)
class Suite:
    """What one partition must be: checks, the columns they speak of, and how its files are read."""

    source: str
    checks: tuple[Check, ...] = ()
    reading: Reading = Reading()
    columns: tuple[Declared, ...] = ()
    optional: frozenset[str] = frozenset()
    strict: bool = False
    pii: frozenset[str] = frozenset()
    samples: Literal["none", "masked", "full"] = "full"
    memory: Memory = field(default_factory=Memory)
    on_fail: Literal["quarantine", "split", "warn"] = "quarantine"
    malformed: Bound | None = None  # records that cannot be read and may be left out
    digest: str = ""
