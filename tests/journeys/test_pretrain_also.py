"""What is checked before training only if asked for, and what a contract says of the splits."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import dq as package
from dq.config import Limits
from dq.ir.training import Training
from tests.journeys.conftest import Ran
from tests.journeys.landing import Place
from tests.journeys.training import HERE, checked, told

Dq = Callable[..., Ran]


def reviews(seed: int, count: int) -> pl.DataFrame:
    """Texts of 40 words, each by chance."""
    draw = random.Random(seed)
    words = [f"w{n}" for n in range(2_000)]
    texts = [" ".join(draw.choices(words, k=40)) for _ in range(count)]
    stars = [draw.randint(1, 5) for _ in range(count)]
    return pl.DataFrame({"text": texts, "stars": stars, "label": ["x", "y"] * (count // 2)})


def reworded(text: str) -> str:
    return text.replace(text.split()[20], "another", 1).upper()


def test_rows_that_are_nearly_those_of_train_are_found_and_counted() -> None:
    train, test = reviews(1, 300), reviews(2, 100)
    copies = train[:20].with_columns(pl.col("text").map_elements(reworded, return_dtype=pl.String))
    planted = pl.concat([copies, train[20:25], test[25:]])
    suite = Training(label="label", also=("near_duplicates",))
    found = package.pretrain(train, test=planted, suite=suite, limits=HERE)
    near = told(found, "near_duplicates")
    assert (near["status"], near["rows"], near["split"], near["explained"]) == ("warn", 20, "test", 0.0)
    assert "20 rows of test are nearly the same as one of train, by 80% or more" in near["message"]
    assert [(e["split"], e["row"]) for e in near["evidence"]] == [("test", 1), ("train", 1), ("test", 2), ("train", 2)]
    assert told(found, "row_overlap")["rows"] == 5
    assert not [c for c in checked(train, planted).checks if c["check"] == "near_duplicates"]
    strict = Training(label="label", also=("near_duplicates",), similarity=0.95)
    apart = package.pretrain(train, test=planted, suite=strict, limits=HERE)
    assert next(c["status"] for c in apart.checks if c["check"] == "near_duplicates") == "pass"


def test_near_duplicates_are_found_in_little_memory() -> None:
    train = reviews(1, 2_000)
    test = train[:100].with_columns(pl.col("text").map_elements(reworded, return_dtype=pl.String))
    suite, limits = Training(label="label", also=("near_duplicates",)), Limits(isolated=False, memory_bytes=50_000_000)
    assert told(package.pretrain(train, test=test, suite=suite, limits=limits), "near_duplicates")["rows"] == 100


def test_the_last_word_counts_once() -> None:
    """Ten runs of three words, of which one changes, and a number: ten of twelve are shared."""
    short = pl.col("text").str.split(" ").list.head(12)
    train, test = (reviews(seed, 100).with_columns(text=short.list.join(" ")) for seed in (1, 2))
    changed = train[:20].with_columns(text=short.list.head(11).list.join(" ") + " changed")
    suite = Training(label="label", also=("near_duplicates",))
    found = package.pretrain(train, test=pl.concat([changed, test[20:]]), suite=suite, limits=HERE)
    assert told(found, "near_duplicates")["rows"] == 20


def test_numbers_make_rows_near_too_and_near_twins_inside_train_explain_some() -> None:
    columns = {f"n{c}": [n * 7919 * (c + 3) % 10_007 for n in range(1000)] for c in range(12)}
    whole = pl.DataFrame({**columns, "label": ["x", "y"] * 500})
    twins = whole.with_columns(n3=-pl.col("n3") - 1)
    mixed = pl.concat([whole[:300], twins[:300], whole[300:]]).sample(fraction=1, shuffle=True, seed=1)
    suite = Training(label="label", also=("near_duplicates",))
    found = package.pretrain(mixed[260:], test=mixed[:260], suite=suite, limits=HERE)
    near = told(found, "near_duplicates")
    assert 60 < near["rows"] < 140  # 600 rows have a twin; 12 of 14 values are shared
    assert abs(near["rows"] - near["explained"]) < 40
    assert "; near twins inside train explain about" in near["message"]


def test_labels_that_are_wrong_are_doubted() -> None:
    n = pl.int_range(1200, eager=True)
    clean = pl.DataFrame({"a": n * 7919 % 1000, "b": (n % 3).cast(pl.String), "label": n * 7919 % 1000 >= 500})
    clean = clean.with_columns(pl.col("label").cast(pl.String))
    wrong = pl.col("label").replace_strict({"true": "false", "false": "true"})
    flipped = clean.with_columns(
        pl.when(pl.int_range(pl.len()) % 40 == 7).then(wrong).otherwise("label").alias("label")
    )
    suite = Training(label="label", also=("label_issues",))
    found = package.pretrain(flipped[:1000], test=clean[1000:], suite=suite, limits=HERE)
    issues = told(found, "label_issues")
    assert issues["status"] == "warn"
    assert 20 <= issues["rows"] <= 30  # 25 are
    assert "labels of train are probably wrong; first 'false' rather than 'true'" in issues["message"].replace(
        "'true' rather than 'false'", "'false' rather than 'true'"
    )
    assert {(e["row"] - 1) % 40 for e in issues["evidence"]} == {7}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DQ_ISOLATED", "false")
    rows = pl.DataFrame({"id": range(500), "age": [n % 70 for n in range(500)], "y": ["a", "b"] * 250})
    rows[:400].write_csv("train.csv")
    rows[400:].with_columns(age=pl.when(pl.col("id") < 403).then(-1).otherwise("age")).write_csv("test.csv")
    return tmp_path


SPLITS = ("pretrain", "--train", "train.csv", "--test", "test.csv", "--label", "y", "--id", "id")


def test_what_is_asked_for_has_a_name(place: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = dq(*SPLITS, "--also", "near_duplicate")
    assert (ran.code, ran.err) == (
        2, 'dq: --also "near_duplicate" (did you mean "near_duplicates"?): near_duplicates, label_issues\n'
    )  # fmt: skip
    Path("m.pretrain.yaml").write_text("label: y\nalso: [near_dups]\n")
    ran = dq(*SPLITS, "--suite", "m.pretrain.yaml")
    assert ran.err == 'dq: m.pretrain.yaml:2: also: "near_dups" is none of near_duplicates, label_issues\n'
    Path("m.pretrain.yaml").write_text("label: y\nsimilarity: 2\n")
    assert dq(*SPLITS, "--suite", "m.pretrain.yaml").err.startswith("dq: m.pretrain.yaml:2: similarity: ")
    Path("m.pretrain.yaml").write_text("label: y\nalso: near_duplicates\nsimilarity: 0.5\n")
    (document,) = dq(*SPLITS, "--suite", "m.pretrain.yaml", "--json").documents
    assert "near_duplicates" in {c["check"] for c in document["checks"]}
    whole = importlib.util.find_spec
    monkeypatch.setattr("dq.training.find_spec", lambda name: None if name == "cleanlab" else whole(name))
    ran = dq(*SPLITS, "--also", "label_issues")
    assert (ran.code, ran.err) == (
        2,
        "dq: --also label_issues: cleanlab finds them; install the extra: pip install 'dq-gate[cleanlab]'\n",
    )


CONTRACT = """source: people
csv: {delimiter: ","}
columns:
  id: {type: int64, unique: true}
  age: {type: int64, min: 0, max: {value: 68, severity: warn}}
  y: {allowed: [a, b]}
checks:
  - {row_count: ">= 400"}
"""


def test_every_split_is_held_against_the_contract(place: Path, dq: Dq) -> None:
    Path("people.yaml").write_text(CONTRACT)
    ran = dq(*SPLITS, "--suite", "people.yaml", "--json")
    assert ran.code == 1
    found = [c for c in ran.documents[0]["checks"] if c["check"] == "contract"]
    assert [(c["id"], c["split"], c["status"], c["rows"]) for c in found] == [
        ("age.contract", "test", "fail", 3), ("age.contract#2", "train", "warn", 5),
        ("age.contract#3", "test", "warn", 2),
    ]  # fmt: skip
    assert found[0]["message"].startswith("test breaks `age.range` of the contract: 3 rows")
    assert found[0]["evidence"][0] == {"split": "test", "file": "test.csv", "row": 2, "values": {"age": "-1"}}
    Path("people.yaml").write_text(CONTRACT.replace("min: 0", "min: -1").replace("68", "69"))
    (document,) = dq(*SPLITS, "--suite", "people.yaml", "--json").documents
    (kept,) = [c for c in document["checks"] if c["check"] == "contract"]
    assert (kept["status"], kept["message"].partition(":")[0]) == ("pass", "train keeps the contract")
    Path("people.yaml").write_text(CONTRACT)
    Path("m.pretrain.yaml").write_text("label: y\ncontract: people.yaml\nthresholds: {contract: {fail: null}}\n")
    (document,) = dq(*SPLITS, "--suite", "m.pretrain.yaml", "--json").documents
    assert {c["status"] for c in document["checks"] if c["check"] == "contract"} == {"warn"}


def test_a_contract_compares_splits_with_other_data(place: Path, dq: Dq) -> None:
    pl.DataFrame({"id": range(450)}).write_csv("known.csv")
    Path("rules.dqdl").write_text('Rules = [ ReferentialIntegrity "id" "known.id" = 1.0 ]')
    Path("people.yaml").write_text(
        'source: people\ncsv: {delimiter: ","}\ninclude: [{suite: rules.dqdl, references: {known: known.csv}}]\n'
    )
    (document,) = dq(*SPLITS, "--suite", "people.yaml", "--json").documents
    found = [(c["split"], c["status"]) for c in document["checks"] if c["check"] == "contract"]
    assert found == [("test", "fail")], document["checks"]
    Path("known.csv").unlink()
    (document,) = dq(*SPLITS, "--suite", "people.yaml", "--json").documents
    assert [c["status"] for c in document["checks"] if c["check"] == "contract"] == ["fail", "fail"]


def test_published_data_was_judged_when_it_was_published(tmp_path: Path, dq: Dq) -> None:
    place = Place(tmp_path, people='layout: "dt={date:%Y-%m-%d}"\ncolumns: {id: {unique: true}}\n')
    for day in (1, 2):
        rows = pl.DataFrame({"id": range(200), "a": [n * day % 97 for n in range(200)], "y": ["a", "b"] * 100})
        place.put(f"people/dt=2026-03-0{day}/a.parquet", rows)
    place.gate("people")
    ran = dq("pretrain", "--train", "dq://people?until=2026-03-01", "--test", "dq://people?since=2026-03-02",
             "--label", "y", "--json", at=tmp_path)  # fmt: skip
    (one,) = [c for c in ran.documents[0]["checks"] if c["check"] == "contract"]
    assert one["status"] == "skip"
