"""What pandera itself says of a frame: (column, check) -> failing rows, None where it tells none."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import polars as pl
from pandera.backends.polars.base import PolarsSchemaBackend
from pandera.errors import FailureCaseMetadata, SchemaErrors

if TYPE_CHECKING:
    import pandera.polars as pa

Failures = dict[tuple[str, Any], int | None]


def _untold(self: Any, schema_name: str, schema_errors: Any) -> FailureCaseMetadata:
    return FailureCaseMetadata(failure_cases=None, message={}, error_counts={})


def failures(frame: pl.DataFrame, schema: pa.DataFrameSchema) -> Failures:
    """The errors as it collects them. Its own table of them is left out: it raises over some (a bool beside text)."""
    with patch.object(PolarsSchemaBackend, "failure_cases_metadata", _untold), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            schema.validate(frame, lazy=True)
        except SchemaErrors as error:
            return dict(_entry(e) for e in error.schema_errors)
    return {}


def _entry(error: Any) -> tuple[tuple[str, Any], int | None]:
    cases = error.failure_cases
    count = len(cases) if isinstance(cases, pl.DataFrame) else None
    column = error.schema.name if type(error.schema).__name__ == "Column" else "table"
    match error.reason_code.name:
        case "COLUMN_NOT_IN_DATAFRAME":
            return (cases, "column_present"), None
        case "INVALID_COLUMN_NAME":
            return (column, "column_present"), None
        case "DATATYPE_COERCION":
            return ("table", "castable"), count
        case "SERIES_CONTAINS_NULLS":
            return (column, "required"), count
        case "SERIES_CONTAINS_DUPLICATES" | "DUPLICATES":
            return (column, "unique"), count
        case "WRONG_DATATYPE":
            return (column, "type"), None
        case "COLUMN_NOT_IN_SCHEMA":
            return ("table", "strict"), None
        case "COLUMN_NOT_ORDERED":
            return ("table", "ordered"), None
    return (column, error.check_index), count
