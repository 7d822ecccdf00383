"""A schema of pandera as plain data, wherever it was written: in Python, in YAML or in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "equal_to": ("value",), "not_equal_to": ("value",),
    "greater_than": ("min_value",), "greater_than_or_equal_to": ("min_value",),
    "less_than": ("max_value",), "less_than_or_equal_to": ("max_value",),
    "in_range": ("min_value", "max_value", "include_min", "include_max"),
    "isin": ("allowed_values",), "notin": ("forbidden_values",),
    "str_matches": ("pattern",), "str_contains": ("pattern",),
    "str_startswith": ("string",), "str_endswith": ("string",),
    "str_length": ("min_value", "max_value", "exact_value"),
    "unique_values_eq": ("values",),
}  # fmt: skip
"""The built-in checks and their arguments."""

ALIASES = {
    "eq": "equal_to", "ne": "not_equal_to", "gt": "greater_than", "ge": "greater_than_or_equal_to",
    "lt": "less_than", "le": "less_than_or_equal_to", "between": "in_range",
}  # fmt: skip

METRICS = {
    "equal_to": "equal", "not_equal_to": "not_equal", "greater_than": "range", "greater_than_or_equal_to": "range",
    "less_than": "range", "less_than_or_equal_to": "range", "in_range": "range", "isin": "allowed",
    "notin": "not_allowed", "str_matches": "matches", "str_contains": "matches", "str_startswith": "starts_with",
    "str_endswith": "ends_with", "str_length": "length", "unique_values_eq": "distinct_equal",
}  # fmt: skip
"""What the ids of their results say."""

NO_INDEX = "index: what lands has no index but the numbers of its rows; make it a column"


@dataclass(frozen=True, slots=True)
class AskedCheck:
    """`kind` is a built-in's name, else `custom`. Of a custom one `language` and `code` say how it is computed, `name`
    what it is called, `table` that it answers once for all rows."""

    kind: str
    arguments: tuple[tuple[str, Any], ...] = ()
    name: str = ""
    says: str = ""
    ignore_na: bool = True
    warns: bool = False
    samples: int | None = None
    line: int | None = None
    language: Literal["", "polars", "python"] = ""
    code: str = ""
    columns: tuple[str, ...] | None = None  # that a custom one reads; None: all that landed
    element_wise: bool = False
    table: bool = False


@dataclass(frozen=True, slots=True)
class AskedColumn:
    name: str
    dtype: str | None = None
    nullable: bool = False
    unique: bool = False
    required: bool = True
    regex: bool = False
    coerce: bool = False
    default: Any = None
    checks: tuple[AskedCheck, ...] = ()
    line: int | None = None


@dataclass(frozen=True, slots=True)
class AskedSchema:
    """`unique`: sets of columns whose rows occur once. `pandas`: types are called as pandas calls them."""

    name: str
    columns: tuple[AskedColumn, ...] = ()
    checks: tuple[AskedCheck, ...] = ()
    strict: bool | Literal["filter"] = False
    ordered: bool = False
    unique: tuple[tuple[str, ...], ...] = ()
    coerce: bool = False
    dtype: str | None = None
    add_missing_columns: bool = False
    drop_invalid_rows: bool = False
    pandas: bool = False
    line: int | None = None


def counts_rows(index: AskedColumn) -> bool:
    """Whether the numbers of rows from 0 on are of this index: what lands has no other."""
    true = all(c.kind == "greater_than_or_equal_to" and _is_no_bound(c.arguments[0][1]) for c in index.checks)
    return not index.name and index.dtype in (None, "int", "int64") and true


def _is_no_bound(value: Any) -> bool:
    return isinstance(value, (int, float)) and value <= 0
