"""What the names in `ir.predicates` mean: each function takes its arguments and returns the condition on one value.

A value that is no text is its `str`: pandas and Great Expectations read numbers so.
"""

from __future__ import annotations

import json
import operator
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Condition = Callable[[Any], bool]


def matches(pattern: str) -> Condition:
    """Python's own `re.search`, look-around and back-references included; it backtracks, so time is the deadline's."""
    try:
        search = re.compile(pattern).search
    except re.error as error:
        raise ValueError(f"the pattern {pattern} cannot be read: {error.msg}") from None
    return lambda value: search(str(value)) is not None


def text_length(bounds: list[float | bool | None]) -> Condition:
    """Characters of the text between `[low, high, strict low, strict high]`; an absent end is open."""
    low, high, above, below = bounds

    def fits(value: Any) -> bool:
        n = len(str(value))
        enough = low is None or n > low or (n == low and not above)
        return enough and (high is None or n < high or (n == high and not below))

    return fits


def is_json(_: None) -> Condition:
    """Whether Python's `json` reads it; a number, NaN and Infinity are JSON to it."""

    def reads(value: Any) -> bool:
        try:
            json.loads(value)
        except (ValueError, TypeError, RecursionError):
            return False
        return True

    return reads


def json_schema(schema: Any) -> Condition:
    """Valid under the JSON Schema; what is no JSON is not."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"no JSON Schema: {error.message}") from None
    valid = kind(schema).is_valid

    def fits(value: Any) -> bool:
        try:
            return bool(valid(json.loads(value)))
        except (ValueError, TypeError, RecursionError):
            return False

    return fits


def strptime(form: str) -> Condition:
    def reads(value: Any) -> bool:
        try:
            datetime.strptime(value, form)
        except (ValueError, TypeError):
            return False
        return True

    return reads


_DAY = re.compile(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](.*))?", re.DOTALL)
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {"<=": operator.le, ">": operator.gt}


def moment(args: list[str]) -> Condition:
    """`[comparison, limit]`: text that Spark casts to a time which compares so. Times without a zone are in UTC."""
    compare, limit = _COMPARED[args[0]], _moment(args[1])

    def holds(value: str) -> bool:
        found = _moment(value)
        return found is not None and compare(found, limit)

    return holds


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text[4:5] == "-" == text[7:8] else _leniently(text)
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def _leniently(text: str) -> datetime | None:
    """With blanks around it, and months and days of one digit. Raises ValueError."""
    match = _DAY.fullmatch(text)
    if not match:
        return None
    year, month, day, clock = match.groups()
    found = date(int(year), int(month), int(day))
    return datetime.fromisoformat(f"{found}T{(clock or '').strip() or '00:00'}")


def dateutil(_: None) -> Condition:
    """Whether `dateutil.parser` makes a time of it."""
    from dateutil.parser import parse

    def reads(value: Any) -> bool:
        try:
            parse(value)
        except (ValueError, OverflowError, TypeError):
            return False
        return True

    return reads
