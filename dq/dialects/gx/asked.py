"""An expectation about to be fitted to the schema that landed, and the ends and sets it names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from dq.dialects.gx.conditions import NotThere, moment
from dq.dialects.gx.metrics import Semantics, absent, present
from dq.dialects.gx.parameters import moment_of
from dq.ir.data import NUMBERS, Kind
from dq.ir.expr import Call, Col, Compare, Expr, Lit, Now, Path, Scalar, all_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.ir.data import Schema, Type


class Unfit(Exception):
    """The expectation cannot be asked of the landed types; to GX that is an error, which fails."""


@dataclass(frozen=True, slots=True)
class Asked:
    """`where` is the row condition."""

    kind: str
    arguments: Mapping[str, Any]
    schema: Schema
    semantics: Semantics
    where: Expr | None

    def __getitem__(self, name: str) -> Any:
        return self.arguments.get(name)

    @property
    def column(self) -> str:
        return str(self["column"])

    @property
    def path(self) -> Path:
        return (self.column,)

    @property
    def type(self) -> Type:
        return self.of(self.column)

    @property
    def sql(self) -> bool:
        return self.semantics == "sql"

    def of(self, name: str) -> Type:
        """Raises NotThere with the name where the column did not land."""
        found = self.schema.find((name,))
        if found is None:
            raise NotThere(name)
        return found

    def absent(self, name: str) -> Expr:
        return absent((name,), self.semantics)

    def present(self, name: str) -> Expr:
        return present((name,), self.semantics)

    def only(self, semantics: Semantics) -> None:
        """Raises Unfit where GX has no provider under the other semantics."""
        if self.semantics != semantics:
            raise Unfit(f"GX computes {self.kind} under semantics: {semantics} only")


def bound(value: Any) -> Any:
    """An end as GX's model types it: a number, else a date, a time or Now. Raises Unfit on other text."""
    if (run := moment_of(value)) is not None:
        return run
    if value is None or isinstance(value, date):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        found = moment(value)
        if found is None:
            raise Unfit(f'"{value}" is neither a number nor a date') from None
        return found


def whole(end: Any) -> Any:
    """An end of a count as GX's model reads it: 4.5 is 4."""
    return float(int(end)) if isinstance(end, float) and math.isfinite(end) else end


def bounds(asked: Asked) -> tuple[Any, Any]:
    return ends(asked["min_value"], asked["max_value"])


def ends(low: Any, high: Any) -> tuple[Any, Any]:
    """Of a range; one may be open. Raises Unfit where neither is given, or they are of two kinds or crossed."""
    low, high = bound(low), bound(high)
    if low is None and high is None:
        raise Unfit("min_value or max_value is needed")
    if low is not None and high is not None:
        kinds = {datetime if isinstance(e, Now) else type(e) for e in (low, high)}
        if len(kinds) > 1:
            raise Unfit("min_value and max_value are of two kinds")
        if isinstance(low, Now) and isinstance(high, Now):
            crossed = low.shift > high.shift
        else:
            crossed = not isinstance(low, Now) and not isinstance(high, Now) and low > high
        if crossed:
            raise Unfit("min_value is above max_value")
    return low, high


def between(asked: Asked, value: Expr) -> Expr:
    """The condition that a value lies between the ends."""
    low, high = bounds(asked)
    return inside(value, low, high, above=asked["strict_min"], below=asked["strict_max"])


def inside(value: Expr, low: Scalar | Now, high: Scalar | Now, *, above: bool, below: bool) -> Expr:
    """The condition that a value lies between two ends, either of which may be open (None) or shut out."""
    ends = [e if isinstance(e, Now) else Lit(e) for e in (low, high)]
    sides = (
        None if low is None else Compare(">" if above else ">=", value, ends[0]),
        None if high is None else Compare("<" if below else "<=", value, ends[1]),
    )
    return all_of(*sides) or Lit(True)


def numeric(asked: Asked, *also: Kind) -> Expr | None:
    """The column as numbers, booleans as 0 and 1; None where it holds nothing of the kind."""
    kind = asked.type.kind
    if kind in NUMBERS | {Kind.NULL}:
        return Col(asked.path)
    return Call("number", (Col(asked.path),)) if kind in (Kind.BOOL, *also) else None
