"""Commands that read and move nothing: validate, profile, diff."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.journeys.conftest import Ran

Dq = Callable[..., Ran]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    frame = pl.DataFrame({"id": range(1500), "label": ["<=50K", ">50K", "<=50K"] * 500})
    frame.write_csv("train.csv", separator=";")
    frame.with_columns(label=pl.col("label") + ".").write_csv("test.csv", separator=";")
    (tmp_path / "parts").mkdir()
    frame.head(700).write_parquet("parts/a.parquet")
    frame.tail(800).write_parquet("parts/b.parquet")
    Path("good.yaml").write_text('source: adult\ncolumns:\n  id: {unique: true}\nchecks: [{row_count: "= 1500"}]\n')
    Path("read.yaml").write_text('source: adult\ncsv: {delimiter: ";"}\ncolumns:\n  id: {unique: true}\n')
    Path("bad.yaml").write_text('source: adult\ncsv: {delimiter: ";"}\ncolumns:\n  label: {allowed: ["<=50K"]}\n')
    return tmp_path


def test_several_files_are_one_data_set(place: Path, dq: Dq) -> None:
    for data in (["parts"], ["parts/*.parquet"], ["parts/a.parquet", "parts/b.parquet"]):
        ran = dq("validate", *data, "--suite", "good.yaml", "--json")
        (document,) = ran.documents
        assert (ran.code, document["rows"], len(document["files"])) == (0, 1500, 2)
    assert not (place / "_dq").exists()


def test_several_suites_are_several_documents(place: Path, dq: Dq) -> None:
    ran = dq("validate", "train.csv", "--suite", "read.yaml", "--suite", "bad.yaml", "--json")
    assert ran.code == 1
    assert [d["success"] for d in ran.documents] == [True, False]
    assert dq("validate", "train.csv", "--suite", "read.yaml").out.startswith("PROMOTE adult train.csv: 1,500 rows, ")
    lines = dq("validate", "train.csv", "--suite", "read.yaml", "--suite", "bad.yaml").out.splitlines()
    assert [line.split()[:3] for line in lines[1:3]] == [["adult", "train.csv", v] for v in ("PROMOTE", "QUARANTINE")]
    assert lines[4].startswith("QUARANTINE adult train.csv: 500 rows (33 %, allowed 0) not one of")
    assert [line for line in lines[5:] if "dq show" in line] == [], "nothing is recorded that it could show"


def test_a_contract_guesses_no_dialect(place: Path, dq: Dq) -> None:
    ran = dq("validate", "train.csv", "--suite", "good.yaml")
    assert ran.code == 1
    assert "table.delimiter" in ran.out


def test_a_warning_does_not_fail(place: Path, dq: Dq) -> None:
    allowed = '{value: ["<=50K"], severity: warn}'
    Path("bad.yaml").write_text(f'source: adult\ncsv: {{delimiter: ";"}}\ncolumns: {{label: {{allowed: {allowed}}}}}\n')
    ran = dq("validate", "train.csv", "--suite", "bad.yaml")
    assert ran.code == 0
    assert "label.allowed  warning: 500 rows (33 %, allowed 0) not one of" in ran.out


def test_a_profile_is_a_table_or_a_document(place: Path, dq: Dq) -> None:
    ran = dq("profile", "train.csv")
    assert ran.code == 0
    assert ran.out.splitlines()[:2] == [
        "data train.csv: 1,500 rows, 2 columns",
        "COLUMN  TYPE    COMPLETE  DISTINCT    MIN   MEAN    MAX  MOST FREQUENT",
    ]
    assert "keys: id" in ran.out.splitlines()
    assert ran.err == "dq: read as csv, delimiter ';', quote '\"', utf-8\n"
    Path("a.ndjson").write_text('{"id": 1}\n')
    assert dq("profile", "a.ndjson").err == "dq: read as ndjson, utf-8\n"
    (document,) = dq("profile", "parts", "--json", "--depth", "core").documents
    assert (document["schema"], document["rows"], document["files"]) == ("dq.profile/1", 1500, 2)
    assert document["duplicate_rows"] is None


def test_a_profile_tells_what_it_could_not_read(place: Path, dq: Dq) -> None:
    (place / "parts" / "c.parquet").write_bytes(b"PAR1 torn")
    ran = dq("profile", "parts")
    assert (ran.code, ran.out.splitlines()[0]) == (1, "data parts: 1,500 rows, 2 columns")
    assert ran.err.startswith("dq: c.parquet: the file begins as Parquet and does not end so: ")
    compared = dq("diff", "train.csv", "parts", "--json")
    assert (compared.code, compared.documents[0]["differences"]) == (1, [])
    assert compared.err.endswith(ran.err)
    ran = dq("profile", "parts/c.parquet")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("dq: c.parquet: the file begins as Parquet and does not end so: ")
    assert ran.err.endswith("; land it again whole\n")


def test_a_difference_decides_the_exit_code(place: Path, dq: Dq) -> None:
    ran = dq("diff", "train.csv", "test.csv", "--json")
    (document,) = ran.documents
    assert (ran.code, document["success"]) == (1, False)
    assert (document["differences"][0]["column"], document["differences"][0]["kind"]) == ("label", "relabelled")
    assert dq("diff", "train.csv", "test.csv").out.splitlines()[1].startswith("  fail  label  ")
    same = dq("diff", "train.csv", "parts")
    assert same.code == 0
    assert same.out == "A train.csv (1,500 rows), B parts (1,500 rows): no difference that matters\n"


def test_json_goes_to_stdout_and_everything_else_to_stderr(place: Path, dq: Dq) -> None:
    (place / "parts" / "c.parquet").write_bytes(b"PAR1 torn")
    ran = dq("profile", "parts", "--json")
    assert ran.out.count("\n") == 1
    assert json.loads(ran.out)["rows"] == 1500
    assert ran.err


def test_output_without_room_is_no_success(place: Path) -> None:
    dq = [sys.executable, "-c", "import sys; from dq.cli import main; sys.exit(main())"]
    with open("/dev/full", "w") as full:
        ran = subprocess.run([*dq, "suggest", "train.csv"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == 3
    assert "dq: stdout: No space left on device: run the same command again with room for it\n" in ran.stderr


def test_a_suite_that_is_not_there_is_told_with_the_nearest_name(place: Path, dq: Dq) -> None:
    ran = dq("validate", "train.csv", "--suite", "goood.yaml")
    assert (ran.code, ran.err) == (2, 'dq: goood.yaml: No such file or directory (did you mean "good.yaml"?)\n')
