"""Types of text columns that nobody declared: the narrowest that every value has, or text.

Narrow means safe: codes with leading zeros, telephone numbers and fractions of more than 15 digits stay text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from dq.engines.duckdb.casts import BLANKS, CLOCK, DAY, OFFSET
from dq.engines.duckdb.connect import identifier, literal
from dq.engines.duckdb.numerals import USUAL, Marks
from dq.engines.duckdb.sql import type_name
from dq.ir.data import Kind, Type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

_SAMPLE = 1000  # rows looked at before every row is asked
_COLUMNS_AT_ONCE = 256  # what DuckDB needs to plan a query grows with their square
_CLOCK = CLOCK.format(fraction=r"(?:\.\d{1,6}0*)?")
_NOT_FINITE = r"NaN|nan|-?(?:Infinity|inf)"


@dataclass(frozen=True, slots=True)
class Candidate:
    type: Type
    shape: str
    marks: Marks = USUAL

    def value(self, text: str) -> str:
        cast = f"TRY_CAST({self.marks.bare(text)} AS {type_name(self.type)})"
        if self.type.kind is Kind.DOUBLE:  # 1e400 is no infinity
            cast = f"CASE WHEN isfinite({cast}) OR regexp_full_match({text}, {literal(_NOT_FINITE)}) THEN {cast} END"
        return f"CASE WHEN regexp_full_match({text}, {literal(self.shape)}) THEN {cast} END"


_TIMES = (
    Candidate(Type(Kind.DATE), DAY),
    Candidate(Type(Kind.TIMESTAMP, unit="us"), f"{DAY}(?:[T ]{_CLOCK})?"),
    Candidate(Type(Kind.TIMESTAMP, unit="us", zone="UTC"), f"{DAY}[T ]{_CLOCK}{OFFSET}"),
)
_EXACT = ((Type(Kind.INT64), 19), (Type(Kind.UINT64), 20), (Type(Kind.DECIMAL, precision=38, scale=0), 38))


@cache
def text_candidates(marks: Marks) -> tuple[Candidate, ...]:
    """What text may be, the narrowest first. Whole numbers stay exact: a double holds 15 digits."""
    point, whole = re.escape(marks.decimal), marks.whole(15)
    fraction = rf"-?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d{{1,3}})?"
    return (
        Candidate(Type(Kind.BOOL), "(?i:true|false)"),
        *(Candidate(t, f"{BLANKS}-?{marks.whole(digits)}{BLANKS}", marks) for t, digits in _EXACT),
        Candidate(Type(Kind.DOUBLE), f"{BLANKS}{fraction}{BLANKS}|{_NOT_FINITE}", marks),
        *_TIMES,
    )


# Of JSON the kind of a value is known: a number may be long, and text is never a number.
_INTEGERS = (Candidate(Type(Kind.INT64), r"-?\d+"), Candidate(Type(Kind.UINT64), r"\d+"))
_DOUBLE = Candidate(Type(Kind.DOUBLE), rf"-?\d{{1,15}}(?:\.\d+)?(?:[eE][+-]?\d+)?|{_NOT_FINITE}")
JSON: dict[str, tuple[Candidate, ...]] = {
    "BOOLEAN": (Candidate(Type(Kind.BOOL), "true|false"),),
    "BIGINT": _INTEGERS,
    "UBIGINT": _INTEGERS,
    "HUGEINT": _INTEGERS,
    "DOUBLE": (*_INTEGERS, _DOUBLE),
    "VARCHAR": _TIMES,
}


def infer(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, Sequence[Candidate]],
    null_values: Sequence[str],
) -> dict[str, tuple[Type, str]]:
    """Type of each column, and the SQL of its values. A column of nothing but NULL is of Kind.NULL, and stays text."""
    if not columns:
        return {}
    absent = set(null_values)
    left: dict[str, list[Candidate]] = {}
    found: dict[str, tuple[Type, str]] = {}
    samples = _samples(connection, table, list(columns))
    for name, candidates in columns.items():
        texts = samples[name]
        present = [t for t in texts if t.strip(" \t") not in absent]
        left[name] = [c for c in candidates if present and all(re.fullmatch(c.shape, t, re.ASCII) for t in present)]
        found[name] = Type(Kind.STRING if texts else Kind.NULL), identifier(name)
    while left := {n: c for n, c in left.items() if c}:
        asked = {n: c.pop(0) for n, c in left.items()}
        confirmed: dict[str, tuple[Type, str]] = {}
        for some in batched(list(asked)):
            confirmed |= _confirm(connection, table, {n: asked[n] for n in some}, null_values)
        found.update(confirmed)
        left = {n: c for n, c in left.items() if n not in confirmed}
    return found


def looks(
    connection: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], rows: range, marks: Marks,
    null_values: Sequence[str],
) -> dict[str, Type]:  # fmt: skip
    """Types that the texts of some rows look like."""
    where = f"rowid >= {rows.start} AND rowid < {min(rows.stop, rows.start + _SAMPLE)}"
    found = {}
    for some in batched(names):
        shown = ", ".join(map(identifier, some))
        read = connection.execute(f"SELECT {shown} FROM {table} WHERE {where}").fetchall()
        for name, texts in zip(some, zip(*read, strict=True), strict=False):
            present = [t for t in texts if t is not None and t.strip(" \t") not in null_values]
            all_of = (
                c.type for c in text_candidates(marks) if all(re.fullmatch(c.shape, t, re.ASCII) for t in present)
            )
            found[name] = next(all_of, Type(Kind.STRING)) if present else Type(Kind.NULL)
    return found


def _samples(connection: duckdb.DuckDBPyConnection, table: str, names: list[str]) -> dict[str, list[str]]:
    """Some values of each column, from its first rows or, where those are NULL, from wherever there are any."""
    found: dict[str, list[str]] = {}
    for some in batched(names):
        rows = connection.execute(f"SELECT {', '.join(map(identifier, some))} FROM {table} LIMIT {_SAMPLE}").fetchall()
        for i, name in enumerate(some):
            found[name] = [r[i] for r in rows if r[i] is not None]
            if not found[name] and len(rows) == _SAMPLE:
                column = identifier(name)
                query = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT {_SAMPLE}"
                found[name] = [r[0] for r in connection.execute(query).fetchall()]
    return found


def batched(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Columns that one query may name."""
    return (names[at : at + _COLUMNS_AT_ONCE] for at in range(0, len(names), _COLUMNS_AT_ONCE))


def _confirm(
    connection: duckdb.DuckDBPyConnection, table: str, asked: Mapping[str, Candidate], null_values: Sequence[str]
) -> dict[str, tuple[Type, str]]:
    """The columns of which every present text has a value of the candidate type."""
    nulls = ", ".join(map(literal, null_values))
    values: list[str] = []
    wrong: list[str] = []
    for i, (name, candidate) in enumerate(asked.items()):
        column = identifier(name)
        trimmed = f"trim({column}, ' \t')"
        value = candidate.value(column)
        if any(re.fullmatch(candidate.shape, n, re.ASCII) for n in null_values):
            value = f"CASE WHEN {trimmed} NOT IN ({nulls}) THEN {value} END"
        values.append(value)
        # CASE is lazy where AND is not.
        wrong.append(f"bool_or(CASE WHEN v{i} IS NULL AND {column} IS NOT NULL THEN {trimmed} NOT IN ({nulls}) END)")
    inner = ", ".join(f"{identifier(n)}, {v} AS v{i}" for i, (n, v) in enumerate(zip(asked, values, strict=True)))
    query = f"SELECT {', '.join(wrong)} FROM (SELECT {inner} FROM {table})"
    answers: Any = connection.execute(query).fetchone()
    found = zip(asked.items(), values, answers, strict=True)
    return {name: (candidate.type, value) for (name, candidate), value, is_wrong in found if not is_wrong}
