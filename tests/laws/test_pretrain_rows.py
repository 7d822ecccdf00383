"""Rows across splits against the plainest way to count them, on few values with everything that compares oddly."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

import dq
from dq.config import Limits

VALUES: dict[str, tuple[pl.DataType, list[Any]]] = {
    "number": (pl.Float64(), [0.0, -0.0, 1.5, float("nan"), float("inf"), None]),
    "whole": (pl.Int64(), [0, 1, 2**53 + 1, 2**53, None]),
    "word": (pl.String(), ["", "a", "A", "a ", "ä", "?", None]),
    "flag": (pl.Boolean(), [True, False, None]),
    "list": (pl.List(pl.Int64()), [[], [1], [1, 2], [None], None]),
}
NAMES = st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True)
LABELS = ["x", "y", None]


def canonical(value: Any) -> Any:
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value + 0.0
    return tuple(value) if isinstance(value, list) else value


@st.composite
def splits(draw: Any) -> tuple[dict[str, list[tuple[Any, ...]]], list[str]]:
    names = draw(NAMES)
    row = st.tuples(*(st.sampled_from(VALUES[n][1]) for n in names), st.sampled_from(LABELS))
    return {s: draw(st.lists(row, min_size=1, max_size=12)) for s in ("train", "val", "test")}, names


@given(splits())
@settings(max_examples=8, deadline=None, derandomize=True)
def test_rows_are_counted_as_by_hand(drawn: tuple[dict[str, list[tuple[Any, ...]]], list[str]]) -> None:
    rows, names = drawn
    schema = {n: VALUES[n][0] for n in names} | {"label": pl.String()}
    frames = {s: pl.DataFrame(r, schema=schema, orient="row", strict=False) for s, r in rows.items()}
    found = dq.pretrain(
        frames["train"], val=frames["val"], test=frames["test"], label="label", task="classification",
        limits=Limits(isolated=False),
    )  # fmt: skip
    keyed = {s: [(*map(canonical, r[:-1]),) for r in listed] for s, listed in rows.items()}
    counts = {s: Counter(k) for s, k in keyed.items()}
    for check, expected in (("row_overlap", overlaps(counts)), ("duplicate_rows", duplicates(counts))):
        told = [c["rows"] for c in found.checks if c["check"] == check and c["status"] != "pass"]
        assert sorted(told) == sorted(n for n in expected if n), check
    labels: dict[Any, set[Any]] = {}
    for key, row in zip(keyed["train"], rows["train"], strict=True):
        labels.setdefault(key, set()).add(row[-1])
    conflicting = sum(n for k, n in counts["train"].items() if len(labels[k] - {None}) > 1)
    assert [c["rows"] for c in found.checks if c["check"] == "conflicting_labels"] == [conflicting]


def overlaps(counts: dict[str, Counter[Any]]) -> list[int]:
    pairs = (("train", "val"), ("train", "test"), ("val", "test"))
    return [sum(n for k, n in counts[b].items() if k in counts[a]) for a, b in pairs]


def duplicates(counts: dict[str, Counter[Any]]) -> list[int]:
    return [sum(n - 1 for n in c.values()) for c in counts.values()]
