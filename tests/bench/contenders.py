"""What is measured: one function each, in a process of its own. Ours and the peers ask the same questions."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import data

CONTENDERS: dict[str, Callable[[], Any]] = {}


def contender(function: Callable[[], Any]) -> Callable[[], Any]:
    CONTENDERS[function.__name__] = function
    return function


COLUMNS = (
    "trip_id", "vendor", "pickup_at", "dropoff_at", "passengers", "distance", "rate_code", "stored", "zone_from",
    "zone_to", "payment", "fare", "tip", "tolls", "total", "driver",
)  # fmt: skip
REQUIRED = [c for c in COLUMNS if c not in ("passengers", "tip", "driver")]
RANGES = {
    "vendor": (1, 3), "passengers": (1, 6), "distance": (0, 100), "rate_code": (1, 6), "zone_from": (1, 265),
    "zone_to": (1, 265), "fare": (0, 500), "tip": (0, 100), "tolls": (0, 50), "total": (0, 600),
}  # fmt: skip
ALLOWED = {"payment": ["card", "cash", "dispute", "free"], "stored": ["Y", "N"]}
MEANS = {"fare": (50, 150), "distance": (5, 30)}
DRIVER = "^driver-[0-9]+$"


def contract_33() -> str:
    """13 required, 10 ranges, 2 value sets, 2 means, 2 completeness, pattern, length, row count, uniqueness: 32 and the
    built-in ones."""
    columns: dict[str, dict[str, Any]] = {c: {"optional": True} for c in COLUMNS}
    for c in REQUIRED:
        columns[c]["required"] = True
    for c, (low, high) in RANGES.items():
        columns[c] |= {"min": low, "max": high}
    for c, values in ALLOWED.items():
        columns[c]["allowed"] = values
    for c, (low, high) in MEANS.items():
        columns[c]["mean"] = f"between {low} and {high}"
    columns["tip"]["completeness"] = ">= 0.9"
    columns["passengers"]["completeness"] = ">= 0.9"
    columns["driver"] |= {"matches": DRIVER, "max_length": 20}
    columns["trip_id"]["unique"] = True
    return json.dumps({"source": "trips", "columns": columns, "checks": [{"row_count": ">= 1000"}]})


def contract_15() -> str:
    columns: dict[str, dict[str, Any]] = {c: {"optional": True} for c in COLUMNS}
    for c, (low, high) in RANGES.items():
        columns[c] |= {"min": low, "max": high}
    for c, values in ALLOWED.items():
        columns[c]["allowed"] = values
    columns["driver"] |= {"matches": DRIVER, "max_length": 20}
    columns["trip_id"] |= {"required": True, "unique": True}
    return json.dumps({"source": "trips", "columns": columns})


def contract_footers() -> str:
    columns: dict[str, dict[str, Any]] = {c: {"optional": True} for c in COLUMNS}
    for c in ("trip_id", "vendor", "zone_from", "zone_to", "rate_code"):
        columns[c]["required"] = True
    for c in ("vendor", "zone_from", "zone_to", "rate_code"):
        columns[c] |= dict(zip(("min", "max"), RANGES[c], strict=True))
    return json.dumps({"source": "trips", "columns": columns, "checks": [{"row_count": ">= 1000"}]})


def _contract(text: str) -> Any:
    from dq.dialects.contract import load

    return load(text, "bench.yaml")


def _validate(files: Any, text: str, engine: str = "auto") -> None:
    from dq import api

    result = api.validate(files, _contract(text), engine=engine)
    assert result.success, repr(result)


def _count_with_duckdb(*settings: str) -> None:
    import duckdb

    with duckdb.connect() as connection:
        for setting in settings:
            connection.execute(setting)
        connection.sql(f"select {', '.join(f'count({c})' for c in COLUMNS)} from '{data.trips()}'").fetchall()


@contender
def floor_duckdb() -> None:
    _count_with_duckdb("set disabled_optimizers = 'statistics_propagation'")


@contender
def floor_duckdb_statistics() -> None:
    _count_with_duckdb()


@contender
def floor_polars() -> None:
    import polars as pl

    pl.scan_parquet(data.trips()).select(pl.all().count()).collect()


@contender
def ours_33() -> None:
    _validate(data.trips(), contract_33())


@contender
def ours_33_duckdb() -> None:
    _validate(data.trips(), contract_33(), "duckdb")


@contender
def ours_33_polars() -> None:
    _validate(data.trips(), contract_33(), "polars")


def suite_33() -> list[tuple[str, dict[str, Any]]]:
    """The same questions as expectations."""
    column = "expect_column_values_to_"
    return [
        *((f"{column}not_be_null", {"column": c}) for c in REQUIRED),
        *((f"{column}be_between", {"column": c, "min_value": lo, "max_value": hi}) for c, (lo, hi) in RANGES.items()),
        *((f"{column}be_in_set", {"column": c, "value_set": values}) for c, values in ALLOWED.items()),
        *(
            ("expect_column_mean_to_be_between", {"column": c, "min_value": lo, "max_value": hi})
            for c, (lo, hi) in MEANS.items()
        ),
        *((f"{column}not_be_null", {"column": c, "mostly": 0.9}) for c in ("tip", "passengers")),
        (f"{column}match_regex", {"column": "driver", "regex": DRIVER}),
        ("expect_column_value_lengths_to_be_between", {"column": "driver", "max_value": 20}),
        (f"{column}be_unique", {"column": "trip_id"}),
        ("expect_table_row_count_to_be_between", {"min_value": 1000}),
    ]


@contender
def ours_gx_33() -> None:
    from dq import api
    from dq.dialects.gx import load
    from dq.ir.contract import Contract

    listed = [{"type": kind, "kwargs": arguments} for kind, arguments in suite_33()]
    suite = load(json.dumps({"name": "trips", "expectations": listed}), "trips.json")
    result = api.validate(data.trips(), Contract("trips", suite))
    assert result.success, repr(result)


@contender
def gx_33() -> None:
    import great_expectations as gx
    import pandas as pd
    from great_expectations.expectations.registry import get_expectation_impl

    frame = pd.read_parquet(data.trips())
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = gx.ExpectationSuite("trips")
    for kind, arguments in suite_33():
        suite.add_expectation(get_expectation_impl(kind)(**arguments))
    asset = context.data_sources.add_pandas("p").add_dataframe_asset("trips")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    assert batch.validate(suite, result_format="BOOLEAN_ONLY").success


@contender
def ours_15() -> None:
    _validate(data.trips(), contract_15())


@contender
def pandera_15() -> None:
    import pandera.polars as pa
    import polars as pl

    columns: dict[str, Any] = {c: pa.Column(checks=pa.Check.in_range(*r), nullable=True) for c, r in RANGES.items()}
    columns |= {c: pa.Column(str, pa.Check.isin(v)) for c, v in ALLOWED.items()}
    columns["driver"] = pa.Column(str, [pa.Check.str_matches(DRIVER), pa.Check.str_length(max_value=20)], nullable=True)
    columns["trip_id"] = pa.Column(unique=True)
    pa.DataFrameSchema(columns).validate(pl.read_parquet(data.trips()), lazy=True)


@contender
def dataframely_15() -> None:
    import dataframely as dy
    import polars as pl

    kinds: dict[str, Any] = {
        "vendor": dy.Int8,
        "passengers": dy.Int16,
        "rate_code": dy.Int16,
        "zone_from": dy.Int32,
        "zone_to": dy.Int32,
    }
    columns: dict[str, Any] = {
        c: kinds.get(c, dy.Float64)(min=lo, max=hi, nullable=True) for c, (lo, hi) in RANGES.items()
    }
    columns |= {c: dy.String(regex=f"^({'|'.join(v)})$", nullable=True) for c, v in ALLOWED.items()}
    columns["driver"] = dy.String(regex=DRIVER, max_length=20, nullable=True)
    columns["trip_id"] = dy.Int64(primary_key=True)
    frame = pl.scan_parquet(data.trips()).select(list(columns)).collect()
    schema = type("Trips", (dy.Schema,), columns)
    schema.validate(frame)


@contender
def ours_profile_core() -> None:
    from dq import api

    api.profile(data.trips(), depth="core")


@contender
def ours_profile_full() -> None:
    from dq import api

    api.profile(data.trips(), depth="full")


@contender
def duckdb_summarize() -> None:
    import duckdb

    duckdb.sql(f"summarize from '{data.trips()}'").fetchall()


@contender
def polars_describe() -> None:
    import polars as pl

    pl.scan_parquet(data.trips()).describe()


@contender
def ours_footers() -> None:
    _validate(data.trips(), contract_footers())


@contender
def ours_100m_33() -> None:
    text = json.loads(contract_33())
    text["columns"]["trip_id"].pop("unique")
    _validate(data.tenfold(), json.dumps(text))


@contender
def ours_10m_33_without_uniqueness() -> None:
    text = json.loads(contract_33())
    text["columns"]["trip_id"].pop("unique")
    _validate(data.trips(), json.dumps(text))


@contender
def ours_100m_profile() -> None:
    from dq import api

    api.profile(data.tenfold(), depth="core")


@contender
def ours_wide_250() -> None:
    from dq import api

    api.profile(data.wide(250), depth="core")


@contender
def ours_wide_1000() -> None:
    from dq import api

    api.profile(data.wide(1000), depth="core")


@contender
def ours_pretrain_10m_1m() -> None:
    from dq import pretrain
    from dq.config import Limits

    train, test = data.splits()
    pretrain(str(train), test=str(test), label="y", id="id", time="at", limits=Limits(memory_bytes=4 * 10**9))


def partitions(folder: Path, count: int) -> None:
    """A landing of `count` partitions with a contract, ready to be gated."""
    data.land_partitions(folder / "landing" / "trips", count)
    (folder / "suites").mkdir()
    contract = json.loads(contract_15()) | {"layout": "n={int}"}
    (folder / "suites" / "trips.yaml").write_text(json.dumps(contract))
    (folder / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
