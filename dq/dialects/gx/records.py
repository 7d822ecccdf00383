"""Expectations on several columns of one row."""

from __future__ import annotations

from functools import reduce
from itertools import combinations
from typing import TYPE_CHECKING, Any

from dq.dialects.gx.asked import Asked, Unfit
from dq.dialects.gx.conditions import comparable, member
from dq.dialects.gx.metrics import Raises, UniqueKey
from dq.ir.data import NUMBERS, TEXTS, TIMES, Kind, Type
from dq.ir.expr import And, Arith, Call, Col, Compare, Comparison, Expr, In, Lit, Not, Or, all_of
from dq.metrics.consistency import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dq.ir.metric import Metric

_GROUPS = (NUMBERS | {Kind.BOOL}, TEXTS, TIMES)  # 1, 1.0 and True are equal to Python


def _names(asked: Asked) -> tuple[str, ...]:
    names = asked["column_list"] or (asked["column_A"], asked["column_B"])
    for name in names:
        asked.of(name)
    return tuple(names)


def _ignored(asked: Asked) -> Expr:
    """Rows that `ignore_row_if` leaves out."""
    parts = tuple(asked.absent(n) for n in _names(asked))
    match asked["ignore_row_if"] or "all_values_are_missing":
        case "both_values_are_missing" | "all_values_are_missing":
            return And(parts)
        case "either_value_is_missing" | "any_value_is_missing":
            return Or(parts)
        case "neither" | "never":
            return Lit(False)
    raise Unfit(f'ignore_row_if: "{asked["ignore_row_if"]}" is not known')


def _rows(asked: Asked, ok: Expr, text: str) -> Metric:
    return Rule(ok, asked.where, text, absent=_ignored(asked))


def _known(asked: Asked, names: tuple[str, ...], test: Expr) -> Expr:
    """The test, which to pandas is FALSE where a value is missing, and to SQL NULL, which fails nothing."""
    return test if asked.sql else And((*(asked.present(n) for n in names), test))


def _alike(left: Type, right: Type) -> bool:
    return Kind.NULL in (left.kind, right.kind) or any(left.kind in g and right.kind in g for g in _GROUPS)


def _same(asked: Asked, a: str, b: str) -> Expr:
    """Whether the values are equal; of two kinds they never are."""
    if not _alike(asked.of(a), asked.of(b)):
        return Lit(False)
    return _compared(asked, "=", a, b)


def _compared(asked: Asked, op: Comparison, a: str, b: str) -> Expr:
    """A boolean beside a number is 1 or 0."""
    mixed = (asked.of(a).kind is Kind.BOOL) != (asked.of(b).kind is Kind.BOOL)
    sides = [Call("number", (Col((n,)),)) if mixed and asked.of(n).kind is Kind.BOOL else Col((n,)) for n in (a, b)]
    return Compare(op, *sides)


def _equal(asked: Asked, a: str, b: str) -> Expr:
    return And((asked.present(a), asked.present(b), _same(asked, a, b)))


def _pair_equal(asked: Asked) -> Metric:
    a, b = _names(asked)
    return _rows(asked, _equal(asked, a, b), f"{a} = {b}")


def _pair_greater(asked: Asked) -> Metric:
    a, b = _names(asked)
    if not _alike(asked.of(a), asked.of(b)):
        words = f"{a} is {asked.of(a)}, {b} is {asked.of(b)}: they do not compare"
        if TIMES & {asked.of(a).kind, asked.of(b).kind}:
            raise Unfit(words)
        return Raises(words, all_of(asked.where, Not(_ignored(asked))), asked.where)
    op: Comparison = ">=" if asked["or_equal"] else ">"
    return _rows(asked, _known(asked, (a, b), _compared(asked, op, a, b)), f"{a} {op} {b}")


def _pair_in_set(asked: Asked) -> Metric:
    names = _names(asked)
    pairs = [
        And(tuple(_is(asked, n, v) for n, v in zip(names, pair, strict=True))) for pair in asked["value_pairs_set"]
    ]
    ok: Expr = Or(tuple(pairs)) if pairs else Lit(False)
    words = f"({', '.join(names)}) among the allowed pairs"
    return _rows(asked, ok, words)


def _is(asked: Asked, name: str, value: Any) -> Expr:
    if value is None:
        return asked.absent(name)
    given = [value] if asked.of(name).kind not in TIMES or asked.sql else []  # to pandas a text is no time
    if not asked.sql:
        return member((name,), asked.of(name), given)
    column, kept = Col((name,)), comparable(asked.of(name), given)
    return In(column, kept) if kept else Compare("!=", column, column)  # NULL where the value is


def _unique(asked: Asked) -> Metric:
    names = _names(asked)
    ignored = _ignored(asked)
    keys, never = tuple((n,) for n in names), ignored == Lit(False)
    scope = asked.where if never else all_of(asked.where, Not(ignored))
    if asked.sql:  # where nothing equals NULL
        known = all_of(scope, *(asked.present(n) for n in names))
        return UniqueKey(keys, known, asked.where, counted=scope or Lit(True))
    return UniqueKey(keys, scope, asked.where, never=never)


def _unique_within(asked: Asked) -> Metric:
    names = _names(asked)
    same = [Or((_equal(asked, a, b), And((asked.absent(a), asked.absent(b))))) for a, b in combinations(names, 2)]
    return _rows(asked, Not(Or(tuple(same))), f"{', '.join(names)} differ from each other")


def _all_equal(asked: Asked) -> Metric:
    first, *rest = _names(asked)
    same = [Or((_equal(asked, first, n), And((asked.absent(first), asked.absent(n))))) for n in rest]
    return _rows(asked, And(tuple(same)), f"{', '.join((first, *rest))} are equal")


def _sum(asked: Asked) -> Metric:
    names = _names(asked)
    for name in names:
        if asked.of(name).kind not in NUMBERS:
            raise Unfit(f"{name} is {asked.of(name)}, numbers are needed")
    columns: list[Expr] = [Col((n,)) for n in names]
    total = reduce(lambda left, right: Arith("+", left, right), columns)
    equal = Compare("=", total, Lit(asked["sum_total"]))
    return _rows(asked, _known(asked, names, equal), f"{' + '.join(names)} = {asked['sum_total']}")


FITTING: Mapping[str, Callable[[Asked], Metric]] = {
    "expect_column_pair_values_to_be_equal": _pair_equal,
    "expect_column_pair_values_a_to_be_greater_than_b": _pair_greater,
    "expect_column_pair_values_to_be_in_set": _pair_in_set,
    "expect_compound_columns_to_be_unique": _unique,
    "expect_select_column_values_to_be_unique_within_record": _unique_within,
    "expect_multicolumn_values_to_be_equal": _all_equal,
    "expect_multicolumn_sum_to_equal": _sum,
}
