"""A contract held against the standard's own JSON Schema: every fault in plain words, at its line."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft201909Validator

from dq.dialects.faults import dotted, shown, words
from dq.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.dialects.base import Document, Place, Problems

SCHEMA = Path(__file__).with_name("schema.json")
OPERATORS = (
    "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo",
    "mustBeBetween", "mustNotBeBetween",
)  # fmt: skip
_VERSIONS = ("v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0")


def check(document: Document, problems: Problems) -> None:
    """Tell what the schema does not allow, and versions of the standard that are not read here. Of servers, where data
    is looked for by others, tools write more than the schema knows."""
    value = document.value
    if not isinstance(value, dict):
        problems.add(1, "a contract is a mapping")
        return
    version = value.get("apiVersion")
    if isinstance(version, str) and version not in _VERSIONS:
        line = document.line(("apiVersion",))
        problems.add(line, f'apiVersion: "{version}" is not read here{nearest(version, _VERSIONS)}; 3.0 to 3.2 are')
        return
    errors = [e for e in _validator().iter_errors(value) if "servers" not in e.absolute_path]
    found = {id(error): list(_told(error)) for error in errors}
    for error in errors:
        told = any(found[id(e)] for e in errors if _lies_in(e, error))
        for place, message in found[id(error)] or ([] if told else [_stray(error)]):
            problems.add(document.line(place), message)


@cache
def _validator() -> Draft201909Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for branch in schema["$defs"]["SchemaBaseProperty"]["allOf"]:
        if "if" in branch:  # else it holds, with what it requires, of a property without a logicalType
            branch["if"]["required"] = ["logicalType"]
    return Draft201909Validator(schema)


def _told(error: Any) -> Iterator[tuple[Place, str]]:
    place: Place = tuple(error.absolute_path)
    at = dotted(place)
    where = f"{at}: " if at else ""
    match error.validator:
        case "unevaluatedProperties" | "additionalProperties":
            yield from _unknown(error, place, at)
        case "oneOf" if _asks_for_operator(error):
            given = [k for k in OPERATORS if isinstance(error.instance, dict) and k in error.instance]
            if len(given) != 1:
                said = " and ".join(given) or "none"
                yield place, f"{where}exactly one of {', '.join(OPERATORS)} is needed, not {said}"
            else:
                faults = [branch for branch in error.context if branch.validator != "required"]
                yield from (told for fault in faults for told in _told(fault))
        case "anyOf" | "oneOf":
            yield from _told(min(error.context, key=_beside_the_point))
        case _:
            yield place, where + _words(error)


def _beside_the_point(error: Any) -> tuple[bool, int]:
    """Of forms that a value may have, the one that it was meant to have is followed furthest."""
    return error.validator in ("type", "required"), -len(error.absolute_path)


def _lies_in(error: Any, whole: Any) -> bool:
    return list(error.absolute_path)[: len(whole.absolute_path)] == list(whole.absolute_path)


def _asks_for_operator(error: Any) -> bool:
    return any("mustBe" in branch.get("properties", {}) for branch in error.validator_value)


def _unknown(error: Any, place: Place, at: str) -> Iterator[tuple[Place, str]]:
    """Keys that nothing in the schema knows there. One it knows, and that is not counted, has a fault of its own."""
    known = tuple(dict.fromkeys(_keys(error.schema)))
    for key in (k for k in error.instance if k not in known):
        hint = nearest(str(key), known) or f"; keys are {', '.join(known[:24])}"
        moved = " (it belongs under arguments)" if key in ("pattern", "validValues", "missingValues") else ""
        yield (*place, key), f'unknown key "{key}"' + (f" in {at}" if at else "") + (moved or hint)


def _stray(error: Any) -> tuple[Place, str]:
    """A key that the schema knows, but not in this form (a map that is none has no `map`)."""
    place: Place = tuple(error.absolute_path)
    names = re.findall(r"'([^']+)'", error.message)
    key = next((n for n in names if n in error.instance), None)
    at = dotted(place)
    return (*place, key) if key else place, f'the key "{key}" does not belong here' + (f" in {at}" if at else "")


def _keys(schema: Any) -> Iterator[str]:
    """Properties that the schema names, through its references and conditions."""
    if not isinstance(schema, dict):
        return
    yield from schema.get("properties", {})
    if "$ref" in schema:
        found: Any = _validator().schema
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        yield from _keys(found)
    for key in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(key, ()):
            yield from _keys(part)
    for key in ("then", "else"):
        yield from _keys(schema.get(key))


def _words(error: Any) -> str:
    if told := words(error):
        return told
    found, limit = error.instance, error.validator_value
    match error.validator:
        case "const":
            return f"{json.dumps(limit)} is needed, not {shown(found)}"
        case "minItems" | "maxItems":
            return f"{limit} are needed, not {len(found)}"
        case "pattern":
            return f"{shown(found)} is not written right"
        case "minimum" | "exclusiveMinimum":
            return f"{shown(found)} is too small"
        case "not":
            return f'the key "{limit["required"][0]}" does not belong here'
    return f"{shown(found)} is not what the standard allows ({error.validator})"
