"""Features, labels and roles of every type, and of another type in test: an answer or a plain error, never a crash."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import dq
from tests.journeys.training import HERE, told

ROWS = 400


def everything() -> pl.DataFrame:
    draw = random.Random(1)
    start = datetime(2026, 1, 1)

    def column(kind: Any, make: Any) -> pl.Series:
        return pl.Series([make() for _ in range(ROWS)], dtype=kind)

    moments = column(pl.Datetime("us"), lambda: start + timedelta(minutes=draw.randrange(4000)))
    return pl.DataFrame(
        {
            "tiny": column(pl.Int8, lambda: draw.randrange(-9, 9)),
            "unsigned": column(pl.UInt64, lambda: 2**63 + draw.randrange(50)),
            "single": column(pl.Float32, draw.random),
            "huge": column(pl.Float64, lambda: draw.choice([1e308, -1e308, 5e-324, 0.0])),
            "odd": column(pl.Float64, lambda: draw.choice([float("nan"), float("inf"), 1.0, None])),
            "price": column(pl.Decimal(10, 2), lambda: Decimal(draw.randrange(1000)) / 4),
            "text": column(pl.String, lambda: draw.choice(["a'b", '"q"', "é", None, "x\x1b"])),
            "category": column(pl.Categorical, lambda: draw.choice("abc")),
            "bytes": column(pl.Binary, lambda: bytes([draw.randrange(3)])),
            "flag": column(pl.Boolean, lambda: draw.choice([True, False, None])),
            "day": column(pl.Date, lambda: date(2026, 1, 1) + timedelta(draw.randrange(40))),
            "zoned": moments.dt.replace_time_zone("Europe/Berlin"),
            "nano": moments.cast(pl.Datetime("ns")),
            "clock": column(pl.Time, lambda: time(draw.randrange(24))),
            "span": column(pl.Duration, lambda: timedelta(hours=draw.randrange(24))),
            "vector": column(pl.List(pl.Float64), lambda: [1.0, 2.0, draw.random()]),
            "items": column(None, lambda: [{"a": 1, "b": "x"}] * draw.randrange(1, 3)),
            "record": column(None, lambda: {"a": draw.randrange(3), "b": {"c": "x"}}),
            "fixed": column(pl.Array(pl.Int64, 2), lambda: [1, 2]),
            "nothing": pl.Series([None] * ROWS),
            'we"ird; name': column(pl.Float64, draw.random),
            "label": column(pl.String, lambda: draw.choice(["no'", 'ye"s'])),
        }
    )


WHOLE = everything()
TRAIN, TEST = SPLITS = WHOLE[:300], WHOLE[300:]


@pytest.mark.parametrize("label", ["label", "huge", "odd", "price", "day", "vector", "record", "nothing", "flag"])
def test_a_label_of_any_type(label: str) -> None:
    roles = {"id": ["unsigned", "record"], "group": ["category", "vector"], "weight": "single"}
    chosen = {k: v if isinstance(v, str) else [n for n in v if n != label] for k, v in roles.items()}
    found = dq.pretrain(TRAIN, test=TEST, label=label, limits=HERE, **chosen)  # type: ignore[arg-type]
    assert found.document["task"] == ("regression" if label in ("price", "huge") else "classification")
    assert told(found, "group_overlap")["column"] == "category"
    assert "\x1b" not in repr(found)


@pytest.mark.parametrize("name", ["day", "zoned", "nano", "tiny", "odd"])
def test_a_time_of_any_type(name: str) -> None:
    """What is missing or not finite is no time, and said."""
    found = dq.pretrain(TRAIN, test=TEST, label="label", time=name, limits=HERE)
    train, test = (f[name].replace([float("nan"), float("inf")], None) if name == "odd" else f[name] for f in SPLITS)
    leaks = [c for c in found.checks if c["check"] == "time_leakage" and c["status"] == "fail"]
    assert [c["rows"] for c in leaks] == [(test <= train.max()).sum()]
    assert not {"'nan'", "'inf'"} & set(leaks[0]["message"].split())
    absent = [c["rows"] for c in found.checks if c["check"] == "time_leakage" and c["status"] == "warn"]
    assert absent == [n for n in (train.null_count(), test.null_count()) if n]


@pytest.mark.parametrize("name", ["clock", "span", "text", "vector"])
def test_what_is_no_time_is_said(name: str) -> None:
    with pytest.raises(dq.UsageError, match=rf"--time {name}: it is \w+, and [0-9]+ values of train are no time"):
        dq.pretrain(TRAIN, test=TEST, label="label", time=name, limits=HERE)


def test_other_types_in_test_are_told_one_by_one() -> None:
    other = TEST.with_columns(
        pl.col("tiny").cast(pl.String), pl.col("price").cast(pl.Float64), pl.col("day").cast(pl.Datetime),
        pl.col("flag").cast(pl.Int8), pl.col("record").struct.json_encode(), pl.col("nothing").cast(pl.String),
        pl.col("zoned").dt.replace_time_zone(None), pl.col("vector").cast(pl.List(pl.Float32)),
        pl.col("bytes").cast(pl.String), pl.col("clock").cast(pl.String), pl.col("span").cast(pl.Int64),
    ).drop("text")  # fmt: skip
    found = dq.pretrain(TRAIN, test=other, label="label", limits=HERE)
    layout = {c["column"]: c["status"] for c in found.checks if c["check"] == "layout"}
    worse = {"text", "tiny", "flag", "record", "bytes", "clock", "span"}
    assert {c for c, status in layout.items() if status == "fail"} == worse
    assert {c for c, status in layout.items() if status == "warn"} == {"price", "day", "zoned", "vector"}
