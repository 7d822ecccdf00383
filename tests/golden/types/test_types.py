"""The table of type names against the golden file and against the libraries themselves: an empty column declared under
the name comes back as the type it stands for, unless the cell is marked lossy."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pandera.dtypes
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dq.engines.parquet import open_parquet
from dq.engines.parquet.types import Unsupported, to_type
from dq.ir.data import DataFile, Kind, Reading, Type
from dq.ir.names import NAMES

GOLDEN: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("types.toml").read_text())
KINDS = [*map(str, Kind), "instant"]


def cells(system: str) -> list[Any]:
    found = [(k, body[system], system in body.get("lossy", ())) for k, body in GOLDEN.items() if system in body]
    return [pytest.param(*cell, id=cell[0]) for cell in found]


def label(found: Type) -> str:
    return "instant" if found.zone else str(found.kind)


def came_back(kind: str, arrow: pa.DataType) -> bool:
    """Whether the Arrow type is ours again, parameters included."""
    try:
        found = to_type(arrow)
    except Unsupported:
        return False
    wanted = {
        "decimal": (10, 2, None), "timestamp": (None, None, "us"), "instant": (None, None, "us"),
    }.get(kind, (None, None, found.unit))  # fmt: skip
    return label(found) == kind and (found.precision, found.scale, found.unit) == wanted


def test_the_list_is_closed_and_complete() -> None:
    assert sorted(GOLDEN) == sorted(KINDS)
    for kind in KINDS:
        assert {"arrow", "duckdb", "polars", "pandas"} <= GOLDEN[kind].keys()


def test_the_table_is_the_golden_file() -> None:
    told = {k: {s: v for s, v in body.items() if s != "lossy"} for k, body in GOLDEN.items()}
    assert {k: {s: c[k].text for s, c in NAMES.items() if k in c} for k in KINDS} == told
    lossy = {k: set(body.get("lossy", ())) for k, body in GOLDEN.items()}
    assert {k: {s for s, c in NAMES.items() if k in c and c[k].lossy} for k in KINDS} == lossy


@pytest.mark.parametrize(("kind", "name", "lossy"), cells("duckdb"))
def test_duckdb(kind: str, name: str, lossy: bool) -> None:
    name = name.replace(":", " ")
    found = duckdb.sql(f"SELECT NULL::{name} AS x LIMIT 0")
    said = str(found.types[0]).replace(", ", ",").replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
    assert said == name
    assert came_back(kind, found.to_arrow_table().schema.field("x").type) is not lossy


def polars_type(name: str) -> Any:
    """`List(Int64)`, `Datetime(us,UTC)` ... as the class or instance it names."""
    head, _, inside = name.rstrip(")").partition("(")
    cls = getattr(pl, head)
    if not inside:
        return cls
    parts = inside.split(",")
    match head:
        case "Struct":
            return cls({n: getattr(pl, t) for n, t in (p.split(":") for p in parts)})
        case "Enum":
            return cls(parts)
        case "Decimal":
            return cls(*map(int, parts))
        case "List" | "Map":
            return cls(*(getattr(pl, p) for p in parts))
    return cls(*parts)


@pytest.mark.parametrize(("kind", "name", "lossy"), cells("polars"))
def test_polars(kind: str, name: str, lossy: bool) -> None:
    frame = pl.DataFrame({"x": []}, schema={"x": polars_type(name)})
    assert came_back(kind, frame.to_arrow().schema.field("x").type) is not lossy


ARROW: dict[str, pa.DataType] = {
    "decimal": pa.decimal128(10, 2), "time": pa.time64("us"), "timestamp": pa.timestamp("us"),
    "instant": pa.timestamp("us", "UTC"), "duration": pa.duration("us"), "uuid": pa.uuid(), "json": pa.json_(),
    "list": pa.list_(pa.int64()), "struct": pa.struct([("a", pa.int64())]), "map": pa.map_(pa.string(), pa.int64()),
    "enum": pa.dictionary(pa.int32(), pa.string()), "date": pa.date32(),
}  # fmt: skip


def arrow_type(kind: str) -> pa.DataType:
    return ARROW[kind] if kind in ARROW else pa.type_for_alias(GOLDEN[kind]["arrow"])


@pytest.mark.parametrize(("kind", "name", "lossy"), cells("arrow"))
def test_arrow(kind: str, name: str, lossy: bool) -> None:
    said = re.sub(r"dictionary<values=(\w+), indices=(\w+), .*", r"dictionary<\1,\2>", str(arrow_type(kind)))
    assert said.replace(" ", "") == name
    assert came_back(kind, arrow_type(kind)) is not lossy


def parquet_name(column: Any, schema: str) -> str:
    """Physical type, and logical type with what tells it from others."""
    if "." in column.path:
        return next((g for g in ("List", "Map") if f"({g})" in schema), "")
    logical = re.findall(r'"(?!is_from|force_set)\w+":("?)([\w-]+)\1', column.logical_type.to_json())
    head, *rest = (value for _, value in logical)
    rest = rest[:2]
    return column.physical_type + ("" if head == "None" else f":{head}" + (f"({','.join(rest)})" if rest else ""))


@pytest.mark.parametrize(("kind", "name", "lossy"), cells("parquet"))
def test_parquet(tmp_path: Path, kind: str, name: str, lossy: bool) -> None:
    """Without Arrow's own copy of the schema, which other writers do not add."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"x": pa.array([], arrow_type(kind))}), path, store_schema=False)
    schema = pq.ParquetFile(path).schema
    if kind == "enum":  # pyarrow writes it as the text it is
        name = GOLDEN["string"]["parquet"]
    assert parquet_name(schema.column(0), str(schema)) == name
    dataset = open_parquet([DataFile("x.parquet", path.stat().st_size, str(path))], Reading())
    assert (label(dataset.schema.fields[0].type) == kind) is not lossy


@pytest.mark.parametrize(("kind", "name", "lossy"), cells("pandas"))
def test_pandas(kind: str, name: str, lossy: bool) -> None:
    column = pd.Series([], dtype=name.replace(",", ", "))
    assert str(column.dtype).replace(", ", ",") == name
    table = pa.Table.from_pandas(pd.DataFrame({"x": column}), preserve_index=False)
    assert (kind != "null" and came_back(kind, table.schema.field("x").type)) is not lossy


@pytest.mark.parametrize(("kind", "name", "lossy"), cells("gx"))
def test_gx_names_numpy_types_and_those_of_python(kind: str, name: str, lossy: bool) -> None:
    """Of a pandas data source: values of an `object` column are told apart by the name of their Python class."""
    if name in ("str", "bytes", "list", "dict", "object"):
        return
    found = came_back(kind, pa.from_numpy_dtype(np.dtype(name)))
    assert found is not lossy


@pytest.mark.parametrize(("kind", "name", "lossy"), cells("pandera"))
def test_pandera(kind: str, name: str, lossy: bool) -> None:
    assert issubclass(getattr(pandera.dtypes, name), pandera.dtypes.DataType)
    twins = [k for k, body in GOLDEN.items() if body.get("pandera") == name and "pandera" not in body.get("lossy", ())]
    assert twins == ([kind] if not lossy else [k for k in twins if k != kind])


@pytest.mark.parametrize("system", ["odcs", "dqdl"])
def test_one_name_is_one_type_unless_it_is_lossy(system: str) -> None:
    exact = [body[system] for body in GOLDEN.values() if system in body and system not in body.get("lossy", ())]
    assert len(exact) == len(set(exact))
    known = {
        "odcs": {"string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean"},
        "dqdl": {"Boolean", "Date", "Timestamp", "Integer", "Double", "Float", "Long"},
    }[system]
    assert {body[system] for body in GOLDEN.values() if system in body} == known
