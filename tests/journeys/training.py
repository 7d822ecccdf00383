"""Splits of bundled real data, with faults planted in a share of the rows of test."""

from __future__ import annotations

import os
import signal
from functools import cache
from typing import Any

import polars as pl

import dq
from dq.config import Limits
from dq.training import Checked
from tests.data.bundled import DATA

HERE = Limits(isolated=False)
SHARES = (0.001, 0.1, 0.01)


@cache
def retail() -> pl.DataFrame:
    """Invoice lines; the label is whether a dozen or more of an article were bought."""
    kinds = {"InvoiceNo": pl.String, "CustomerID": pl.Float64}
    files = sorted((DATA / "retail").glob("*.csv.gz"))[:12]
    lines = pl.concat([pl.read_csv(f, schema_overrides=kinds) for f in files])
    lines = lines.with_columns(pl.col("InvoiceDate").str.to_datetime(), label=pl.col("Quantity") >= 12)
    return lines.drop("Quantity")


@cache
def trips() -> pl.DataFrame:
    """Taxi trips; the label is whether the passenger gave a tip by card."""
    months = [pl.read_csv(f, infer_schema_length=None) for f in sorted((DATA / "trips").glob("*.csv.gz"))[:2]]
    whole = pl.concat(months, how="diagonal_relaxed").drop("congestion_surcharge")
    times = [pl.col(c).str.to_datetime() for c in ("pickup_datetime", "dropoff_datetime")]
    return whole.with_columns(*times, label=pl.col("tip_amount") > 0).drop("tip_amount", "total_amount", "payment_type")


def parted(whole: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A random 80/20 split, with columns that play a part: alike in kind, and clean."""
    mixed = whole.sample(fraction=1, shuffle=True, seed=seed).with_row_index("row")
    size = mixed.height // 50 * 10
    alike = pl.struct(whole.columns[:4]).hash(seed=1)  # rows that are alike stay so
    mixed = mixed.with_columns(
        pl.col("label").cast(pl.String),
        group=pl.col("row") // 10,
        at=mixed.height - pl.col("row"),
        weight=1.0,
        kind=(alike % 3).replace_strict({0: "a", 1: "b", 2: "c"}),
        number=(alike % 1000) / 7,
        vector=pl.concat_list(pl.lit(0.5), pl.lit(1.0), pl.lit(2.0)),
    )
    return mixed[size:], mixed[:size]


def checked(train: Any, test: Any, **roles: Any) -> Checked:
    return dq.pretrain(train, test=test, label="label", limits=HERE, **roles)


def failed(found: Checked) -> set[str]:
    return {c["check"] for c in found.checks if c["status"] == "fail"}


def told(found: Checked, check: str, **where: Any) -> dict[str, Any]:
    """The first result of a check that failed or warned."""
    return next(c for c in found.checks if c["check"] == check and where.items() <= c.items())


def end(request: object, budget: object) -> None:
    """Work that kills its process."""
    os.kill(os.getpid(), signal.SIGKILL)
