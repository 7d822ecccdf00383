"""Types of text columns that nobody declared: the narrowest that every value has, or text.

Narrow means safe: codes with leading zeros, telephone numbers and numbers of more than 15 digits stay text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq.engines.duckdb.casts import CLOCK, DAY, OFFSET, shaped
from dq.engines.duckdb.connect import identifier, literal
from dq.engines.duckdb.sql import type_name
from dq.ir.data import Kind, Type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

_SAMPLE = 1000  # rows looked at before every row is asked
_CLOCK = CLOCK.format(fraction=r"(?:\.\d{1,6}0*)?")
_WHOLE = r"(?:0|[1-9]\d{0,14})"
_NOT_FINITE = r"NaN|nan|-?(?:Infinity|inf)"


@dataclass(frozen=True, slots=True)
class Candidate:
    type: Type
    shape: str

    def value(self, text: str) -> str:
        cast = f"TRY_CAST({text} AS {type_name(self.type)})"
        if self.type.kind is Kind.DOUBLE:  # 1e400 is no infinity
            cast = f"CASE WHEN isfinite({cast}) OR {text} SIMILAR TO '-?[A-Za-z]+' THEN {cast} END"
        return shaped(text, self.shape, cast)


_TIMES = (
    Candidate(Type(Kind.DATE), DAY),
    Candidate(Type(Kind.TIMESTAMP, unit="us"), f"{DAY}(?:[T ]{_CLOCK})?"),
    Candidate(Type(Kind.TIMESTAMP, unit="us", zone="UTC"), f"{DAY}[T ]{_CLOCK}{OFFSET}"),
)
TEXT: tuple[Candidate, ...] = (
    Candidate(Type(Kind.BOOL), "(?i:true|false)"),
    Candidate(Type(Kind.INT64), f"-?{_WHOLE}"),
    Candidate(Type(Kind.DOUBLE), rf"-?(?:{_WHOLE}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{{1,3}})?|{_NOT_FINITE}"),
    *_TIMES,
)
# Of JSON the kind of a value is known: a number may be long, and text is never a number.
JSON: dict[str, tuple[Candidate, ...]] = {
    "BOOLEAN": (Candidate(Type(Kind.BOOL), "true|false"),),
    "BIGINT": (Candidate(Type(Kind.INT64), r"-?\d+"),),
    "UBIGINT": (Candidate(Type(Kind.INT64), r"\d+"), Candidate(Type(Kind.UINT64), r"\d+")),
    "DOUBLE": (Candidate(Type(Kind.DOUBLE), rf"-?\d{{1,15}}(?:\.\d+)?(?:[eE][+-]?\d+)?|{_NOT_FINITE}"),),
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
    rows = connection.execute(f"SELECT {', '.join(map(identifier, columns))} FROM {table} LIMIT {_SAMPLE}").fetchall()
    open_: dict[str, list[Candidate]] = {}
    found: dict[str, tuple[Type, str]] = {}
    for i, (name, candidates) in enumerate(columns.items()):
        texts = [r[i] for r in rows if r[i] is not None] or _texts(connection, table, name)
        if not texts:
            found[name] = Type(Kind.NULL), identifier(name)
            continue
        present = [t for t in texts if t.strip(" \t") not in absent]
        open_[name] = [c for c in candidates if all(re.fullmatch(c.shape, t.strip(" \t"), re.ASCII) for t in present)]
        found[name] = Type(Kind.STRING), identifier(name)
    found.update(_confirm(connection, table, open_, null_values))
    return {name: found[name] for name in columns}


def _texts(connection: duckdb.DuckDBPyConnection, table: str, name: str) -> list[str]:
    column = identifier(name)
    query = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT {_SAMPLE}"
    return [r[0] for r in connection.execute(query).fetchall()]


def _confirm(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, Sequence[Candidate]],
    null_values: Sequence[str],
) -> dict[str, tuple[Type, str]]:
    """The first candidate of each column that every row confirms."""
    asked: list[tuple[str, Candidate, str]] = []
    counts: list[str] = []
    nulls = ", ".join(map(literal, null_values)) or "NULL"
    for name, candidates in columns.items():
        text = f"trim({identifier(name)}, ' \t')"
        present = f"CASE WHEN {text} NOT IN ({nulls}) THEN {text} END" if null_values else text
        for candidate in candidates:
            value = candidate.value(present)
            asked.append((name, candidate, value))
            counts.append(f"count({present}) > 0 AND count({present}) = count({value})")
    if not asked:
        return {}
    answers: Any = connection.execute(f"SELECT {', '.join(counts)} FROM {table}").fetchone()
    found: dict[str, tuple[Type, str]] = {}
    for (name, candidate, value), holds in zip(asked, answers, strict=True):
        if holds and name not in found:
            found[name] = candidate.type, value
    return found
