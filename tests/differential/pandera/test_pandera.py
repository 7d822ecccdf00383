"""Our verdicts on schemas of pandera against its own: the same failures, the same numbers of failing rows."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from dq import api
from dq.dialects.pandera.fit import Asked
from dq.dialects.pandera.objects import suite_of
from dq.ir.check import Severity
from dq.ir.contract import Contract
from dq.ir.result import Status
from tests.differential.pandera import draws, oracle

if TYPE_CHECKING:
    import pandera.polars as pa
    import polars as pl

SLICE, ALL = range(60), range(1_000, 3_400)
AT_ONCE = 100  # a test each would be half of all that every run collects
pytestmark = pytest.mark.filterwarnings("ignore")  # of pandera
_NUMBERLESS = {"column_present", "type", "strict", "ordered"}


def ours(frame: pl.DataFrame, schema: pa.DataFrameSchema, engine: Any = "auto") -> oracle.Failures:
    suite = suite_of(schema)
    result = api.validate(frame, Contract("drawn", suite, live=True), engine=engine)
    judged = {r.id: r for r in result.checks}
    found: oracle.Failures = {}
    numbers: dict[str | None, int] = {}
    for check in suite.checks:
        metric = check.metric
        column = getattr(metric, "column", getattr(metric, "pattern", None))
        key: Any = check.id.rpartition(".")[2].partition("#")[0]
        if isinstance(metric, Asked) and metric.kind not in ("required", "unique", "cast", "categories"):
            key = numbers.get(column, 0)
            numbers[column] = key + 1
        one = judged.get(check.id)
        if one is None or check.severity is Severity.WARN or key == "not_empty":
            continue
        assert one.status is not Status.ERROR, one
        if one.status is Status.FAIL:
            parts = dict(one.details).get("columns") or {column or "table": one.failed_rows}
            for name, count in parts.items():
                found[name, key] = None if key in _NUMBERLESS else count
    return found


def differences(frame: pl.DataFrame, schema: pa.DataFrameSchema, engine: Any = "auto") -> list[str]:
    theirs, mine = oracle.failures(frame, schema), ours(frame, schema, engine)
    return [
        f"{key}: pandera {theirs.get(key, 'passes')}, ours {mine.get(key, 'passes')}: {_asked(schema, key)}"
        for key in theirs.keys() | mine.keys()
        if not _alike(key, theirs, mine, schema)
    ]


def _asked(schema: pa.DataFrameSchema, key: Any) -> Any:
    column = schema.columns.get(key[0])
    return (
        (column.dtype, column.checks[key[1]], column.checks[key[1]].ignore_na)
        if column and isinstance(key[1], int)
        else ""
    )


def _alike(key: Any, theirs: oracle.Failures, mine: oracle.Failures, schema: pa.DataFrameSchema) -> bool:
    column = schema.columns.get(key[0])
    check = column.checks[key[1]] if column and isinstance(key[1], int) else None
    if key not in theirs or key not in mine:
        stops = {("table", "strict"), ("table", "ordered")}  # of the two pandera tells the first
        return (key in stops and bool(stops & theirs.keys())) or bool(check and check.raise_warning)
    count, own = theirs[key], mine[key]
    most = check.n_failure_cases if check else None
    if own is None:
        return count in (None, 1)
    return count is None or count == (own if most is None or own is None else min(own, most))


@pytest.mark.parametrize("seed", SLICE)
def test_a_slice_of_the_draws(seed: int) -> None:
    assert differences(*drawn(seed)) == []


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("first", ALL[::AT_ONCE])
def test_all_draws(first: int, engine: str) -> None:
    found = {seed: differences(*drawn(seed), engine) for seed in range(first, first + AT_ONCE)}
    assert {seed: told for seed, told in found.items() if told} == {}


def drawn(seed: int) -> tuple[pl.DataFrame, pa.DataFrameSchema]:
    random = Random(seed)
    frame = draws.frame(random)
    return frame, draws.schema(random, frame.columns)
