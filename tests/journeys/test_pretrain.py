"""Checks before training on real data: what is wrong with it is found, what is planted too, clean splits pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import dq as package
from dq.training import Checked
from tests.data.bundled import ADULT_TEST, ADULT_TRAIN, SUITES, TITANIC
from tests.journeys.conftest import Ran
from tests.journeys.training import HERE, SHARES, checked, failed, parted, retail, told, trips

Dq = Callable[..., Ran]
ROLES = {"id": "row", "group": "group", "time": "at", "weight": "weight"}
TIMELESS = {k: v for k, v in ROLES.items() if k != "time"}
WHOLE = pytest.mark.parametrize("whole", [retail, trips], ids=["retail", "trips"])


def first(*values: Any, n: int = 1) -> list[Any]:
    """The first n of what is tried, the others in a soak."""
    return [*values[:n], *(pytest.param(v, marks=pytest.mark.soak) for v in values[n:])]


@cache
def clean(whole: Callable[[], pl.DataFrame], seed: int, roles: bool) -> Checked:
    return checked(*parted(whole(), seed), **(ROLES if roles else {}))


def test_adult_as_it_was_published(dq: Dq) -> None:
    """Without a contract: labels with a full stop, words for missing values, rows that repeat."""
    ran = dq("pretrain", "--train", ADULT_TRAIN, "--test", ADULT_TEST, "--label", "column14", "--json")
    (document,) = ran.documents
    assert ran.code == 1
    checks = {c["id"]: c for c in document["checks"]}
    assert [c["check"] for c in document["checks"] if c["status"] == "fail"] == ["label_unseen"]
    labels = checks["column14.label_unseen"]
    assert (labels["rows"], labels["measured"]) == (16_281, 1.0)
    assert "every value of `column14` in test ends in '.', none in train" in labels["message"]
    assert labels["evidence"][0]["values"]["column14"] == "<=50K."
    assert checks["column1.missing_words"]["rows"] == 1_836
    assert checks["column1.missing_words#2"]["rows"] == 963
    assert checks["table.duplicate_rows"]["rows"] == 25
    assert checks["table.row_overlap"]["rows"] == 26
    assert checks["table.row_overlap"]["status"] == "warn"
    assert checks["table.conflicting_labels"]["rows"] == 2


def test_adult_under_its_suite(dq: Dq) -> None:
    """Question marks are missing values then, and the weight is no feature."""
    ran = dq("pretrain", "--train", ADULT_TRAIN, "--test", ADULT_TEST, "--suite", SUITES / "adult.pretrain.yaml")
    assert ran.code == 1
    assert ran.out.startswith("FAIL train 32,561 rows, test 16,281 rows; label income (classification), 13 features: ")
    assert "the label classes differ in spelling only" in ran.out
    assert "missing_words" in ran.out.split("passed: ")[1]
    assert "race = •••" not in ran.out.split("passed: ")[1]


@pytest.mark.parametrize("seed", first(1, 2, 3))
def test_titanic_split_in_two_warns_at_most(seed: int) -> None:
    whole = pl.read_csv(TITANIC).sample(fraction=1, shuffle=True, seed=seed)
    for roles in ({}, {"suite": SUITES / "titanic.pretrain.yaml"}):
        found = package.pretrain(whole[178:], test=whole[:178], label="Survived", limits=HERE, **roles)
        assert found.success, found
        assert {c["check"] for c in found.checks if c["status"] == "warn"} <= {"id_like_features", "missing_values"}


@WHOLE
@pytest.mark.parametrize("seed", first(1, 2))
def test_clean_random_splits_do_not_fail(whole: Callable[[], pl.DataFrame], seed: int) -> None:
    train, test = parted(whole(), seed)
    found = checked(train, test, **ROLES)
    assert found.success, found
    natural = {"row_overlap", "duplicate_rows", "conflicting_labels", "missing_values", "id_like_features"}
    natural |= {"missing_words", "target_leakage", "constant_features"}
    assert {c["check"] for c in found.checks if c["status"] == "warn"} <= natural
    without = checked(train.drop("row", "at", "group"), test.drop("row", "at", "group"), weight="weight")
    assert without.success, without


@WHOLE
@pytest.mark.parametrize("share", first(*SHARES, n=2))
def test_planted_leaks_are_found_and_counted(whole: Callable[[], pl.DataFrame], share: float) -> None:
    """Rows, ids, groups, times of train in test, each in rows of their own."""
    train, test = parted(whole(), 7)
    k = max(8, round(share * test.height))
    features = [c for c in test.columns if c not in ROLES.values()]
    natural = told(clean(whole, 7, True), "row_overlap", split="test")
    copies = pl.concat([train[:k].select(features), test[:k].drop(features)], how="horizontal")
    planted = pl.concat([copies.select(test.columns), test[k:]]).with_row_index("n").with_columns(
        row=pl.when(pl.col("n").is_between(k, 2 * k - 1)).then(train["row"][0] + pl.col("n") - k).otherwise("row"),
        group=pl.when(pl.col("n").is_between(2 * k, 3 * k - 1)).then(train["group"][5]).otherwise("group"),
        at=pl.when(pl.col("n").is_between(3 * k, 4 * k - 1)).then(train["at"].min()).otherwise("at"),
    )  # fmt: skip
    found = checked(train, planted.drop("n").cast(dict(test.schema)), **ROLES)
    for check in ("id_overlap", "group_overlap", "time_leakage"):
        one = told(found, check, split="test")
        assert (one["status"], one["rows"]) == ("fail", k + (0 if check != "group_overlap" else one["rows"] - k)), check
        assert one["evidence"][0]["split"] == "test"
    overlap = told(found, "row_overlap", split="test")
    assert abs(overlap["rows"] - natural["rows"] - k) <= 0.05 * k + 3
    assert overlap["explained"] == natural["explained"]  # train alone tells: what is beyond it are the plants
    assert abs(overlap["rows"] - overlap["explained"] - k) <= 0.05 * k + 4 * overlap["explained"] ** 0.5
    said = f"duplicates inside train explain about {overlap['explained']:,.0f}"
    assert (said in overlap["message"]) == bool(overlap["explained"])
    grades = ("fail",) if k >= 4 * overlap["explained"] ** 0.5 else ("fail", "warn")
    assert overlap["status"] in grades


@WHOLE
@pytest.mark.parametrize("share", first(*SHARES, n=2))
def test_planted_faults_of_values_are_found_and_counted(whole: Callable[[], pl.DataFrame], share: float) -> None:
    train, test = parted(whole(), 8)
    k = max(8, round(share * test.height))
    n = pl.int_range(pl.len())

    def planted(place: int, value: object, name: str) -> pl.Expr:
        return pl.when(n.is_between(place * k, place * k + k - 1)).then(value).otherwise(name).alias(name)

    broken = test.with_columns(planted(0, None, "label"), planted(2, pl.lit("new"), "kind")).with_columns(
        planted(1, pl.lit("Yes"), "label"), planted(3, float("nan"), "number"), planted(6, -1.0, "weight"),
        planted(7, pl.concat_list(pl.lit(0.5)), "vector"),
    )  # fmt: skip
    broken = broken.with_columns(planted(4, float("inf"), "number")).with_columns(planted(5, 1e39, "number"))
    found = checked(train.drop("at"), broken.drop("at"), **TIMELESS)
    wanted = {
        "label_missing": "fail", "label_unseen": "fail", "unseen_categories": "fail" if share > 0.05 else "warn",
        "not_a_number": "warn", "infinite_values": "fail", "float32_overflow": "fail", "weights": "fail",
        "list_length": "fail",
    }  # fmt: skip
    for check, status in wanted.items():
        one = told(found, check, split="test")
        assert (one["status"], one["rows"]) == (status, k), check


@WHOLE
@pytest.mark.parametrize("share", first(*SHARES))
def test_planted_knowledge_of_the_label_is_found(whole: Callable[[], pl.DataFrame], share: float) -> None:
    """A feature that is the label but in a share of the rows, one that is missing by the label, twins that disagree."""
    train, test = parted(whole(), 9)
    k = max(8, round(share * train.height))
    other = (pl.col("label") == "true") ^ (pl.int_range(pl.len()) % round(1 / share) == 0)
    leaks = [
        other.cast(pl.Int8).alias("leak"),
        pl.when(other).then(pl.lit(1.5)).alias("gap"),
        pl.col("label").replace_strict({"true": "T", "false": "F"}).alias("renamed"),
    ]
    found = checked(train.with_columns(leaks), test.with_columns(leaks), **ROLES)
    assert told(found, "target_leakage", column="renamed")["message"].startswith("`renamed` is the label `label` under")
    grades = ("fail",) if share < 0.01 else ("fail", "warn")
    assert told(found, "target_leakage", column="leak")["status"] in grades
    assert told(found, "missingness_leakage", column="gap")["status"] in grades
    twins = train[:k].with_columns(
        label=pl.when(pl.col("label") == "true").then(pl.lit("false")).otherwise(pl.lit("true"))
    )
    found = checked(pl.concat([train, twins]), test)
    before = clean(whole, 9, False)
    assert told(found, "conflicting_labels")["rows"] - _rows(before, "conflicting_labels") == 2 * k
    assert told(found, "duplicate_rows", split="train")["rows"] - _rows(before, "duplicate_rows") == k


def _rows(found: Checked, check: str) -> int:
    return sum(c["rows"] for c in found.checks if c["check"] == check and c["split"] == "train")


def test_a_label_that_is_a_number() -> None:
    """Of a regression, features that know the label, straight or bent, and a label that moved."""
    whole = trips().with_columns(label=pl.col("fare_amount")).drop("fare_amount")
    whole = whole.sample(fraction=1, shuffle=True, seed=4)
    train, test = whole[8000:], whole[:8000]
    assert checked(train, test).success
    bent = (pl.col("label").clip(0, 100) - 30) ** 2
    train = train.with_columns(twice=pl.col("label") * 2 + 1, bent=bent)
    test = test.with_columns(twice=pl.col("label") * 2 + 1, bent=bent, label=pl.col("label") * 2)
    found = checked(train, test)
    assert found.document["task"] == "regression"
    assert told(found, "target_leakage", column="twice")["message"].startswith("`twice` is the label")
    assert told(found, "target_leakage", column="bent")["status"] == "warn"
    assert told(found, "label_shift")["status"] == "fail"
    assert told(found, "conflicting_labels")["status"] == "skip"


def test_features_that_drift_are_told_one_by_one_and_fail_together() -> None:
    train, test = parted(trips(), 3)
    moved = test.with_columns(pl.col("trip_distance") * 3, pl.col("kind").replace({"a": "b"}))
    found = checked(train, moved, **ROLES)
    assert {c["column"] for c in found.checks if c["check"] == "feature_drift"} == {"trip_distance", "kind"}
    assert found.success
    numbers = [c for c in test.columns if test.schema[c] == pl.Float64 and c not in ("weight", "number")]
    shifted = test.with_columns(pl.col(c) * 3 + 1 for c in numbers)
    assert "feature_drift" in failed(checked(train.drop("at"), shifted.drop("at"), **TIMELESS))
    assert checked(train, shifted, **ROLES).success  # a split by time drifts by nature


def test_types_that_differ_do_not_hide_equal_rows(tmp_path) -> None:  # type: ignore[no-untyped-def]
    train = pl.DataFrame({"a": range(300), "b": [n / 4 for n in range(300)], "label": ["x", "y"] * 150})
    test = train[:100].with_columns(pl.col("a").cast(pl.Float64), pl.col("b").cast(pl.Float32))
    found = checked(train, test)
    assert told(found, "row_overlap")["rows"] == 100
    assert {c["column"] for c in found.checks if c["check"] == "layout"} == {"a", "b"}
    zero = pl.DataFrame({"a": [0.0, float("nan"), None], "label": ["x", "y", "x"]})
    assert told(checked(pl.concat([zero] * 40), zero.with_columns(-pl.col("a"))), "row_overlap")["rows"] == 3


def test_rounding_is_a_choice() -> None:
    train = pl.DataFrame({"a": [n / 7 for n in range(300)], "label": ["x", "y"] * 150})
    test = train.with_columns(pl.col("a") + 1e-9)
    from dq.ir.training import Training

    assert _overlap(train, test, Training(label="label")) == 0
    assert _overlap(train, test, Training(label="label", digits=6)) == 300


def _overlap(train: pl.DataFrame, test: pl.DataFrame, suite: object) -> int:
    found = package.pretrain(train, test=test, suite=suite, limits=HERE)
    return int(next(c["rows"] for c in found.checks if c["check"] == "row_overlap"))


def test_rows_are_compared_by_value_behind_their_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were every row's hash the same, the answer would be the same."""
    from dq.pretrain import rows

    train, test = parted(retail()[:4000], 5)
    wanted = [(c["id"], c["rows"]) for c in checked(train, test, id="row").checks if c["check"] == "row_overlap"]
    text = Path(str(rows.__file__)).read_text()
    source = text.replace("f\"hash({', '.join(values)})\"", '"hash(1)"')
    assert source != text
    monkeypatch.setattr(rows, "_group", _compiled(source)["_group"])
    assert [
        (c["id"], c["rows"]) for c in checked(train, test, id="row").checks if c["check"] == "row_overlap"
    ] == wanted


def _compiled(source: str) -> dict[str, object]:
    names: dict[str, object] = {}
    exec(compile(source, "rows.py", "exec"), names)
    return names
