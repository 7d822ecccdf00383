"""Errors of a JSON Schema in plain words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dq.errors import nearest

if TYPE_CHECKING:
    from dq.dialects.base import Place

KINDS = {
    "string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false",
    "array": "a list", "object": "a mapping", "null": "nothing",
}  # fmt: skip


def dotted(place: Place) -> str:
    """`schema[1].properties[2].quality[1]`, counted from 1."""
    return "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in place).lstrip(".")


def shown(value: Any) -> str:
    """A value as it was written, or what kind of thing it is."""
    if isinstance(value, (str, int, float, bool)):
        return json.dumps(value, ensure_ascii=False)
    return KINDS["null" if value is None else "array" if isinstance(value, list) else "object"]


def words(error: Any) -> str:
    """Of errors that need no more than themselves; an empty text of others."""
    found, limit = error.instance, error.validator_value
    match error.validator:
        case "type":
            kinds = [limit] if isinstance(limit, str) else limit
            return f"{' or '.join(KINDS[k] for k in kinds)} is needed, not {shown(found)}"
        case "enum":
            known = [str(v) for v in limit if v is not None]
            return f"{shown(found)} is none of {', '.join(known)}{nearest(str(found), known)}"
        case "required":
            return f'the key "{next(k for k in limit if k not in found)}" is missing'
        case "minItems" | "minProperties" | "minLength" if not found:
            return "it is empty"
        case "uniqueItems":
            return "a value is written twice"
        case "pattern" if "description" in error.schema:
            return f"{shown(found)} is not written right: {error.schema['description']}"
    return ""
