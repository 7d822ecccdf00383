"""Text read as declared and as inferred types: golden tables, and laws over any text."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq.engines.duckdb.casts import cast, format_shape
from dq.errors import SuiteError
from dq.ir.data import Declared, parse_type
from tests.conformance.opened import declare, opened, rows, types, unread

GOLDEN = Path(__file__).parents[1] / "golden" / "text"


def golden(name: str) -> dict[str, Any]:
    return tomllib.loads((GOLDEN / name).read_text())


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute("SET TimeZone = 'UTC'")
        yield made


def read(connection: duckdb.DuckDBPyConnection, declared: Declared, texts: list[str]) -> list[Any]:
    query = f"SELECT ({cast('t', declared)})::VARCHAR FROM (SELECT unnest(?::VARCHAR[]) AS t)"
    return [r[0] for r in connection.execute(query, [texts]).fetchall()]


@pytest.mark.parametrize("name", golden("types.toml"))
def test_declared(name: str, connection: duckdb.DuckDBPyConnection) -> None:
    cases = golden("types.toml")[name]
    found = read(connection, declare("c", name), list(cases))
    assert dict(zip(cases, found, strict=True)) == {t: v or None for t, v in cases.items()}


@pytest.mark.parametrize("case", golden("formats.toml")["case"], ids=lambda c: c["formats"][0])
def test_formats(case: dict[str, Any], connection: duckdb.DuckDBPyConnection) -> None:
    texts = [t for t in case if t != "formats"]
    found = read(connection, declare("c", "timestamp", *case["formats"]), texts)
    assert dict(zip(texts, found, strict=True)) == {t: case[t] or None for t in texts}


ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "UTC")


@pytest.mark.parametrize("zone", ZONES)
def test_clocks_that_change(zone: str, connection: duckdb.DuckDBPyConnection) -> None:
    """As zoneinfo has it: a time that a clock showed twice is the first, one that it never showed cannot be read."""
    place, texts, wanted = ZoneInfo(zone), [], []
    for start in ("1968-10-01", "2011-12-25", "2026-03-20", "2026-10-01", "2069-03-20"):
        for n in range(40 * 24 * 2):
            clock = datetime.fromisoformat(start) + timedelta(minutes=30 * n)
            moment = clock.replace(tzinfo=place).astimezone(UTC)
            shown = moment.astimezone(place).replace(tzinfo=None) == clock
            texts.append(str(clock))
            wanted.append(f"{moment:%Y-%m-%d %H:%M:%S+00}" if shown else None)
    assert read(connection, declare("c", "timestamp", zone=zone), texts) == wanted
    nano = declare("c", "timestamp(ns)", zone="Europe/Berlin")
    assert read(connection, nano, ["2026-10-25 02:30:00.123456789", "2026-03-29 02:00:00.000000001"]) == [
        "2026-10-25 00:30:00.123456789+00", None,
    ]  # fmt: skip


@pytest.mark.parametrize("name", [n for n in golden("inferred.toml") if n != "string"])
def test_inferred(name: str, tmp_path: Path) -> None:
    with opened(tmp_path, "c,d\n" + "".join(f"{t},x\n" for t in golden("inferred.toml")[name])) as dataset:
        assert types(dataset) == {"c": name, "d": "string"}
        assert dataset.schema.inferred == {"c", "d"}


@pytest.mark.parametrize("texts", golden("inferred.toml")["string"].values(), ids=golden("inferred.toml")["string"])
def test_stays_text(texts: list[str], tmp_path: Path) -> None:
    with opened(tmp_path, "c\n" + "".join(f"{t}\n" for t in texts)) as dataset:
        assert types(dataset) == {"c": "string"}
        assert [r[0] for r in rows(dataset)] == texts


def test_every_row_confirms_an_inferred_type(tmp_path: Path) -> None:
    many = "".join(f"{i},{i},{i}\n" for i in range(3000))
    with opened(tmp_path, f"a,b,c\n{many}x,1.5,7\n") as dataset:
        assert types(dataset) == {"a": "string", "b": "double", "c": "int64"}
        assert rows(dataset)[7] == ("7", "7.0", "7")


def test_a_column_that_is_empty_at_first_is_inferred_from_later_rows(tmp_path: Path) -> None:
    with opened(tmp_path, "a,b\n" + "x,\n" * 1500 + "x,5\n") as dataset:
        assert types(dataset)["b"] == "int64"


def test_null_values_are_no_values_of_an_inferred_type(tmp_path: Path) -> None:
    with opened(tmp_path, "a,b\n1,\n-99,\nNA,-99\n", null_values=("", "NA", "-99")) as dataset:
        assert types(dataset) == {"a": "int64", "b": "null"}
        assert rows(dataset) == [("1", None), (None, None), (None, None)]


def test_what_cannot_be_read_is_null_beside_its_text(tmp_path: Path) -> None:
    with opened(tmp_path, 'a,b\n1,x\n1.7,y\n,z\n" ",\n"",""\n', declared=(declare("a", "int64"),)) as dataset:
        assert rows(dataset) == [("1", "x"), (None, "y"), (None, "z"), (None, None), (None, "")]
        assert unread(dataset, "a") == [None, "1.7", None, None, None]
        assert dataset.schema.inferred == {"b"}


def test_null_values(tmp_path: Path) -> None:
    text = 'a,b\nNA,NA\n"NA","NA"\n"",""\n,\n NA ,x\n'
    declared = (declare("a", "int64"), declare("b", "string"))
    with opened(tmp_path, text, declared=declared, null_values=("", "NA")) as dataset:
        assert rows(dataset) == [(None, None), (None, None), (None, ""), (None, None), (None, "x")]
        assert set(unread(dataset, "a")) == {None}


def test_an_empty_text_is_text_where_it_is_no_null_value(tmp_path: Path) -> None:
    with opened(tmp_path, "a,b\n,\n", declared=(declare("a", "int64"), declare("b", "string")), null_values=()) as d:
        assert rows(d) == [(None, "")]


def test_an_enum_takes_its_values_only(tmp_path: Path) -> None:
    from dq.ir.data import Kind, Type

    column = Declared("a", Type(Kind.ENUM, values=("card", "it's")))
    with opened(tmp_path, "a\ncard\nit's\nCard\n", declared=(column,)) as dataset:
        assert rows(dataset) == [("card",), ("it's",), (None,)]
        assert unread(dataset, "a") == [None, None, "Card"]


def test_the_declared_zone_is_that_of_text_without_one(tmp_path: Path) -> None:
    text = "t\n2020-07-01 10:00\n2020-07-01T10:00:00+00:00\n07/01/2020\n"
    column = declare("t", "timestamp", "%m/%d/%Y", zone="Europe/Berlin")
    with opened(tmp_path, text, declared=(column,)) as dataset:
        assert types(dataset) == {"t": "timestamp(us, UTC)"}
        assert [r[0] for r in rows(dataset)] == [
            "2020-07-01 08:00:00+00",
            "2020-07-01 10:00:00+00",
            "2020-06-30 22:00:00+00",
        ]


@pytest.mark.parametrize("spec", ["%Q", "%c", "x", "%m/%", ""])
def test_a_format_that_cannot_be_checked_is_refused(spec: str) -> None:
    with pytest.raises(SuiteError, match="format"):
        format_shape(spec)


def test_an_unknown_zone_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(SuiteError, match="Mars"),
        opened(tmp_path, "t\n", declared=(declare("t", "timestamp", zone="Mars/X"),)),
    ):
        pass


def test_a_large_table_drops_the_texts_nobody_needs(tmp_path: Path) -> None:
    body = "".join(f"{i},{i % 7}\n" for i in range(100_001))
    declared = (declare("a", "int64"), declare("b", "int64"))
    with opened(tmp_path, f"a,b\n{body}x,1\n", declared=declared) as dataset:
        count = 'SELECT count(*), count("⟨raw⟩a"), count("⟨raw⟩b") FROM'
        assert dataset.connection.execute(f"{count} {dataset.table}").fetchone() == (100_002, 1, 0)


NUMBERS = st.one_of(
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: f"{d:f}"),
    st.from_regex(r"[ ]?[+-]?\d{0,20}(\.\d{0,5})?(e\d)?[ ]?", fullmatch=True),
    st.text(max_size=8),
)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.lists(NUMBERS, min_size=1, max_size=30))
def test_a_number_is_exactly_the_one_that_is_written(texts: list[str]) -> None:
    texts = [t.replace("\0", "") for t in texts]
    with duckdb.connect() as connection:
        integers = read(connection, declare("c", "int64"), texts)
        decimals = read(connection, declare("c", "decimal(20,4)"), texts)
    for text, integer, number in zip(texts, integers, decimals, strict=True):
        plain = text.strip(" \t")
        written = Decimal(plain) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", plain, re.ASCII) else None
        whole = (
            written is not None and written == written.to_integral_value() and not plain.lstrip("+-").startswith(".")
        )
        fits = whole and written is not None and -(2**63) <= written < 2**63
        assert (integer is not None) == fits, text
        assert integer is None or Decimal(integer) == written
        held = written is not None and abs(written) < 10**16 and written == round(written, 4)
        assert (number is not None) == held, text
        assert number is None or Decimal(number) == written


def test_types_are_spelled_as_in_contracts() -> None:
    assert all(str(parse_type(name)) for name in golden("types.toml"))
