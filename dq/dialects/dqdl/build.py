"""Collects the checks of a ruleset. What is wrong in meaning goes to `problems`, with a caret below its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dq.dialects.base import Problems, free
from dq.dialects.dqdl import tree as t
from dq.dialects.dqdl.operands import Fault, bound, number
from dq.dialects.dqdl.parse import pointed
from dq.ir.check import Bound, Check, Condition, Origin, Severity
from dq.ir.codec import digest
from dq.ir.data import format_path, parse_path
from dq.metrics import schema

if TYPE_CHECKING:
    from dq.ir.expr import Expr, Limit, Path
    from dq.ir.metric import Metric

NONE_FAIL = Bound((Condition("<=", 0),))
ANYTHING = Bound(())


def path_of(name: str) -> Path:
    """A column; with dots a field of a struct, where it does not stand in backticks."""
    try:
        return parse_path(name)
    except ValueError:
        return (name,)


@dataclass(frozen=True, slots=True)
class Asked:
    """One rule, its variables filled in: the type that it is of, its scope, its threshold."""

    rule: t.Rule
    where: Expr | None = None
    threshold: t.Condition | None = None
    none: float | None = None  # what stands for the earlier numbers of a first run

    def names(self) -> tuple[str, ...]:
        return tuple(p.value for p in self.rule.parameters if isinstance(p, t.Text))

    @property
    def path(self) -> Path:
        return path_of(self.names()[0])

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(map(path_of, self.names()))

    def tag(self, name: str) -> t.Tag | None:
        return next((tag for tag in self.rule.tags if tag.name == name), None)

    def said(self, name: str) -> str:
        """The text of a tag, or an empty one. Raises Fault."""
        tag = self.tag(name)
        if tag is None:
            return ""
        if isinstance(tag.value, t.Condition) and tag.value.op == "=" and isinstance(tag.value.operands[0], t.Text):
            return tag.value.operands[0].value
        raise Fault(f'{name} is written like  with {name} = "..."', tag.place)

    def number(self, operand: t.Operand) -> Limit:
        """Raises Fault."""
        return number(operand, recall=True, none=self.none)

    def bound(self, condition: t.Condition | None = None) -> Bound:
        """Of the rule's condition. Raises Fault."""
        wanted = condition or self.rule.condition
        assert wanted is not None
        return bound(wanted, self.number)

    def share(self) -> Bound | None:
        """Of the rows that are to pass. Raises Fault."""
        return self.bound(self.threshold) if self.threshold else None


@dataclass(frozen=True, slots=True)
class Meant:
    """What a rule measures. `name` is that of the check, `column` what it is about; `rows`: it may be judged by row."""

    metric: Metric
    bound: Bound = NONE_FAIL
    column: Path | None = None
    name: str = ""
    rows: bool = False


@dataclass
class Builder:
    text: str
    problems: Problems
    checks: list[Check] = field(default_factory=list)

    def fault(self, place: t.Place, message: str) -> None:
        self.problems.add(place[0], pointed(message, self.text, place))

    def place_of(self, key: str) -> t.Place:
        """Of a key in one of the dictionaries at the beginning."""
        before = self.text[: max(0, self.text.find(f'"{key}"'))]
        return before.count("\n") + 1, len(before) - before.rfind("\n")

    def add(self, meant: Meant, place: t.Place, rule: str, severity: Severity = Severity.BLOCK) -> None:
        """A check under the id `<column|table>.<metric>`. One that looks back finds its own numbers by the id: it tells
        what is measured, where the column does not, whatever other rules there are."""
        text = format_path(meant.column) if meant.column else None
        told = f"_{digest(meant.metric)[:6]}" if meant.bound.reach and not _is_plain(meant.metric) else ""
        identity = free(f"{text or 'table'}.{meant.name or meant.metric.name}{told}", self.checks)
        origin = Origin("dqdl", self.problems.file, place[0], rule)
        self.checks.append(Check(identity, meant.metric, meant.bound, severity, text, origin))

    def require(self) -> None:
        """Every column that is spoken of is there, before anything else, but where a rule asks for it itself."""
        asked = {c.metric.column for c in self.checks if isinstance(c.metric, schema.ColumnPresent)}
        found: dict[Path, Check] = {}
        for check in self.checks:
            for path in sorted(needed(check.metric)):
                found.setdefault(path, check)
        lacking = {format_path(p): c for p, c in found.items() if format_path(p) not in asked}
        present = [
            Check(f"{n}.column_present", schema.ColumnPresent(n), NONE_FAIL, column=n, origin=c.origin)
            for n, c in lacking.items()
        ]
        self.checks = [*present, *self.checks]


def _is_plain(metric: Metric) -> bool:
    """Whether column and name say all that is measured."""
    from dq.dialects.dqdl.metrics import Share
    from dq.metrics import completeness, volume
    from dq.metrics.distribution import OfColumn
    from dq.metrics.uniqueness import DistinctCount

    inner = metric.of if isinstance(metric, Share) else metric
    whole = isinstance(inner, (volume.RowCount, completeness.Required, OfColumn, DistinctCount))
    return whole and getattr(inner, "where", None) is None


def needed(metric: Metric) -> frozenset[Path]:
    """Columns that have to be there for the metric to mean anything."""
    from dq.dialects.dqdl.composite import Composite, Held
    from dq.dialects.dqdl.metrics import Share
    from dq.metrics.query import Query

    match metric:
        case Composite(_, parts):
            told = {
                (m.metric.column,) for m in parts if isinstance(m, Held) and isinstance(m.metric, schema.ColumnPresent)
            }
            return frozenset().union(*map(needed, parts)) - told
        case Held(one) | Share(one):
            return needed(one)
        case Query(query):
            return frozenset(query.needs)
    return metric.paths()
