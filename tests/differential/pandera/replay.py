"""A plugin of pytest: wherever upstream's tests have pandera validate a frame, we do."""

from __future__ import annotations

from typing import Any

import polars as pl
from pandera.api.polars.container import DataFrameSchema
from pandera.errors import SchemaError

from dq import api
from dq.dialects.pandera.objects import suite_of
from dq.ir.contract import Contract


def validate(schema: DataFrameSchema, check_obj: Any, *_: Any, **__: Any) -> Any:
    frame = check_obj.collect() if isinstance(check_obj, pl.LazyFrame) else check_obj
    result = api.validate(frame, Contract("upstream", suite_of(schema), live=True))
    assert result.verdict != "hold", repr(result)
    if not result.success:
        raise SchemaError(schema, frame, repr(result))
    return check_obj


def pytest_configure() -> None:
    DataFrameSchema.validate = validate
