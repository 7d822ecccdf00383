"""What the operands of a condition stand for: numbers, limits made of earlier numbers, moments, durations, sizes."""

from __future__ import annotations

import operator
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from dq.dialects.dqdl import tree as t
from dq.dialects.dqdl.printing import text_of
from dq.errors import nearest
from dq.ir.check import Bound, Condition
from dq.ir.expr import Arith, Call, Expr, Lit, Now, Past

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq.ir.expr import Limit, Scalar

_REDUCERS = ("avg", "median", "min", "max", "sum", "std")
_FUNCTIONS = ("last", "index", "abs", *_REDUCERS)
_UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60}
_SIZES = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Fault(Exception):
    """What a rule says has no meaning; `place` is where."""

    def __init__(self, message: str, place: t.Place) -> None:
        super().__init__(message)
        self.place = place


def bound(condition: t.Condition, number: Callable[[t.Operand], Limit]) -> Bound:
    """`between` leaves both ends out, `not between` lets them in. Raises Fault."""
    values = [number(o) for o in condition.operands]
    match condition.op:
        case "between":
            return Bound((Condition(">", values[0]), Condition("<", values[1])), condition.negated)
        case "in":
            return Bound(tuple(Condition("!=", v) for v in values), not condition.negated)
        case "matches":
            raise Fault("a number does not match a pattern", condition.place)
    return Bound((Condition(condition.op, values[0]),))


def number(operand: t.Operand, *, recall: bool = False, none: Scalar = None) -> Limit:
    """A number, or if `recall` an expression over earlier ones, of which `none` stands for none. Raises Fault."""
    match operand:
        case t.Number(value):
            return value
        case t.Arithmetic(op, left, right, place):
            sides = number(left, recall=recall, none=none), number(right, recall=recall, none=none)
            return _computed(op, *sides, place)
        case t.Called("abs", (inner,)):
            found: Any = number(inner, recall=recall, none=none)
            return Call("abs", (found,)) if isinstance(found, Expr) else abs(found)
        case t.Called(name, _, place):
            if name not in _FUNCTIONS:
                raise Fault(f'no function "{name}"{nearest(name, _FUNCTIONS)}; there are {_listed()}', place)
            if not recall:
                raise Fault(f"{name}(...) looks back, and this rule does not", place)
            return _past(operand, none)
    raise Fault(f"a number is needed, not {text_of(operand)}", operand.place)


def is_surprising(operand: t.Operand) -> bool:
    """Whether it would be another number if * and / went before + and -."""
    match operand:
        case t.Arithmetic(op, left, right):
            early = op in "*/" and isinstance(left, t.Arithmetic) and left.op in "+-" and not left.grouped
            return early or is_surprising(left) or is_surprising(right)
        case t.Called(_, args):
            return any(map(is_surprising, args))
    return False


def _listed() -> str:
    return ", ".join(_FUNCTIONS)


def _computed(op: Any, left: Limit, right: Limit, place: t.Place) -> Limit:
    if op == "/" and not isinstance(right, Expr) and right == 0:
        raise Fault("division by zero", place)
    if isinstance(left, Expr) or isinstance(right, Expr):
        sides = (side if isinstance(side, Expr) else Lit(side) for side in (left, right))
        return Arith(op, *sides)
    compute: Any = _OPERATORS[op]
    return compute(left, right)  # type: ignore[no-any-return]


def _past(operand: t.Called, none: Scalar) -> Past:
    name, args, place = operand.name, operand.args, operand.place
    if name == "last":
        if _count(operand) != 1:
            said = text_of(operand)
            raise Fault(f"{said} is a list: write avg({said}), or one of {', '.join(_REDUCERS[1:])}, index", place)
        return Past("index", none=none)
    listed = args[0] if args else None
    if not isinstance(listed, t.Called) or listed.name != "last":
        raise Fault(f"{name} is of earlier numbers: write {name}(last(5))", place)
    if name == "index":
        at = args[1] if len(args) == 2 else None
        if not isinstance(at, t.Number) or not isinstance(at.value, int):
            raise Fault("index takes two things: write index(last(5), 0) for the newest", place)
        count = _count(listed)
        if not 0 <= at.value < count:
            raise Fault(
                f"index {at.value} of last({count}) is out of range: 0 is the newest, {count - 1} the oldest", at.place
            )
        return Past("index", count, at.value, none)
    if len(args) != 1:
        raise Fault(f"{name} takes one list: write {name}(last(5))", place)
    return Past(name, _count(listed), none=none)  # type: ignore[arg-type]


def _count(last: t.Called) -> int:
    if not last.args:
        return 1
    first = last.args[0]
    if len(last.args) > 1 or not isinstance(first, t.Number) or not isinstance(first.value, int) or first.value < 1:
        raise Fault("last takes how many: write last(5)", last.place)
    return min(first.value, 10_000)


def duration(operand: t.Operand) -> timedelta:
    """Raises Fault."""
    if not isinstance(operand, t.Amount):
        raise Fault(f"a duration is needed, like 24 hours, not {text_of(operand)}", operand.place)
    if operand.unit not in _UNITS:
        said = f'"{operand.unit}" is no unit of time{nearest(operand.unit, _UNITS)}; units are {", ".join(_UNITS)}'
        raise Fault(said, operand.place)
    try:
        return timedelta(seconds=operand.value * _UNITS[operand.unit])
    except OverflowError:
        raise Fault(f"{text_of(operand)} is longer than time is counted", operand.place) from None


def size(operand: t.Operand) -> int | float:
    """Bytes. Raises Fault."""
    match operand:
        case t.Number(value):
            return value
        case t.Amount(value, unit, place):
            if unit not in _SIZES:
                raise Fault(f'"{unit}" is no size{nearest(unit, _SIZES)}; sizes are {", ".join(_SIZES)}', place)
            return value * _SIZES[unit]
    raise Fault(f"a size is needed, like 5 MB, not {text_of(operand)}", operand.place)


def is_moment(operand: t.Operand) -> bool:
    """A date, or something about now."""
    match operand:
        case t.Text(value):
            return DAY.fullmatch(value) is not None
        case t.Called("now") | t.Arithmetic(_, t.Called("now")):
            return True
    return False


def moment(operand: t.Operand) -> date | Now:
    """Raises Fault."""
    match operand:
        case t.Text(value, place):
            try:
                return date.fromisoformat(value)
            except ValueError:
                raise Fault(f'"{value}" is no date (write it like 2026-03-01)', place) from None
        case t.Called("now", ()):
            return Now()
        case t.Arithmetic("+" | "-" as op, t.Called("now", ()), shift):
            return Now(duration(shift) if op == "+" else -duration(shift))
    raise Fault(f"a date is needed, not {text_of(operand)}: write it like (now() - 3 days)", operand.place)
