"""Numbers as a locale writes them (1.234,56), and how to tell that a file does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq.engines.duckdb.connect import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dq.ir.data import Reading

_BLANKS = "[ \t]*"
_WORDS = r"(?i:nan|[+-]?inf(?:inity)?)"


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands before the fraction, and between groups of three digits (nothing: no groups)."""

    decimal: str = "."
    thousands: str = ""

    @property
    def usual(self) -> bool:
        return self == USUAL

    def whole(self, digits: int) -> str:
        """Regular expression of so many digits at most, grouped or not, without leading zeros."""
        grouped = rf"[1-9]\d{{0,2}}(?:{self._mark}\d{{3}}){{1,{(digits - 1) // 3}}}|" if self.thousands else ""
        return rf"(?:{grouped}0|[1-9]\d{{0,{digits - 1}}})"

    @property
    def _mark(self) -> str:
        return re.escape(self.thousands)

    def bare(self, text: str) -> str:
        """SQL for the text with a point, without groups."""
        ungrouped = f"replace({text}, {literal(self.thousands)}, '')" if self.thousands else text
        return ungrouped if self.decimal == "." else f"replace({ungrouped}, {literal(self.decimal)}, '.')"

    def number(self, text: str) -> str:
        """The same, NULL where the text is no number that is written so."""
        point = re.escape(self.decimal)
        whole = rf"(?:\d{{1,3}}(?:{self._mark}\d{{3}})+|\d+)" if self.thousands else r"\d+"
        written = rf"[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?"
        shape = literal(f"{_BLANKS}(?:{written}|{_WORDS}){_BLANKS}")
        return f"CASE WHEN regexp_full_match({text}, {shape}) THEN {self.bare(text)} END"


USUAL = Marks()
# What a column must look like throughout, and where it cannot be anything else.
_LOCAL = (
    (Marks(",", "."), r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?", r".*\.\d{3},\d+|.*\.\d{3}\.\d{3}"),
    (Marks(",", ""), r"[+-]?\d+(?:,\d+)?", r".*,(?:\d{1,2}|\d{4,})"),
    (Marks(".", ","), r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?", r".*,\d{3}\.\d+|.*,\d{3},\d{3}"),
)
_POINTED = r"[+-]?\d*\.?\d+"


def marks_of(reading: Reading) -> Marks:
    return Marks(reading.decimal, reading.thousands)


def proposed(rows: Sequence[Sequence[str]]) -> Marks:
    """As the first records suggest; the usual ones where some column is written so, or any could be read both ways."""
    width = max(map(len, rows), default=0)
    columns = [[v for row in rows if i < len(row) and (v := row[i].strip())] for i in range(width)]
    for marks, whole, certain in _LOCAL:
        written = [c for c in columns if c and _all(whole, c)]
        others = [c for c in columns if c and c not in written]
        if any(re.fullmatch(certain, v) for c in written for v in c) and not any(_all(_POINTED, c) for c in others):
            return marks
    return USUAL


def _all(shape: str, values: Iterable[str]) -> bool:
    return all(re.fullmatch(shape, v, re.ASCII) for v in values)
