"""Expressions as text of the rule language: what `rules.py` reads back as the same question."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache

from dq.dialects.rules import parse_rule
from dq.dialects.sql import RuleError
from dq.ir import expr as e
from dq.ir.data import format_path

_BEYOND: dict[type[e.Expr], str] = {
    e.Now: "the moment of the run", e.Exists: "another data set", e.Holds: "what only Python can judge",
    e.Foreign: "code", e.Value: "numbers of the whole partition beside rows", e.Matches: "patterns of another library",
}  # fmt: skip
_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class Unsayable(ValueError):
    """What the rule language has no words for; the message says which part."""


def said(expr: e.Expr, *, total: bool = False) -> str:
    """The condition. A rule's comparison fails NaN; with `total` NaN is said to be above every number where the
    expression means that. Raises Unsayable."""
    match expr:
        case e.Col(path):
            return ".".join(map(_name, path))
        case e.Lit(value):
            return _literal(value)
        case e.Compare(op, left, right):
            text = f"{_within(left, total)} {op} {_within(right, total)}"
            above = op in (">", ">=") and isinstance(left, e.Col) and isinstance(right, e.Lit)
            return f"({text} or isnan({said(left)}))" if total and above else text
        case e.In(arg, (value,)):
            return f"{_within(arg, total)} = {_literal(value)}"
        case e.In(arg, values) if values:
            return f"{_within(arg, total)} in ({', '.join(map(_literal, values))})"
        case e.Not(e.IsNull(arg)):
            return f"{_within(arg, total)} is not null"
        case e.IsNull(arg):
            return f"{_within(arg, total)} is null"
        case e.Not(e.IsNan() | e.IsInf() | e.Matches() | e.Col() as arg):
            return f"not {said(arg, total=total)}"
        case e.Not(arg):
            return f"not ({said(arg, total=total)})"
        case e.And(args) | e.Or(args):
            word = " and " if isinstance(expr, e.And) else " or "
            return word.join(_part(a, total) for a in args)
        case e.IsNan(arg) | e.IsInf(arg):
            return f"{type(expr).__name__.lower()}({said(arg, total=total)})"
        case e.Matches(arg, pattern, "re2"):
            return f"matches({said(arg, total=total)}, {_literal(pattern)})"
        case e.Arith(op, left, right):
            return f"{_within(left, total)} {op} {_within(right, total)}"
        case e.Call(name, args) if name != "number":
            return f"{name}({', '.join(said(a, total=total) for a in args)})"
    raise Unsayable(f"a rule has no words for {_BEYOND.get(type(expr), 'what it computes')}")


def _part(expr: e.Expr, total: bool) -> str:
    text = said(expr, total=total)
    return f"({text})" if isinstance(expr, (e.And, e.Or)) else text


def _within(expr: e.Expr, total: bool) -> str:
    text = said(expr, total=total)
    return text if isinstance(expr, (e.Col, e.Lit, e.Call)) else f"({text})"


def _literal(value: e.Scalar) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | Decimal():
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        case float() if value == value and abs(value) != float("inf"):
            return repr(value)
        case str():
            return "'" + value.replace("'", "''") + "'"
        case datetime() | date() | time():
            word = "timestamp" if isinstance(value, datetime) else "date" if isinstance(value, date) else "time"
            return f"{word} '{value.isoformat()}'"
    raise Unsayable(f"a rule has no words for {value!r}")


@cache
def _name(name: str) -> str:
    """Bare where a rule reads it so."""
    if _PLAIN.fullmatch(name):
        try:
            if parse_rule(f"{name} is null") == e.IsNull(e.Col((name,))):
                return name
        except RuleError:
            pass
    if '"' in name:
        raise Unsayable(f"a rule cannot name the column {format_path((name,))}")
    return f'"{name}"'
