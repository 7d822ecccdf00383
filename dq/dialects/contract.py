"""Our own dialect: a contract in YAML. Shape is told by the published JSON Schema, meaning by `compile`."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from dq.dialects.base import Document, Problems, read_yaml
from dq.dialects.compile import compile_contract
from dq.dialects.faults import KINDS, dotted, shown, words
from dq.errors import SuiteError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dq.ir.contract import Contract

MOST_ERRORS = 20  # told at once
SCHEMA = Path(__file__).with_name("contract.schema.json")


def load(text: str, file: str) -> Contract:
    """The contract. Raises SuiteError with a line per error: file, line, key, what is wrong, the nearest key."""
    problems = Problems(file)
    contract = compile_contract(_sound(text, file), problems)
    problems.settle(MOST_ERRORS)
    return contract


@lru_cache(maxsize=32)
def _sound(text: str, file: str) -> Document:
    """Remembered: a process judges many partitions by few contracts."""
    needed = "a contract is a mapping with at least the key source"
    return sound(text, file, _validator(), needed, compile_contract)


def sound(
    text: str, file: str, validator: Draft202012Validator, needed: str,
    compiled: Callable[[Document, Problems], object] | None = None,
) -> Document:  # fmt: skip
    """The text as written, right in shape. Raises SuiteError with a line per error; `compiled` adds what is wrong in
    meaning with the parts that are right."""
    document = read_yaml(text, file)
    if not isinstance(document.value, dict):
        raise SuiteError(needed, file=file, line=1)
    problems = Problems(file)
    faults = list(validator.iter_errors(document.value))
    for fault in faults:
        _tell(fault, document, problems)
    rest = _without(document.value, faults)
    if faults and compiled and validator.is_valid(rest):
        compiled(Document(rest, document.lines), problems)
    problems.settle(MOST_ERRORS)
    return document


def _without(value: dict[str, Any], faults: Iterable[Any]) -> dict[str, Any]:
    """What is left when every part of a wrong shape is taken out. Of checks it is the whole check, for another one, so
    that lines stay right."""
    left: dict[str, Any] = {"source": "unknown"} | deepcopy(value)
    for fault in faults:
        path = list(fault.absolute_path)
        inner = (
            [[*path, k] for k in fault.instance if k not in fault.schema["properties"]]
            if _is_unknown(fault)
            else [path]
        )
        for *above, key in filter(None, map(_part, inner)):
            holder: Any = left
            for step in above:
                holder = holder[step] if isinstance(holder, list) else holder.get(step, {})
            if isinstance(holder, list):
                holder[key] = {"row_count": 0}
            else:
                holder.pop(key, None)
    return left


def _part(path: list[Any]) -> list[Any]:
    """What stands and falls together: a check, else the key that holds the value."""
    if "checks" in path and path[-1] != "checks":
        return path[: path.index("checks") + 2]
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return path


def _is_unknown(fault: Any) -> bool:
    return bool(fault.validator == "additionalProperties")


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def _tell(error: Any, document: Document, problems: Problems) -> None:
    """One error of shape in plain words, at its line."""
    branches = [e for e in error.context or () if e.validator != "type" or e.path]
    if branches:  # of the forms a value may have, the one it was meant to have
        for branch in branches:
            _tell(branch, document, problems)
        return
    place = tuple(error.absolute_path)
    at = dotted(place)
    if _is_unknown(error):
        known = error.schema["properties"]
        for key in (k for k in error.instance if k not in known):
            where = f" in {at}" if at else ""
            hint = nearest(key, known) or f"; keys are {', '.join(known)}"
            problems.add(document.line((*place, key)), f'unknown key "{key}"{where}{hint}')
        return
    problems.add(document.line(place), (f"{at}: " if at else "") + _words(error))


def _words(error: Any) -> str:
    if told := words(error):
        return told
    found, limit = shown(error.instance), error.validator_value
    match error.validator:
        case "anyOf":
            kinds = dict.fromkeys(KINDS[k] for branch in limit for k in _accepted(branch))
            return f"{' or '.join(kinds)} is needed, not {found}"
        case "minimum":
            return f"{found} is below {limit}"
    return str(error.message)


def _accepted(branch: dict[str, Any]) -> list[str]:
    schema = branch
    if "$ref" in branch:
        whole: Any = _validator().schema
        schema = whole["$defs"][branch["$ref"].removeprefix("#/$defs/")]
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)
