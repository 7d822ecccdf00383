"""Bad input: one outcome per fault (data 1, suite or usage 2, ours 3), told with file and fix; nothing is lost."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.journeys.conftest import Ran

Dq = Callable[..., Ran]
CONTRACT = """
source: trips
layout: "{date:%Y-%m-%d}.csv"
columns:
  id: {type: int64, required: true, unique: true}
  fare: {type: double, min: 0}
"""
CSV = 'csv: {delimiter: ",", encoding: utf-8}\n'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "landing" / "trips").mkdir(parents=True)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "trips.yaml").write_text(CONTRACT)
    (tmp_path / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def declare_csv(place: Path) -> None:
    with (place / "suites" / "trips.yaml").open("a") as file:
        file.write(CSV)


def good(path: Path) -> bytes:
    path.write_text("id,fare\n1,2.5\n2,3.5\n")
    return path.read_bytes()


def parquet(path: Path, keep: float) -> None:
    pl.DataFrame({"id": range(1000), "fare": [1.5] * 1000}).write_parquet(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


LATIN = "id,fare,name\n1,2,Zürich\n".encode("latin-1")
CUT = gzip.compress(b"id,fare\n1,2\n")[:-12]
NOTHING = "no such file, folder or pattern with data files in it"

DATA_FAULTS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "empty file": ("x.csv", lambda p: p.write_bytes(b""), "table.empty_file"),
    "zero rows": ("x.csv", lambda p: p.write_text("id,fare\n"), "table.not_empty"),
    "truncated Parquet": ("x.parquet", lambda p: parquet(p, 0.6), "table.truncated"),
    "empty Parquet": ("x.parquet", lambda p: p.write_bytes(b""), "table.empty_file"),
    "no Parquet": ("x.parquet", lambda p: p.write_text("id,fare\n1,2\n"), "table.not_parquet"),
    "unknown format": ("x.dat", lambda p: p.write_bytes(b"\x00\x01\x02"), "table.unknown_format"),
    "wrong encoding": ("x.csv", lambda p: p.write_bytes(LATIN), "table.encoding"),
    "column absent": ("x.csv", lambda p: p.write_text("id,fair\n1,2\n"), "fare.column_present"),
    "uncastable": ("x.csv", lambda p: p.write_text("id,fare\n1,cheap\n"), "fare.readable"),
    "cut gzip": ("x.csv.gz", lambda p: p.write_bytes(CUT), "table.truncated"),
}  # fmt: skip


@pytest.mark.parametrize("fault", DATA_FAULTS)
def test_bad_data_fails_validation_with_a_reason(place: Path, dq: Dq, fault: str) -> None:
    name, write, reason = DATA_FAULTS[fault]
    write(place / name)
    declare_csv(place) if ".csv" in name else None
    ran = dq("validate", name, "--suite", "suites/trips.yaml", "--json")
    assert (ran.code, ran.err) == (1, "")
    (document,) = ran.documents
    assert (document["verdict"], document["reasons"][0]["id"]) == ("quarantine", reason)
    assert document["reasons"][0]["cause"] == "data"
    assert document["reasons"][0]["message"]
    assert document["reasons"][0]["next"]


def test_an_absent_column_is_told_once_with_the_nearest_name(place: Path, dq: Dq) -> None:
    (place / "x.csv").write_text("id,fair\n1,2\n")
    ran = dq("validate", "x.csv", "--suite", "suites/trips.yaml")
    lines = ran.out.splitlines()
    assert lines[0] == "QUARANTINE trips x.csv"
    assert lines[1].strip().startswith('fare.column_present  no column "fare" (did you mean "fair"?)')
    assert lines[-1].startswith("next: ")
    assert sum("fare" in line for line in lines) == 1


@pytest.mark.parametrize("fault", [f for f, (name, _, _) in DATA_FAULTS.items() if name == "x.csv"])
def test_bad_data_in_landing_is_quarantined_and_stays(place: Path, dq: Dq, fault: str) -> None:
    _, write, reason = DATA_FAULTS[fault]
    declare_csv(place)
    landing = place / "landing" / "trips"
    before = good(landing / "2026-03-01.csv")
    write(landing / "2026-03-02.csv")
    bad = (landing / "2026-03-02.csv").read_bytes()
    ran = dq("gate", "--json")
    assert ran.code == 1
    verdicts = {d["partition"]: d["verdict"] for d in ran.documents}
    assert verdicts == {"2026-03-01.csv": "promote", "2026-03-02.csv": "quarantine"}
    assert reason in [r["id"] for r in ran.documents[1]["reasons"]]
    assert (place / "curated" / "trips" / "2026-03-01.csv").read_bytes() == before
    assert not (place / "curated" / "trips" / "2026-03-02.csv").exists()
    assert (landing / "2026-03-02.csv").read_bytes() == bad
    assert dq("gate") == Ran(0, "", "")  # decided once


def test_a_folder_where_a_file_should_be_is_quarantined(place: Path, dq: Dq) -> None:
    folder = place / "landing" / "trips" / "2026-03-01.csv"
    folder.mkdir()
    good(folder / "part.csv")
    ran = dq("gate", "--json")
    assert (ran.code, [d["reasons"][0]["id"] for d in ran.documents]) == (1, ["table.layout"])


def test_a_link_in_landing_is_never_followed(place: Path, dq: Dq) -> None:
    good(place / "secret.csv")
    (place / "landing" / "trips" / "2026-03-01.csv").symlink_to(place / "secret.csv")
    ran = dq("gate", "--json")
    assert ran.code == 1
    assert ran.documents[0]["reasons"][0]["id"] == "table.layout"
    assert not (place / "curated").exists()


def loop(place: Path) -> None:
    (place / "loop.csv").symlink_to("loop.csv")


def pipe(place: Path) -> None:
    os.mkfifo(place / "pipe.csv")


USAGE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing path": (lambda _: None, "gone.csv", f"gone.csv: {NOTHING}"),
    "missing pattern": (lambda _: None, "*.orc", f"*.orc: {NOTHING}"),
    "empty folder": (lambda p: (p / "none").mkdir(), "none", f"none: {NOTHING}"),
    "folder with a file's name": (lambda p: (p / "x.parquet").mkdir(), "x.parquet", f"x.parquet: {NOTHING}"),
    "link to itself": (loop, "loop.csv", "loop.csv: Too many levels of symbolic links"),
    "pipe": (pipe, "pipe.csv", "pipe.csv: no regular file"),
    "unknown scheme": (lambda _: None, "ftp://host/x.csv", "ftp://host/x.csv: no store for ftp://"),
}  # fmt: skip


@pytest.mark.parametrize("fault", USAGE)
@pytest.mark.parametrize("arguments", [("validate", "--suite", "suites/trips.yaml"), ("profile",)], ids=lambda a: a[0])
def test_a_path_that_leads_nowhere_is_usage(place: Path, dq: Dq, fault: str, arguments: tuple[str, ...]) -> None:
    make, path, message = USAGE[fault]
    make(place)
    ran = dq(*arguments, path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"dq: {message}")
    assert ran.err.count("\n") == 1


SUITES = {
    "unknown key": ("columns:\n  fare: {minimum: 0}", ':5: ', "minimum"),
    "wrong type": ("columns:\n  fare: {required: 3}", ":5: ", "required"),
    "no such type": ("columns:\n  fare: {type: money}", ":5: ", "money"),
    "broken YAML": ("columns:\n  fare: {min: 0", ":", "suites/trips.yaml"),
}  # fmt: skip


@pytest.mark.parametrize("fault", SUITES)
@pytest.mark.parametrize("command", ["gate", "validate"])
def test_a_broken_contract_stops_before_anything_is_read(place: Path, dq: Dq, fault: str, command: str) -> None:
    lines, where, word = SUITES[fault]
    (place / "suites" / "trips.yaml").write_text(f'source: trips\nlayout: "{{date:%Y-%m-%d}}.csv"\n\n{lines}\n')
    good(place / "landing" / "trips" / "2026-03-01.csv")
    arguments = () if command == "gate" else ("landing", "--suite", "suites/trips.yaml")
    ran = dq(command, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("dq: ")
    assert f"suites/trips.yaml{where}" in ran.err
    assert word in ran.err
    assert not (place / "_dq").exists()
    assert not (place / "curated").exists()


def test_a_rule_on_a_column_that_nobody_knows_is_the_suites_fault(place: Path, dq: Dq) -> None:
    with (place / "suites" / "trips.yaml").open("a") as file:
        file.write('checks:\n  - {rule: "fair > 0"}\n')
    good(place / "landing" / "trips" / "2026-03-01.csv")
    ran = dq("gate", "--json")
    (document,) = ran.documents
    assert (ran.code, document["verdict"]) == (3, "hold")
    assert document["reasons"][0]["cause"] == "suite"
    assert document["reasons"][0]["message"].startswith('no column "fair" (did you mean "fare"?)')
    assert "suites/trips.yaml" in document["reasons"][0]["next"]
    assert not (place / "curated").exists()


def test_a_rule_on_a_column_that_landed_before_is_the_datas_fault(place: Path, dq: Dq) -> None:
    with (place / "suites" / "trips.yaml").open("a") as file:
        file.write('checks:\n  - {rule: "extra > 0"}\n')
    landing = place / "landing" / "trips"
    (landing / "2026-03-01.csv").write_text("id,fare,extra\n1,2,3\n")
    (landing / "2026-03-02.csv").write_text("id,fare\n1,2\n")
    ran = dq("gate", "--json")
    assert [d["verdict"] for d in ran.documents] == ["promote", "quarantine"]
    assert {r["cause"] for r in ran.documents[1]["reasons"]} == {"data"}


def test_a_bound_on_text_of_no_declared_type_names_the_fix(place: Path, dq: Dq) -> None:
    (place / "suites" / "trips.yaml").write_text("source: trips\ncolumns:\n  fare: {min: 0}\n")
    (place / "trips.csv").write_text("id,fare\n1,2.5\n2,unknown\n")
    ran = dq("validate", "trips.csv", "--suite", "suites/trips.yaml")
    assert ran.code == 1
    assert "fare.range  >= does not compare string with int64: fare landed as text, and no type is declared" in ran.out
    assert "next: declare it in the contract, like  fare: {type: double}" in ran.out


def test_what_is_no_partition_cannot_be_released(place: Path, dq: Dq) -> None:
    good(place / "landing" / "trips" / "2026-13-45.csv")
    ran = dq("gate", "trips")
    assert ran.code == 1
    assert "dq release" not in ran.out
    assert "dq reject trips 2026-13-45.csv" in ran.out
    assert "dq release" not in dq("status", "trips").out
    ran = dq("release", "trips", "2026-13-45", "--reason", "hurry")
    assert (ran.code, ran.out) == (2, "")
    assert "is no partition of the layout and was never read" in ran.err
    assert not (place / "curated").exists()


def test_advice_fits_the_format(place: Path, dq: Dq) -> None:
    (place / "suites" / "trips.yaml").write_text("source: trips\n")
    (place / "trips.ndjson").write_text('{"a":1}\n{"a"\n')
    (place / "trips.csv").write_text("a,b\n1\n")
    assert "(format, csv)" not in dq("validate", "trips.ndjson", "--suite", "suites/trips.yaml").out
    assert "(format, csv)" in dq("validate", "trips.csv", "--suite", "suites/trips.yaml").out


def test_usage_of_the_gate(place: Path, dq: Dq) -> None:
    for arguments, message in {
        ("gate", "tripps"): 'no contract for source tripps (did you mean "trips"?); there are trips',
        ("gate", "--wait", "5m"): "--wait goes with --partition",
        ("gate", "--partition", "x", "--wait", "soon"): '--wait "soon": write it like 30m, 90s or 1h30m',
        ("gate", "--from", "yesterday"): '--from "yesterday": write it like 2026-03-01',
        ("gate", "--quarantined"): "--quarantined goes with --again",
        ("gate", "--frm"): "No such option",
        (
            "gate",
            "trips",
            "--partition",
            "2026-13-45",
        ): 'can have no partition "2026-13-45": there is no such date',
        ("gate", "trips", "--partition", "1 March"): 'no partition "1 March": its layout is {date:%Y-%m-%d}.csv',
        ("gate", "--engine", "spark"): "--engine: engine.name: Input should be 'auto', 'duckdb' or 'polars'",
        ("gates",): "No such command",
        ("validate", "landing"): "Missing option",
        ("accept", "trips", "2026-03-01"): "Missing option",
        ("profile", "landing", "--depth", "deep"): '--depth "deep": core or full',
    }.items():
        ran = dq(*arguments)
        assert (ran.code, ran.out) == (2, ""), arguments
        assert message in ran.err, arguments
        assert ran.err.startswith("dq: ")


def test_a_wrong_configuration_names_file_line_and_key(place: Path, dq: Dq) -> None:
    (place / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurrated = "c"\n')
    ran = dq("gate")
    assert ran.code == 2
    assert "dq.toml:3: zones.currated: unknown key" in ran.err
    assert 'did you mean "curated"' in ran.err


def test_what_comes_from_data_never_steers_the_terminal(place: Path, dq: Dq) -> None:
    name = "2026-03-01\x1b[31m\u202e.csv"
    good(place / "landing" / "trips" / name)
    (place / "x.csv").write_text("id,fare\n1,\x1b]0;title\x07\n")
    shown = dq("gate").out + dq("status").out + dq("validate", "x.csv", "--suite", "suites/trips.yaml").out
    assert "\\x1b[31m\\u202e" in shown
    assert not set(shown) & {"\x1b", "\x07", "\u202e"}
    raw = dq("gate", "--partition", name, "--json").out
    assert "\u202e" not in raw


def test_an_internal_error_is_a_hold_without_a_traceback(
    place: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.delattr("dq.running.contract_of")
    good(place / "landing" / "trips" / "2026-03-01.csv")
    ran = dq("gate")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("dq: internal error: NameError at dq/running.py:")


@pytest.mark.parametrize(
    "command", [("validate", "{}", "--suite", "{}"), ("pretrain", "--train", "{}", "--test", "{}", "--label", "a")]
)
def test_a_name_that_no_file_can_have(dq: Dq, command: tuple[str, ...]) -> None:
    ran = dq(*(word.format("x" * 300) for word in command))
    assert (ran.code, ran.out) == (2, "")
    assert "internal error" not in ran.err
    assert "x" * 300 in ran.err
