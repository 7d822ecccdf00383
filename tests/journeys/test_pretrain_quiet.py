"""Clean splits do not fail: few rows, rare classes, splits by time and by group. What is broken in them is told."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import polars as pl
import pytest

from tests.journeys.training import checked, failed, told

SEEDS = pytest.mark.parametrize("seed", [1, 2, 3])


def _parted(rows: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    mixed = rows.sample(fraction=1, shuffle=True, seed=seed)
    return mixed[rows.height // 5 :], mixed[: rows.height // 5]


def _measured(rows: int) -> pl.DataFrame:
    """Two classes that one measure tells apart but for one row in sixty."""
    told = [n % 2 if n % 60 else 1 - n % 2 for n in range(rows)]
    return pl.DataFrame({"size": told, "n": [n / 7 for n in range(rows)], "label": [n % 2 for n in range(rows)]})


def test_what_tells_few_rows_apart_is_no_leak_yet() -> None:
    for rows, grade in ((120, "warn"), (6_000, "fail")):
        found = told(checked(_measured(rows), _measured(100)), "target_leakage", column="size")
        assert (found["status"], round(found["measured"], 3)) == (grade, 0.967)


@SEEDS
def test_classes_that_are_rare_by_nature_are_missing_by_chance(seed: int) -> None:
    draw = random.Random(2)
    classes = [f"job {int(draw.paretovariate(0.7))}" for _ in range(1_000)]
    train, test = _parted(pl.DataFrame({"a": [draw.random() for _ in classes], "label": classes}), seed)
    found = told(checked(train, test), "label_unseen")
    assert (found["status"], "to be expected" in found["message"]) == ("warn", True)
    strange = test.with_columns(label=pl.when(pl.int_range(pl.len()) < 150).then(pl.lit("jbo")).otherwise("label"))
    assert told(checked(train, strange), "label_unseen")["status"] == "fail"
    train, test = (s.with_columns(label=pl.lit("a") + (pl.int_range(pl.len()) % 2).cast(str)) for s in (train, test))
    one = test.with_columns(label=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("b")).otherwise("label"))
    found = told(checked(train, one), "label_unseen")
    assert (found["status"], found["message"][:13]) == ("fail", "1 row of test")  # nothing in train is as rare


def _hours(rows: int) -> pl.DataFrame:
    """With a season, a trend and articles of their time."""
    draw, start = random.Random(3), datetime(2026, 1, 1)
    return pl.DataFrame(
        {
            "at": [start + timedelta(hours=n) for n in range(rows)],
            "level": [n / 100 + draw.gauss(0, 1) for n in range(rows)],
            "month": [(start + timedelta(hours=n)).month for n in range(rows)],
            "article": [f"a{n // 100}" for n in range(rows)],
            "label": [n / 50 + draw.gauss(0, 5) for n in range(rows)],
        }
    )


@pytest.mark.parametrize(
    ("roles", "kind"), [({"time": "at"}, None), ({}, None), ({}, pl.String)], ids=["named", "seen", "text"]
)
def test_a_split_by_time_drifts_by_nature(roles: dict[str, str], kind: pl.DataType | None) -> None:
    hours = _hours(4_000)
    hours = hours.with_columns(pl.col("at").cast(kind)) if kind else hours
    found = checked(hours[:3_000], hours[3_000:], **roles)
    assert found.success, found
    warned = {c["check"] for c in found.checks if c["status"] == "warn"}
    assert {"feature_drift", "label_shift", "unseen_categories"} <= warned
    mixed = hours.sample(fraction=1, shuffle=True, seed=1).drop("at")
    moved = mixed[3_000:].with_columns(pl.col("label") + 50, level=pl.col("level") * 9, month=pl.col("month") + 20)
    assert {"feature_drift", "label_shift"} <= failed(checked(mixed[:3_000], moved))


def test_rows_of_one_group_count_as_one() -> None:
    """Machines differ from each other, and their rows do not."""
    draw, rows = random.Random(4), []
    for machine in range(60):
        level, site = draw.gauss(0, 1), f"site {machine // 2}"
        rows += [(f"m{machine}", site, level + draw.gauss(0, 0.1), draw.random() < 0.5) for _ in range(50)]
    whole = pl.DataFrame(rows, schema=["machine", "site", "level", "label"], orient="row")
    cut = pl.col("machine").is_in([f"m{n}" for n in range(0, 60, 5)])
    train, test = whole.filter(~cut), whole.filter(cut)
    assert {c["check"] for c in checked(train, test, group="machine").checks if c["status"] != "pass"} <= {
        "contract", "contract_coverage", "weights",
    }  # fmt: skip
    broken = test.with_columns(pl.col("level") * 1000 + 500, site=pl.lit("nowhere"))
    found = checked(train, broken, group="machine")
    assert {"feature_drift", "unseen_categories"} <= failed(found)


@pytest.mark.parametrize("label", ["ill", "dose"])
def test_what_is_constant_in_a_group_knows_no_label_of_others(label: str) -> None:
    """Patients have an age and an outcome of their own, whatever visit it is."""
    draw, rows = random.Random(6), []
    for patient in range(200):
        age, dose = draw.gauss(50, 10), draw.gauss(0, 1)
        rows += [(patient, age, dose > 0, dose, draw.gauss(0, 1), dose * 2 + draw.gauss(0, 0.01)) for _ in range(6)]
    names = ["patient", "age", "ill", "dose", "visit", "told"]
    whole = pl.DataFrame(rows, schema=names, orient="row").drop({"ill", "dose"} - {label}).rename({label: "label"})
    cut = pl.col("patient") % 5 == 0
    found = checked(whole.filter(~cut), whole.filter(cut), group="patient")
    leaks = {c["column"]: c["status"] for c in found.checks if c["check"] == "target_leakage" and c["status"] != "pass"}
    assert leaks == {"told": "fail"}


@SEEDS
def test_few_rows_are_compared_as_far_as_they_tell(seed: int) -> None:
    draw = random.Random(5)
    rows = [(draw.gauss(0, 1), draw.choice("aabc"), draw.random() < 0.5) for _ in range(400)]
    train, test = _parted(pl.DataFrame(rows, schema=["size", "kind", "label"], orient="row"), seed)
    assert "feature_drift" not in {c["check"] for c in checked(train, test).checks if c["status"] in ("warn", "skip")}
    moved = checked(train, test.with_columns(pl.col("size") + 3))
    assert told(moved, "feature_drift", column="size")["status"] == "warn"
    assert "feature_drift" in failed(moved)
    assert "feature_drift" not in failed(checked(train, test.with_columns(pl.col("size") + 1)))  # one of two
    assert told(checked(train, test[:20]), "feature_drift")["status"] == "skip"


def test_numbers_that_landed_as_text_are_told_and_names_in_digits_are_not() -> None:
    rows = pl.DataFrame({
        "income": ["?" if n % 9 == 0 else f"{n * 13.25:,.2f}" for n in range(400)],
        "code": ["M" if n % 9 == 0 else f"{85_000 + n % 50}" for n in range(400)],
        "zip": [f"0{n % 40:04}" for n in range(400)], "label": [n % 2 for n in range(400)],
    })  # fmt: skip
    found = checked(rows[:300], rows[300:])
    warned = [c for c in found.checks if c["check"] == "numbers_as_text" and c["status"] == "warn"]
    assert [c["message"] for c in warned] == [
        "`income` is text, and 88.7% of its values in train are numbers; others are '?'"
    ]
