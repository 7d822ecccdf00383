"""Collects the checks of an object. What is wrong in meaning goes to `problems`, at its line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dq.dialects.base import free
from dq.dialects.odcs.metrics import NotRun
from dq.ir.check import Bound, Check, Condition, Origin, Severity
from dq.ir.data import Declared, format_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.dialects.base import Document, Place, Problems
    from dq.ir.expr import Path
    from dq.ir.metric import Metric

NONE_FAIL = Bound((Condition("<=", 0),))
_WARNINGS = frozenset({"info", "information", "warn", "warning", "low", "minor"})


@dataclass
class Builder:
    """Of one object. `others` are the contract's objects by name, this one among them; `early` a version of the
    standard in which a date may be a timestamp."""

    document: Document
    problems: Problems
    object: Mapping[str, Any]
    place: Place
    others: Mapping[str, Mapping[str, Any]]
    dialect: str = "duckdb"
    early: bool = False
    checks: list[Check] = field(default_factory=list)
    columns: list[Declared] = field(default_factory=list)
    pii: set[str] = field(default_factory=set)
    keys: list[tuple[int, Path]] = field(default_factory=list)  # of the primary key, by position
    key_place: Place = ()
    paths: dict[str, Path] = field(default_factory=dict)  # by dotted name of the property

    def fault(self, place: Place, message: str) -> None:
        self.problems.add(self.document.line(place), message)

    def add(
        self, metric: Metric, place: Place, rule: str, *, column: Path | None = None, bound: Bound = NONE_FAIL,
        severity: Severity = Severity.BLOCK, name: str = "",
    ) -> None:  # fmt: skip
        """A check under the id `<column|table>.<metric>`; `name` where the metric's own is not meant. What is said
        twice is asked once."""
        if any((metric, bound, severity) == (c.metric, c.bound, c.severity) for c in self.checks):
            return
        text = format_path(column) if column else None
        identity = free(f"{text or 'table'}.{name or metric.name}", self.checks)
        origin = Origin("odcs", self.problems.file, self.document.line(place), rule)
        self.checks.append(Check(identity, metric, bound, severity, text, origin))

    def not_run(self, place: Place, rule: str, why: str, column: Path | None = None) -> None:
        """A rule that cannot be judged here holds, instead of being passed over."""
        self.add(NotRun(why), place, rule, column=column)


def name_of(element: Mapping[str, Any]) -> str:
    """What it is called in the data."""
    return str(element.get("physicalName") or element["name"])


def severity_of(rule: Mapping[str, Any]) -> Severity:
    """The standard leaves the word open: what sounds like a warning is one, everything else blocks."""
    return Severity.WARN if str(rule.get("severity", "")).lower() in _WARNINGS else Severity.BLOCK
