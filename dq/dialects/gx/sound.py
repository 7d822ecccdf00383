"""What is wrong with arguments whatever lands; GX's own model refuses them, too, or GX would when it judges."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dq.dialects.patterns import check_length, shown
from dq.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LISTS = frozenset(
    {"value_set", "value_pairs_set", "column_list", "column_set", "regex_list", "like_pattern_list", "type_list"}
)
_TEXTS = frozenset({"column", "column_A", "column_B", "regex", "like_pattern", "strftime_format", "type_"})
_MAPPINGS = frozenset({"quantile_ranges", "partition_object", "json_schema"})
_NUMBERS = frozenset({"mostly", "threshold", "value", "multiplier", "sum_total", "column_index"})
_ONE_OF = {
    "ignore_row_if": (
        "both_values_are_missing", "either_value_is_missing", "neither",
        "all_values_are_missing", "any_value_is_missing", "never",
    ),
    "match_on": ("any", "all"),
    "method": ("iqr", "std"),
}  # fmt: skip
_ANY_DAY = datetime(2020, 1, 2, 3, 4, 5)


def faults(name: str, given: Mapping[str, Any]) -> Iterator[str]:
    """Words for each argument that is not as its name wants it."""
    for key, value in given.items():
        if value is None:
            continue
        if words := _wanted(key, value):
            yield f"{key}: {words} is needed, not {json.dumps(value)}"
        elif key in _ONE_OF and value not in _ONE_OF[key]:
            yield f"{key}: no {json.dumps(value)}{nearest(str(value), _ONE_OF[key])}; it is {', '.join(_ONE_OF[key])}"
        elif key == "value" and "_table_" in name and not float(value).is_integer():
            yield f"value: a whole number is needed, not {json.dumps(value)}"
        elif key == "column_list" and "_table_" not in name and len(value) < 2:
            yield "column_list: at least two columns are needed"
        elif why := _unreadable(key, value):
            yield f"{key}: {why}"


def _wanted(key: str, value: Any) -> str:
    """What the argument should be, where it is not."""
    if key == "value_pairs_set":
        sound = isinstance(value, list) and all(isinstance(v, list) and len(v) == 2 for v in value)
        return "" if sound else "a list of pairs"
    if key in _LISTS:
        sound = isinstance(value, list) and not any(isinstance(v, (list, dict)) for v in value)
        return "" if sound else "a list of values"
    if key in _TEXTS:
        return "" if isinstance(value, str) else "a text"
    if key in _MAPPINGS:
        return "" if isinstance(value, dict) else "a mapping"
    return "a number" if key in _NUMBERS and not _is_number(value) else ""


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _unreadable(key: str, value: Any) -> str:
    match key:
        case "regex":
            return _pattern(value)
        case "regex_list":
            return next(filter(None, map(_pattern, value)), "")
        case "strftime_format":
            try:
                datetime.strptime(_ANY_DAY.strftime(value), value)
            except ValueError:
                return f"{value} is no format that is read back"
        case "json_schema":
            return _schema(value)
        case "quantile_ranges":
            at, ranges = value.get("quantiles"), value.get("value_ranges")
            sound = isinstance(at, list) and isinstance(ranges, list) and len(at) == len(ranges)
            if not sound or not all(map(_is_number, at)) or not all(map(_is_range, ranges)):
                return "quantiles, and for each a range [low, high] in value_ranges, are needed"
    return ""


def _is_range(found: Any) -> bool:
    return isinstance(found, list) and len(found) == 2 and all(e is None or _is_number(e) for e in found)


def _pattern(pattern: Any) -> str:
    try:
        check_length(str(pattern))
        re.compile(str(pattern))
    except re.error as error:
        return f"the pattern {shown(str(pattern))} cannot be read: {error}"
    except ValueError as error:
        return str(error)
    except (OverflowError, RecursionError) as error:
        return f"the pattern cannot be read: {error}"
    return ""


def _schema(schema: dict[str, Any]) -> str:
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        return f"no JSON Schema: {error.message}"
    return ""
