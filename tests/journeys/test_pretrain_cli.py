"""`dq pretrain` as it is typed: bad input in one plain line, exit codes, text, the record, published data."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import dq as package
from dq.config import Limits
from dq.isolation.apart import work
from tests.journeys.conftest import Ran
from tests.journeys.landing import Place

Dq = Callable[..., Ran]
ROWS = pl.DataFrame(
    {
        "id": range(1000),
        "a": [n * 7919 % 1000 / 7 for n in range(1000)],
        "b": ["x", "y", "z", "y"] * 250,
        "y": [n * 31 % 7 % 2 for n in range(1000)],
    }
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Splits, good and bad. Judged in this process, but where a test says otherwise."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DQ_ISOLATED", "false")
    train, test = ROWS[:800], ROWS[800:]
    train.write_csv("train.csv")
    test.write_csv("test.csv")
    test.select("b", "a", "id", "y").write_csv("order.csv")
    test.with_columns(a=pl.lit("abc")).write_csv("types.csv")
    test.write_parquet("test.parquet")
    test[:0].write_csv("empty.csv")
    train.with_columns(y=1).write_csv("one.csv")
    shutil.copy("train.csv", "same.csv")
    Path("nothing.csv").touch()
    for name, rows in (("train", train), ("test", test)):
        Path("all", name).mkdir(parents=True)
        rows.write_csv(f"all/{name}/part.csv")
    os.mkfifo("pipe")
    return tmp_path


TRAIN, TEST, LABEL = ("--train", "train.csv"), ("--test", "test.csv"), ("--label", "y")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*TRAIN, *TEST, "--label", "why"), "--label why: train has no such column; it has id, a, b, y"),
        ((*TRAIN, *TEST, *LABEL, "--id", "idd"), '--id idd: train has no such column (did you mean "id"?); it has'),
        ((*TRAIN, *TEST), "which column is the label? name it: --label COLUMN"),
        ((*TRAIN, *LABEL), "train is compared with nothing: name --test, --val, or both"),
        ((*TRAIN, "--test", "nothing.csv", *LABEL), "--test nothing.csv: nothing.csv is empty"),
        ((*TRAIN, "--test", "train.csv", *LABEL), "--train train.csv and --test train.csv both hold train.csv"),
        (("--train", "all", *TEST, *LABEL), "--train all: holds several splits (test, train); name one: --trai"),
        (("--train", "pipe", *TEST, *LABEL), "pipe: is a pipe, which can be read only once; use the input mode"),
        (("--train", "no.csv", *TEST, *LABEL), "no.csv: no such file, folder or pattern with data files in it"),
        ((*TRAIN, *TEST, *LABEL, "--time", "b"), "--time b: it is string, and 800 values of train are no time"),
        ((*TRAIN, *TEST, "--label", "b", "--task", "regression"), "--task regression: the label b is string"),
        ((*TRAIN, *TEST, *LABEL, "--task", "guess"), '--task "guess": auto, classification or regression'),
        ((*TRAIN, *TEST, *LABEL, "--features", "a,y"), "--features y: it plays another part already"),
        ((*TRAIN, *TEST, *LABEL, "--suite", "no.pretrain.yaml"), "no.pretrain.yaml: No such file or directory"),
    ],
    ids=lambda v: v[:30].replace("/", "_") if isinstance(v, str) else "",
)  # fmt: skip
def test_bad_input_is_said_in_one_line(place: Path, dq: Dq, arguments: tuple[str, ...], said: str) -> None:
    ran = dq("pretrain", *arguments)
    assert ran.code == 2
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert line.startswith(f"dq: {said}")


@pytest.mark.parametrize(
    ("arguments", "code", "check", "said"),
    [
        ((*TRAIN, "--test", "empty.csv"), 1, "table.split_rows", "test is empty"),
        (("--train", "empty.csv", *TEST), 1, "table.split_rows", "train is empty"),
        (("--train", "one.csv", *TEST), 1, "y.label_classes", "one class only in train: '1'"),
        ((*TRAIN, "--test", "order.csv"), 0, "table.layout", "the columns of test are in another order"),
        ((*TRAIN, "--test", "types.csv"), 1, "a.layout", "`a` is string in test, double in train"),
        ((*TRAIN, "--test", "same.csv"), 1, "table.identical_splits", "test is train: their files are the same"),
    ],
    ids=["empty_test", "empty_train", "one_class", "order", "types", "same"],
)  # fmt: skip
def test_bad_data_is_a_result(
    place: Path, dq: Dq, arguments: tuple[str, ...], code: int, check: str, said: str
) -> None:
    ran = dq("pretrain", *arguments, *LABEL, "--id", "id", "--json")
    (document,) = ran.documents
    assert ran.code == code
    assert next(c for c in document["checks"] if c["id"] == check)["message"].startswith(said)


def test_good_splits_in_text_and_parquet(place: Path, dq: Dq) -> None:
    ran = dq("pretrain", *TRAIN, "--test", "test.parquet", *LABEL, "--id", "id")
    assert ran.code == 0
    head, *_ = ran.out.splitlines()
    assert head.startswith("PASS train 800 rows, test 200 rows; label y (classification), 2 features: ")


def test_every_slip_in_a_suite_is_told_with_its_line(place: Path, dq: Dq) -> None:
    Path("bad.pretrain.yaml").write_text(
        "labl: y\nthresholds:\n  row_overlap: {wrn: 1}\n  rowoverlap: {fail: 1}\n  weights: {}\ntask: guess\n"
    )
    ran = dq("pretrain", *TRAIN, *TEST, "--suite", "bad.pretrain.yaml")
    assert (ran.code, ran.err.splitlines()) == (2, [
        'dq: bad.pretrain.yaml:1: unknown key "labl" (did you mean "label"?)',
        'bad.pretrain.yaml:3: unknown key "wrn" in thresholds.row_overlap (did you mean "warn"?)',
        'bad.pretrain.yaml:4: unknown key "rowoverlap" in thresholds (did you mean "row_overlap"?)',
        "bad.pretrain.yaml:5: thresholds.weights: it is empty",
        'bad.pretrain.yaml:6: task: "guess" is none of auto, classification, regression',
    ])  # fmt: skip
    Path("bad.pretrain.yaml").write_text(
        "label: y\nhorizon: 7x\nthresholds: {target_leakage: {warn: 0.99, fail: 0.9}}\n"
    )
    assert dq("pretrain", *TRAIN, *TEST, "--suite", "bad.pretrain.yaml").err.splitlines() == [
        'dq: bad.pretrain.yaml:2: horizon: "7x" is no duration; durations are like 30s, 5m, 12h, 1d, 2w',
        "bad.pretrain.yaml:3: thresholds.target_leakage: warn 0.99 is never reached before fail 0.9",
    ]


def test_thresholds_and_roles_of_a_suite_are_those_of_the_checks(place: Path, dq: Dq) -> None:
    Path("m.pretrain.yaml").write_text(
        "label: y\nid: id\nthresholds:\n  split_rows: {warn: 500, fail: 300}\n  row_overlap: {warn: null, fail: null}\n"
    )
    ran = dq("pretrain", *TRAIN, *TEST, "--suite", "m.pretrain.yaml", "--json")
    (document,) = ran.documents
    assert (ran.code, document["roles"]["id"]) == (1, ["id"])
    failed = [c for c in document["checks"] if c["status"] == "fail"]
    assert [(c["id"], c["limit"]) for c in failed] == [
        ("table.split_rows", {"warn": 500, "fail": 300, "lower": True}),
    ]
    assert (
        dq("pretrain", *TRAIN, *TEST, "--suite", "m.pretrain.yaml", "--label", "b", "--json").documents[0]["label"]
        == "b"
    )


def test_a_horizon_lies_between_the_splits(place: Path, dq: Dq) -> None:
    days = [f"2026-01-{d:02}" for d in range(1, 21)]
    pl.DataFrame({"at": days[:10] * 20, "a": range(200), "y": [0, 1] * 100}).write_csv("before.csv")
    pl.DataFrame({"at": days[12:] * 20, "a": range(160), "y": [0, 1] * 80}).write_csv("after.csv")
    for horizon, code in (("2d", 0), ("3d", 0), ("4d", 1)):
        Path("m.pretrain.yaml").write_text(f"label: y\ntime: at\nhorizon: {horizon}\n")
        ran = dq("pretrain", "--train", "before.csv", "--test", "after.csv", "--suite", "m.pretrain.yaml", "--json")
        found = {c["check"]: c["status"] for c in ran.documents[0]["checks"]}
        assert found["time_leakage"] == ("fail" if code else "pass"), horizon


def test_personal_data_is_not_shown(place: Path, dq: Dq) -> None:
    rows = ROWS.with_columns(mail=pl.format("ann{}@example.com", "id"), name=pl.format("Ann {}", pl.col("id") % 50))
    rows[:800].write_csv("p.csv")
    pl.concat([rows[:100], rows[800:].with_columns(name=pl.lit("Bertha Unseen"))]).write_csv("q.csv")
    Path("people.yaml").write_text('source: people\ncsv: {delimiter: ","}\ncolumns: {name: {pii: true}, b: {}}\n')
    Path("m.pretrain.yaml").write_text("label: y\nid: mail\ncontract: people.yaml\n")
    ran = dq(
        "pretrain", "--train", "p.csv", "--test", "q.csv", "--suite", "m.pretrain.yaml", "--json", "--out", "r.json"
    )
    assert ran.code == 1
    checks = {c["id"]: c for c in ran.documents[0]["checks"]}
    assert checks["mail.id_overlap"]["rows"] == 100
    assert checks["mail.id_overlap"]["evidence"][0]["values"]["mail"] == "•••"
    assert "•••" in checks["name.unseen_categories"]["message"]
    for text in (ran.out, dq("pretrain", "--train", "p.csv", "--test", "q.csv", "--suite", "m.pretrain.yaml").out):
        assert "ann1" not in text
        assert "Bertha" not in text
    assert "ann1" not in Path("r.json").read_text()


def test_what_was_validated_is_known_again_by_content(place: Path, dq: Dq, tmp_path: Path) -> None:
    arguments = ("pretrain", "--train", "all/train", *TEST, *LABEL, "--id", "id")
    assert dq(*arguments, "--out", "dq-pretrain.json").code == 0
    record = json.loads(Path("dq-pretrain.json").read_text())
    assert record["schema"] == "dq.pretrain/1"
    channel = tmp_path / "opt" / "input" / "train"
    channel.mkdir(parents=True)
    shutil.copy("all/train/part.csv", channel / "0001.csv")
    (channel / "_SUCCESS").touch()
    assert package.require_validated(channel) == "train"
    assert package.require_validated("test.csv", record=place / "dq-pretrain.json", split="test") == "test"
    with pytest.raises(package.ContractViolation, match=r"is not what dq-pretrain.json validated: none of its files"):
        package.require_validated("order.csv", split="train")
    with pytest.raises(package.ContractViolation, match=r"is not what dq-pretrain.json validated as train: it is test"):
        package.require_validated("test.csv", split="train")
    shutil.copy("order.csv", channel / "0002.csv")
    with pytest.raises(package.ContractViolation, match=r"1 of its 2 files are among the 1 of train"):
        package.require_validated(channel)
    with pytest.raises(package.UsageError, match=r"knows no split dev; it has train, test"):
        package.require_validated("test.csv", split="dev")
    with pytest.raises(package.UsageError, match=r"is a pipe, which can be read only once"):
        package.require_validated("pipe")
    with pytest.raises(package.UsageError, match=r"no.json: No such file or directory; dq pretrain writes it"):
        package.require_validated("test.csv", record="no.json")
    with pytest.raises(package.UsageError, match=r"train.csv is no record of dq pretrain"):
        package.require_validated("test.csv", record="train.csv")
    profile = {s["name"]: s["profile"] for s in record["splits"]}
    ROWS[:800].write_parquet("train.parquet")
    again = package.pretrain("train.parquet", test=ROWS[800:], label="y", id="id").document
    assert {s["name"]: s["profile"] for s in again["splits"]} == profile


def test_data_that_failed_is_refused(place: Path, dq: Dq) -> None:
    assert dq("pretrain", *TRAIN, "--test", "same.csv", *LABEL, "--out", "dq-pretrain.json").code == 1
    with pytest.raises(package.ContractViolation, match=r"was validated and failed .*table.identical_splits"):
        package.require_validated("train.csv")
    with pytest.raises(package.ContractViolation, match=r"test is train"):
        package.pretrain("train.csv", test="same.csv", label="y").raise_for_failure()
    assert dq("pretrain", *TRAIN, *TEST, *LABEL, "--out", "no/dq.json").err.startswith("dq: --out no/dq.json: No such")


def test_published_data_of_a_time(tmp_path: Path, dq: Dq) -> None:
    place = Place(tmp_path, trips='layout: "dt={date:%Y-%m-%d}"\n')
    for day in range(1, 6):
        place.put(f"trips/dt=2026-03-0{day}/part.parquet", ROWS[(day - 1) * 200 : day * 200])
    place.gate("trips")
    ends = ("--train", "dq://trips?until=2026-03-04", "--test", "dq://trips?since=2026-03-05")
    ran = dq("pretrain", *ends, *LABEL, "--id", "id", "--json", at=tmp_path)
    assert ran.code == 0, ran.err
    assert [(s["name"], s["rows"], len(s["files"])) for s in ran.documents[0]["splits"]] == [
        ("train", 800, 4),
        ("test", 200, 1),
    ]
    for wrong, said in (
        ("dq://trips?sinc=2026-01-01", 'unknown sinc (did you mean "since"?)'),
        ("dq://trips?since=soon", '"soon": write it like 2026-03-01'),
        ("dq://trips?since=2027-01-01", "trips has published nothing of that time"),
        ("dq://trip", "no contract for source trip"),
    ):
        ran = dq("pretrain", "--train", wrong, *ends[2:], *LABEL)
        assert ran.code == 2
        assert said in ran.err


def test_what_is_hostile_ends_a_process_of_its_own(place: Path, monkeypatch: pytest.MonkeyPatch, dq: Dq) -> None:
    """Too much memory, too long, and a process that dies are holds, each with its reason."""
    monkeypatch.setenv("DQ_ISOLATED", "true")
    with pytest.raises(package.HoldError, match=r"judging took .* more than the 20 MB it may"):
        package.pretrain("train.csv", test="test.csv", label="y", limits=Limits(memory_bytes=20 << 20))
    with pytest.raises(package.HoldError, match=r"not judged within 0.01 s"):
        package.pretrain("train.csv", test="test.csv", label="y", limits=Limits(deadline_seconds=0.01))
    with pytest.raises(package.HoldError, match=r"the judge process ended: SIGKILL"):
        work("tests.journeys.training:end", None, Limits().budget())
    Path("bomb.csv").write_bytes(b"id,a,b,y\n" + b"1,1,x," + b"9" * 3_000_000 + b"\n")
    ran = dq("pretrain", *TRAIN, "--test", "bomb.csv", *LABEL)
    assert ran.code in (1, 2)
    assert "bomb.csv" in ran.err + ran.out


def test_the_process_has_no_credentials_of_its_caller(place: Path) -> None:
    code = (
        "import os; os.environ['AWS_SECRET_ACCESS_KEY'] = 'canary'\n"
        "from dq.config import Limits\nfrom dq.isolation.apart import work\n"
        "print('canary' in str(work('os:getenv', 'AWS_SECRET_ACCESS_KEY', Limits().budget())))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout == "False\n", ran.stderr


def test_compressed_text_is_a_file_like_any_other(place: Path, dq: Dq) -> None:
    Path("train.csv.gz").write_bytes(gzip.compress(Path("train.csv").read_bytes()))
    assert dq("pretrain", "--train", "train.csv.gz", *TEST, *LABEL, "--id", "id").code == 0
