"""Profiles of small tables, answered by the reference engine row by row."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dq.engines.reference import Reference
from dq.ir.data import Field, Schema, parse_type
from dq.profile import Profile, deepen, further_questions, profile, questions

NOW = datetime(2026, 11, 21, tzinfo=UTC)
Rows = Sequence[Mapping[str, Any]]
ENGINE = Reference()


def schema_of(types: Mapping[str, str]) -> Schema:
    return Schema(tuple(Field(name, parse_type(text)) for name, text in types.items()))


def profile_of(
    types: Mapping[str, str], rows: Rows, depth: Any = "core", key: str = "dt=1", now: datetime = NOW, pii: Any = ()
) -> Profile:
    schema = schema_of(types)
    states = {a: ENGINE.state(a, rows) for a in questions(schema, now, depth, pii)}
    found = profile("source", key, schema, states, len(rows), now, depth, bytes=len(rows), pii=pii)
    while depth == "full" and (further := further_questions(found)) is not None:
        found = deepen(found, {a: ENGINE.state(a, rows) for a in further})
    return found
