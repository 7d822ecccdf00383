"""A condition on each value -> an expression that is TRUE for the rows that hold it, and never NULL.

NULL holds what Deequ lets it: `!=` and `not in`, unless NULL is listed, of numbers and of texts.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from dq.dialects.dqdl import tree as t
from dq.dialects.dqdl.operands import Fault, is_moment, moment, number
from dq.dialects.dqdl.printing import text_of
from dq.dialects.patterns import check_pattern
from dq.ir.expr import And, Call, Col, Compare, Expr, In, IsNull, Lit, Matches, Not, Now, Or, replace_leaves, walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq.ir.expr import Path, Scalar

_DAY = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([ T]|$)"


def condition(written: t.Condition, path: Path) -> tuple[Expr, bool]:
    """What holds the condition, and whether it is one of dates. Raises Fault."""
    column = Col(path)
    words = [o for o in written.operands if isinstance(o, t.Keyword)]
    others = [o for o in written.operands if not isinstance(o, t.Keyword)]
    if words and written.op not in ("=", "!=", "in"):
        raise Fault(f"{words[0].name} goes with =, != and in", words[0].place)
    if written.op == "matches":
        return _matches(written, column), False
    if any(map(is_moment, others)):
        _alike(others, is_moment, "dates")
        return _dates(written, column, words, [moment(o) for o in others]), True
    if any(isinstance(o, t.Text) for o in others) or (not others and any(w.name != "NULL" for w in words)):
        _alike(others, lambda o: isinstance(o, t.Text), "texts")
        return _texts(written, column, words, [o.value for o in others if isinstance(o, t.Text)]), False
    return _numbers(written, column, words, [number(o) for o in others]), False


def _alike(operands: Sequence[t.Operand], fits: Any, kind: str) -> None:
    for operand in operands:
        if not fits(operand):
            raise Fault(
                f"{text_of(operand)} stands among {kind}: values of one condition are of one kind", operand.place
            )


def _present(column: Expr, inner: Expr) -> Expr:
    return And((Not(IsNull(column)), inner))


def _null(words: Sequence[t.Keyword], kind: str) -> bool:
    for word in words:
        if word.name != "NULL":
            raise Fault(f"{word.name} is a text, beside {kind}", word.place)
    return bool(words)


def compared(written: t.Condition, value: Expr, operands: Sequence[Any]) -> Expr:
    """Of values that are there: comparisons, ranges without their ends, and lists."""
    wrapped = [o if isinstance(o, Expr) else Lit(o) for o in operands]
    match written.op:
        case "between" if written.negated:
            return Or((Compare("<=", value, wrapped[0]), Compare(">=", value, wrapped[1])))
        case "between":
            return And((Compare(">", value, wrapped[0]), Compare("<", value, wrapped[1])))
        case "in":
            found = _any(value, operands)
            return Not(found) if written.negated else found
        case "matches":
            raise Fault("only a text matches a pattern", written.place)
    return Compare(written.op, value, wrapped[0])


def _any(value: Expr, operands: Sequence[Any]) -> Expr:
    if not any(isinstance(o, Expr) for o in operands):
        return In(value, tuple(operands))
    return Or(tuple(Compare("=", value, o if isinstance(o, Expr) else Lit(o)) for o in operands))


def _is_denied(written: t.Condition) -> bool:
    return written.op == "!=" or (written.op == "in" and written.negated)


def _numbers(written: t.Condition, column: Expr, words: Sequence[t.Keyword], values: Sequence[Any]) -> Expr:
    null = _null(words, "numbers")
    inner = compared(written, column, values) if values else None
    if _is_denied(written):
        if inner is None:
            return Not(IsNull(column))
        return _present(column, inner) if null else Or((IsNull(column), inner))
    if null:
        return Or((IsNull(column), _present(column, inner))) if inner else IsNull(column)
    assert inner is not None
    return _present(column, inner)


def _dates(written: t.Condition, column: Expr, words: Sequence[t.Keyword], values: Sequence[Any]) -> Expr:
    """By the day. Of the denials only `!=` lets NULL pass, as in Deequ."""
    null = _null(words, "dates")
    days = [Call("date", (v,)) if isinstance(v, Now) else v for v in values]
    inner = _present(column, compared(written, column, days))
    if written.op == "!=":
        return Or((IsNull(column), inner))
    return Or((IsNull(column), inner)) if null and not _is_denied(written) else inner


def _texts(written: t.Condition, column: Expr, words: Sequence[t.Keyword], values: Sequence[str]) -> Expr:
    if written.op not in ("=", "!=", "in"):
        raise Fault("texts are compared with =, !=, in and matches", written.place)
    tests = [_word(column, w.name) for w in words]
    if values:
        tests.append(In(column, tuple(values)))
    if not _is_denied(written):
        found: list[Expr] = [t if isinstance(t, IsNull) else _present(column, t) for t in tests]
        return found[0] if len(found) == 1 else Or(tuple(found))
    if not words:
        return Or((IsNull(column), Not(tests[-1])))
    denied: tuple[Expr, ...] = tuple(Not(t) for t in tests)
    return _present(column, denied[0] if len(denied) == 1 else And(denied))


def _word(column: Expr, name: str) -> Expr:
    if name == "NULL":
        return IsNull(column)
    if name == "EMPTY":
        return Compare("=", column, Lit(""))
    blank: Scalar = ""
    return And((Compare("=", Call("trim", (column,)), Lit(blank)), Compare(">", Call("length", (column,)), Lit(0))))


def _matches(written: t.Condition, column: Expr) -> Expr:
    """The whole value. What does not match is denied where it begins the value as a word of its own, as in Deequ."""
    (operand,) = written.operands
    assert isinstance(operand, t.Text)
    pattern = rf"^\b(?:{operand.value})\b" if written.negated else f"^(?:{operand.value})$"
    try:
        check_pattern(operand.value)
        check_pattern(pattern)
    except ValueError as error:
        raise Fault(str(error), operand.place) from None
    found = Matches(column, pattern)
    return _present(column, And((Not(found) if written.negated else found, Compare("!=", column, Lit("")))))


def of_text(ok: Expr, column: Col) -> Expr:
    """Of text that begins with a day in ISO 8601, of which days follow each other as texts do; other text holds
    nothing."""

    def compared(op: str, limit: Expr) -> Expr:
        day, next_day = _day(limit, 0), _day(limit, 1)
        match op:
            case "<" | ">=":
                return Compare("<" if op == "<" else ">=", column, day)
            case "<=" | ">":
                return Compare("<" if op == "<=" else ">=", column, next_day)
        equal = And((Compare(">=", column, day), Compare("<", column, next_day)))
        return equal if op == "=" else Not(equal)

    leaves: dict[Expr, Expr] = {}
    for n in walk(ok):
        if isinstance(n, Compare) and n.left == column:
            leaves[n] = compared(n.op, n.right)
        elif isinstance(n, In):
            leaves[n] = Or(tuple(compared("=", Lit(v)) for v in n.values))
    return And((Or((IsNull(column), Matches(column, _DAY))), replace_leaves(ok, leaves)))


def _day(limit: Expr, later: int) -> Expr:
    match limit:
        case Lit(date() as day):
            return Lit((day + timedelta(days=later)).isoformat())
        case Call("date", (Now(shift),)):
            return Now(shift + timedelta(days=later), "%Y-%m-%d")
    raise TypeError(f"{limit} is no day")
