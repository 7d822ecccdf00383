"""A source's profile is the merge of its partitions' states: real days and months, on each engine."""

from __future__ import annotations

import gzip
import math
from collections import Counter
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dq import api
from dq.ir.aggregate import MomentsState, RegistersState, TallyState, TopState
from dq.profile import ColumnProfile, Profile, decode, encode, merge, quantile, zero
from dq.suite import load_contract
from tests.data.bundled import DATA, NOW, SUITES

FILES = {source: sorted((DATA / source).iterdir()) for source in ("retail", "trips")}
FEW = FILES["retail"][15:19:3]  # rows enough for an engine that is slow and obvious
CASES = [("retail", e, FILES["retail"][::3]) for e in ("duckdb", "polars")]
CASES += [("trips", e, FILES["trips"][::2]) for e in ("duckdb", "polars")] + [("retail", "reference", FEW)]
Both = tuple[Profile, Profile, pd.DataFrame]
SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def rows_of(files: list[Path]) -> pd.DataFrame:
    return pd.concat([pd.read_csv(f) for f in files], ignore_index=True)


@pytest.fixture(scope="module", params=CASES, ids=lambda c: f"{c[0]}-{c[1]}")
def profiles(request: pytest.FixtureRequest) -> tuple[Profile, Profile, pd.DataFrame]:
    """The merge of the partitions, written down and read back before; the profile of all files at once; the rows."""
    source, engine, files = request.param
    contract = replace(load_contract(SUITES / f"{source}.yaml"), layout=None, versions=())
    contract = replace(contract, suite=replace(contract.suite, pii=frozenset()))

    def of(data: Any) -> Profile:
        found = api.profile(data, suite=contract, now=NOW, engine=engine, depth="core")
        return decode(encode(found))

    return reduce(merge, map(of, files), zero), of(files), rows_of(files)


def pairs(profiles: Both) -> list[tuple[ColumnProfile, ColumnProfile]]:
    merged, whole, _ = profiles
    return list(zip(merged.columns, whole.columns, strict=True))


def test_the_whole(profiles: Both) -> None:
    merged, whole, rows = profiles
    assert merged.rows == whole.rows == len(rows)
    assert (merged.files, merged.bytes) == (whole.files, whole.bytes)
    assert [(m.path, m.types, m.rows) for m, _ in pairs(profiles)] == [
        (w.path, w.types, w.rows) for _, w in pairs(profiles)
    ]


def test_no_statistic_is_lost(profiles: Both) -> None:
    for merged, whole in pairs(profiles):
        assert merged.states.keys() == whole.states.keys() != set()


def test_exact_numbers_are_equal(profiles: Both) -> None:
    checked = Counter[str]()
    for merged, whole in pairs(profiles):
        for name, state in whole.states.items():
            if isinstance(state, (MomentsState, TopState)):
                continue
            mine = merged.states[name]
            if name == "sum" and isinstance(state, float):
                assert math.isclose(mine, state, rel_tol=1e-9)
            elif isinstance(state, (TallyState, RegistersState)) or type(state) in (int, float, str, datetime, Decimal):
                assert mine == state, (merged.path, name)  # registers too: equal, not only their estimate
            else:
                assert state is None is mine, (merged.path, name)
            checked[name] += 1
    assert {"nulls", "min", "max", "sum", "sizes", "distinct", "lengths", "days", "length_sum"} <= checked.keys()


def test_moments(profiles: Both) -> None:
    """Relative to the power of the deviation: a skew of about nothing has no digits of its own."""
    compared = 0
    for merged, whole in pairs(profiles):
        one, other = merged.states.get("moments"), whole.states.get("moments")
        if other is None or not other.n:
            continue
        assert one.n == other.n
        assert math.isclose(one.mean, other.mean, rel_tol=1e-9)
        assert math.isclose(one.m2, other.m2, rel_tol=1e-9)
        deviation = math.sqrt(other.m2 / other.n)
        for power, (left, right) in enumerate(((one.m3, other.m3), (one.m4, other.m4)), 3):
            assert math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9 * other.n * deviation**power), merged.path
        compared += 1
    assert compared >= 3


def test_quantiles_are_within_one_percent_of_the_data(profiles: Both) -> None:
    merged, _, rows = profiles
    for column in merged.columns:
        if "moments" not in column.states:
            continue
        values = rows[column.path[0]].dropna().sort_values(ignore_index=True)
        for share in SHARES:
            exact = float(values[max(1, math.ceil(share * len(values))) - 1])
            found = quantile(column, share)
            assert found is not None
            assert abs(float(found) - exact) <= 0.01 * abs(exact) * (1 + 1e-9), (column.path, share)


def test_top_values_keep_their_stated_error(profiles: Both) -> None:
    merged, _, rows = profiles
    lossy = 0
    for column in merged.columns:
        top, values = column.states["top"], rows[column.path[0]]
        key = float if pd.api.types.is_numeric_dtype(values) else str
        true = {key(k): n for k, n in values.value_counts().items()}
        listed = {key(k): n for k, n in top.counts}
        assert len(listed) == len(top.counts)
        assert all(n <= true[k] <= n + top.error for k, n in listed.items()), column.path
        assert max((n for k, n in true.items() if k not in listed), default=0) <= top.error, column.path
        lossy += top.error > 0
    assert lossy  # some column has more values than are kept


def test_a_day_of_another_layout_leaves_its_columns_unknown_not_wrong(tmp_path: Path) -> None:
    """Without the column, its rows do not grow and its share of values stays that of the days that have it."""
    first, second = FILES["retail"][:2]
    lines = gzip.decompress(second.read_bytes()).decode().splitlines()
    short = tmp_path / "short.csv"
    short.write_text("\n".join(line.rsplit(",", 1)[0] for line in lines) + "\n")
    contract = replace(load_contract(SUITES / "retail.yaml"), layout=None)
    one, two = (api.profile(f, suite=contract, now=NOW, depth="core") for f in (first, short))
    both = merge(one, two)
    country, invoice = both.column(("Country",)), both.column(("InvoiceNo",))
    assert both.rows == one.rows + two.rows
    assert country == one.column(("Country",))
    assert invoice is not None
    assert invoice.rows == both.rows
