"""Whether Spark would cast a value to a type: by the type of typed data, value by value of text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dq.errors import nearest
from dq.ir.data import INTEGERS, NUMBERS, TEXTS, TIMES, Kind, integer_range
from dq.ir.expr import And, Col, Compare, Expr, Lit, Matches

if TYPE_CHECKING:
    from dq.ir.data import Type

TYPES = ("Boolean", "Date", "Timestamp", "Integer", "Double", "Float", "Long")
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)", re.IGNORECASE)
_DAYS = {"dd": r"(0?[1-9]|[12]\d|3[01])", "MM": r"(0?[1-9]|1[0-2])", "yyyy": r"\d{4}"}
FORMATS = (
    "dd-MM-yyyy", "MM-dd-yyyy", "yyyy-MM-dd", "dd/MM/yyyy", "MM/dd/yyyy", "yyyy/MM/dd", "MM-yyyy", "dd-MM", "MM-dd",
    "yyyy-MM", "MM/yyyy", "dd/MM", "MM/dd", "yyyy/MM",
)  # fmt: skip
_DATE = r"\d{4}(-(0?[1-9]|1[0-2])(-(0?[1-9]|[12]\d|3[01]))?)?"
_TIME = r"([ T]([01]?\d|2[0-3])(:[0-5]?\d(:[0-5]?\d(\.\d{1,9})?)?)?\s*(Z|UTC|GMT|[+-]\d{1,2}(:?\d{2})?)?)?"
_REAL = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


def _up_to(most: int) -> str:
    """A whole number from -(most + 1) to most, with or without what stands behind its point."""
    digits = str(most)
    smaller = [rf"{digits[:n]}[0-{int(d) - 1}]\d{{{len(digits) - n - 1}}}" for n, d in enumerate(digits) if d != "0"]
    alternatives = "|".join([rf"\d{{1,{len(digits) - 1}}}", *smaller, digits])
    return rf"([+-]?0*({alternatives})|-0*{most + 1})(\.\d*)?"


_PATTERNS = {
    "boolean": r"(?i:t|true|y|yes|1|f|false|n|no|0)", "date": f"{_DATE}([ T].*)?", "timestamp": _DATE + _TIME,
    "integer": _up_to(2**31 - 1), "long": _up_to(2**63 - 1),
    "double": rf"({_REAL}[dfDF]?|(?i:[+-]?(inf|infinity)|nan))",
}  # fmt: skip
_PATTERNS["float"] = _PATTERNS["double"]


def known(name: str) -> str:
    """The type as it is compared. Raises ValueError."""
    if name.upper() in (t.upper() for t in TYPES) or _DECIMAL.fullmatch(name):
        return name.lower()
    raise ValueError(f'no type "{name}"{nearest(name, TYPES)}; types are {", ".join(TYPES)}, Decimal(10,2)')


def casts(column: Col, found: Type, name: str, day: str = "") -> Expr:
    """TRUE for the values that are there and would be cast."""
    if found.kind in TEXTS:
        return Matches(column, rf"^\s*({_pattern(name, day)})\s*$")
    if found.kind in NUMBERS and name in ("integer", "long"):
        low, high = integer_range(Kind.INT32 if name == "integer" else Kind.INT64)
        if found.kind in INTEGERS and low <= integer_range(found.kind)[0] and integer_range(found.kind)[1] <= high:
            return Lit(True)
        return And((Compare(">=", column, Lit(low)), Compare("<=", column, Lit(high))))
    return Lit(_fits(found.kind, name))


def _fits(kind: Kind, name: str) -> bool:
    if kind in NUMBERS or kind is Kind.BOOL:
        return name != "date"
    if kind in TIMES:
        return name in ("date", "timestamp") or (kind is Kind.TIMESTAMP and name not in ("boolean",))
    return False


def _pattern(name: str, day: str) -> str:
    if match := _DECIMAL.fullmatch(name):
        whole = int(match[1]) - int(match[2])
        return rf"[+-]?0*\d{{0,{whole}}}(\.\d*)?"
    if name == "date" and day:
        return re.sub("yyyy|MM|dd", lambda m: _DAYS[m[0]], day)
    return _PATTERNS[name]
