"""What a profile asks of a column: a table of named statistics. The name, not the aggregate, is a statistic's identity,
so that partitions profiled at different times add up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from dq.ir.aggregate import (
    Aggregate,
    ApproxDistinct,
    Count,
    Distinctness,
    Max,
    Min,
    Moments,
    Sum,
    Tally,
    TopValues,
)
from dq.ir.data import FLOATS, NUMBERS, TEXTS, TIMES, Kind, Schema, Type, format_path
from dq.ir.expr import Bucket, Call, Col, Compare, Expr, In, IsInf, IsNan, IsNull, Lit, Matches

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from dq.ir.expr import Path

Depth: TypeAlias = Literal["core", "full"]

TOP_LIMIT = 100
NULL_LIKE = ("#n/a", "-", "--", ".", "?", "n.a.", "n/a", "na", "nan", "nil", "none", "null", "unknown", "\\n")
PLACEHOLDERS = (date(1900, 1, 1), date(1970, 1, 1), date(9999, 12, 31))

ANY = frozenset(Kind)
COUNTABLE = frozenset({Kind.LIST, Kind.MAP})
SIZED = TEXTS | COUNTABLE | {Kind.BINARY}
ORDERED = NUMBERS | TEXTS | TIMES | {Kind.TIME, Kind.DURATION}
HASHABLE = ORDERED | {Kind.UUID, Kind.BINARY}


@dataclass(frozen=True, slots=True)
class Subject:
    """A column as statistics see it. `now` has a zone."""

    value: Expr
    type: Type
    now: datetime

    @property
    def length(self) -> Expr:
        return Call("length", (self.value,))


@dataclass(frozen=True, slots=True)
class Statistic:
    """`build` makes the aggregate of a column. One that `reveals` shows single values: not asked of personal data."""

    kinds: frozenset[Kind]
    build: Callable[[Subject], Aggregate]
    reveals: bool = False


def _is(value: Expr, wanted: int | str) -> Expr:
    return Compare("=", value, Lit(wanted))


def _any_case(word: str) -> str:
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else re.escape(c) for c in word)


def _empty(s: Subject) -> Aggregate:
    return Count(_is(s.value, "") if s.type.kind in TEXTS else _is(s.length, 0))


# Spelt out so that all flavours of patterns agree: no \s, no folding of case, and a last line break is a blank.
_BLANKS = r"[ \t\r\n]"
BLANK = f"^{_BLANKS}+$"
NULL_WORD = f"^{_BLANKS}*({'|'.join(map(_any_case, NULL_LIKE))}){_BLANKS}*$"


def _future(s: Subject) -> Aggregate:
    """In the column's own terms, so that no engine compares a time that has a zone with one that has none."""
    if s.type.kind is Kind.DATE:
        return Count(Compare(">", s.value, Lit(s.now.date())))
    return Count(Compare(">", s.value, Lit(s.now if s.type.zone else s.now.replace(tzinfo=None))))


STATISTICS: dict[str, Statistic] = {
    "nulls": Statistic(ANY, lambda s: Count(IsNull(s.value))),
    "nans": Statistic(FLOATS, lambda s: Count(IsNan(s.value))),
    "infinities": Statistic(FLOATS, lambda s: Count(IsInf(s.value))),
    "zeros": Statistic(NUMBERS, lambda s: Count(_is(s.value, 0))),
    "negatives": Statistic(NUMBERS, lambda s: Count(Compare("<", s.value, Lit(0)))),
    "trues": Statistic(frozenset({Kind.BOOL}), lambda s: Count(s.value)),
    "empty": Statistic(TEXTS | COUNTABLE, _empty),
    "blank": Statistic(TEXTS, lambda s: Count(Matches(s.value, BLANK))),
    "padded": Statistic(TEXTS, lambda s: Count(Compare("!=", s.value, Call("trim", (s.value,))))),
    "null_like": Statistic(TEXTS, lambda s: Count(Matches(s.value, NULL_WORD))),
    "future": Statistic(TIMES, _future),
    "placeholders": Statistic(TIMES, lambda s: Count(In(Call("date", (s.value,)), PLACEHOLDERS))),
    "min": Statistic(ORDERED, lambda s: Min(s.value), reveals=True),
    "max": Statistic(ORDERED, lambda s: Max(s.value), reveals=True),
    "sum": Statistic(NUMBERS, lambda s: Sum(s.value), reveals=True),
    "moments": Statistic(NUMBERS, lambda s: Moments(s.value), reveals=True),
    "sizes": Statistic(NUMBERS, lambda s: Tally(Bucket(s.value)), reveals=True),
    "length_min": Statistic(SIZED, lambda s: Min(s.length)),
    "length_max": Statistic(SIZED, lambda s: Max(s.length)),
    "length_sum": Statistic(SIZED, lambda s: Sum(s.length)),
    "lengths": Statistic(TEXTS, lambda s: Tally(s.length)),
    "days": Statistic(TIMES, lambda s: Tally(Call("date", (s.value,))), reveals=True),
    "distinct": Statistic(HASHABLE, lambda s: ApproxDistinct(s.value)),
    "top": Statistic(HASHABLE, lambda s: TopValues(s.value, TOP_LIMIT), reveals=True),
}


def in_utc(now: datetime) -> datetime:
    """A naive `now` is UTC."""
    return now.astimezone(UTC) if now.tzinfo else now.replace(tzinfo=UTC)


def asked(path: Path, type_: Type, now: datetime, pii: Collection[str] = ()) -> dict[str, Aggregate]:
    """Statistics of one column by name. `pii` holds text forms of paths of personal data, with all below them."""
    private = is_marked(path, pii)
    return {
        name: statistic.build(Subject(Col(path), type_, in_utc(now)))
        for name, statistic in STATISTICS.items()
        if type_.kind in statistic.kinds and not (private and statistic.reveals)
    }


def is_marked(path: Path, pii: Collection[str]) -> bool:
    """Whether the path, or what it is a part of, is personal data."""
    return any(format_path(path[:end]) in pii for end in range(1, len(path) + 1))


def questions(schema: Schema, now: datetime, depth: Depth = "core", pii: Collection[str] = ()) -> tuple[Aggregate, ...]:
    """All aggregates a profile is made of, each once. Depth `full` asks for duplicate rows too."""
    columns = [a for path, type_ in schema.leaves() for a in asked(path, type_, now, pii).values()]
    return tuple(dict.fromkeys((Count(), *columns, *(duplicate_rows(schema) if depth == "full" else ()))))


def duplicate_rows(schema: Schema) -> tuple[Distinctness, ...]:
    return (Distinctness(tuple(Col((name,)) for name in schema.names)),) if schema.fields else ()
