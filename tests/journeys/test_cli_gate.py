"""Land, gate, look, overrule: by the command line, on real files and in real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copy2, copytree

import pytest

from tests.journeys.conftest import Ran
from tests.journeys.real import ROOT

Dq = Callable[..., Ran]
DAYS = ("03-30-2020", "03-31-2020", "04-01-2020", "04-02-2020", "04-18-20")
CONTRACT = """
source: jhu
layout: "{date:%m-%d-%Y}.csv.gz"
columns:
  Province_State: {type: string}
  Confirmed: {type: int64, required: true, min: 0}
  Active: {type: int64, min: {value: 0, severity: warn}}
  Last_Update: {type: timestamp, formats: ["%Y-%m-%d %H:%M:%S"]}
checks:
  - {row_count: ">= 60% of previous"}
"""


def command(*arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dq", *arguments], cwd=at, capture_output=True, text=True, encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}, check=False,
    )  # fmt: skip


def land(root: Path, *days: str) -> None:
    for day in days:
        copy2(ROOT / "dq" / "demo" / "landing" / "jhu" / f"{day}.csv.gz", root / "landing" / "jhu")


def prepare(root: Path) -> Path:
    (root / "landing" / "jhu").mkdir(parents=True)
    (root / "suites").mkdir()
    (root / "suites" / "jhu.yaml").write_text(CONTRACT)
    (root / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
    return root


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Five days, gated once in a process of its own; tests that change something copy the folder."""
    root = prepare(tmp_path_factory.mktemp("gated"))
    land(root, *DAYS)
    return root, command("gate", at=root)


@pytest.fixture
def place(gated: tuple[Path, object], tmp_path: Path) -> Path:
    """A copy of the gated folder; times are kept, so that nothing looks touched."""
    return Path(copytree(gated[0], tmp_path / "copy"))


def test_many_partitions_are_a_table_with_totals(gated: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    lines = gated[1].stdout.splitlines()
    assert gated[1].returncode == 1
    assert gated[1].stderr == ""
    assert [line.split()[:3] for line in lines[:-2]] == [
        ["PARTITION", "VERDICT", "ROWS"],
        ["03-30-2020.csv.gz", "PROMOTE", "3,439"],
        ["03-31-2020.csv.gz", "PROMOTE", "2,434"],
        ["04-01-2020.csv.gz", "QUARANTINE", "256"],
        ["04-02-2020.csv.gz", "PROMOTE", "2,569"],
        ["04-18-20.csv.gz", "QUARANTINE", "?"],
    ]
    assert lines[3].endswith("table.row_count")
    assert lines[-2] == "5 partitions: 3 promoted, 2 quarantined; 8,698 rows"
    assert lines[-1] == "next: dq show jhu 04-01-2020.csv.gz"


def test_nothing_new_prints_nothing(gated: tuple[Path, object], dq: Dq) -> None:
    assert dq("gate", at=gated[0]) == Ran(0, "", "")


def test_a_later_source_is_judged_once(place: Path, dq: Dq) -> None:
    land(place, "04-03-2020")
    ran = dq("gate", "jhu", at=place)
    assert ran.code == 0
    assert ran.out.startswith("PROMOTE jhu 04-03-2020.csv.gz rev 1: 2,625 rows, ")
    assert ran.out.rstrip().endswith("curated/jhu/04-03-2020.csv.gz")


@pytest.mark.parametrize("name", ["04-01-2020.csv.gz", "2020-04-01", "04-01-2020"])
def test_a_named_partition_answers_with_its_standing_decision(gated: tuple[Path, object], dq: Dq, name: str) -> None:
    ran = dq("gate", "jhu", "--partition", name, "--json", at=gated[0])
    (document,) = ran.documents
    assert (ran.code, document["partition"], document["adopted"]) == (1, "04-01-2020.csv.gz", True)
    assert (
        document["reasons"][0]["message"]
        == "256 rows, 89 % below the 2,434 of 03-31-2020.csv.gz; expected >= 60% of previous"
    )


def test_a_promoted_partition_exits_0_again_and_again(gated: tuple[Path, object], dq: Dq) -> None:
    ran = dq("gate", "--partition", "2020-04-02", "--json", at=gated[0])
    assert (ran.code, ran.documents[0]["verdict"], ran.documents[0]["adopted"]) == (0, "promote", True)


def test_an_absent_partition_is_held(gated: tuple[Path, object], dq: Dq) -> None:
    ran = dq("gate", "jhu", "--partition", "2020-05-05", at=gated[0])
    assert ran.code == 3
    assert ran.out.splitlines()[:2] == ["HOLD jhu 2020-05-05", "  table.judged  not in landing"]


def test_waiting_ends_when_the_partition_lands(place: Path) -> None:
    arguments = [sys.executable, "-m", "dq", "gate", "jhu", "--partition", "2020-04-03", "--wait", "60s", "--json"]
    with subprocess.Popen(
        arguments, cwd=place, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as process:
        time.sleep(1.5)
        assert process.poll() is None
        land(place, "04-03-2020")
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(out)["partition"] == "04-03-2020.csv.gz"


def test_waiting_ends_in_time(place: Path, dq: Dq) -> None:
    started = time.monotonic()
    assert dq("gate", "jhu", "--partition", "2020-04-03", "--wait", "1s", at=place).code == 3
    assert 1 <= time.monotonic() - started < 30


def test_a_dry_run_writes_nothing(place: Path, dq: Dq) -> None:
    land(place, "04-03-2020")
    before = sorted(p for p in place.rglob("*") if p.is_file() and "locks" not in p.parts)
    ran = dq("gate", "--dry-run", "--json", at=place)
    assert (ran.code, [d["partition"] for d in ran.documents]) == (0, ["04-03-2020.csv.gz"])
    assert sorted(p for p in place.rglob("*") if p.is_file() and "locks" not in p.parts) == before


def test_again_judges_decided_partitions_anew(place: Path, dq: Dq) -> None:
    (place / "suites" / "jhu.yaml").write_text(CONTRACT.replace("60%", "1%"))
    ran = dq("gate", "--again", "--quarantined", "--json", at=place)
    assert {d["partition"]: d["verdict"] for d in ran.documents} == {
        "04-01-2020.csv.gz": "promote",
        "04-18-20.csv.gz": "quarantine",
    }
    assert len(dq("gate", "--again", "--json").documents) == 5


def test_from_ignores_what_is_older(place: Path, dq: Dq) -> None:
    land(place, "03-29-2020", "04-03-2020")
    ran = dq("gate", "--from", "2020-04-01", "--json", at=place)
    assert [d["partition"] for d in ran.documents] == ["04-03-2020.csv.gz"]
    assert dq("gate", "--json") == Ran(0, "", "")  # remembered
    assert [d["partition"] for d in dq("gate", "--partition", "2020-03-29", "--json").documents] == [
        "03-29-2020.csv.gz"
    ]
    land(place, "03-28-2020")
    ran = dq("gate", "--from", "2020-01-22", "--json")
    assert [d["partition"] for d in ran.documents] == ["03-28-2020.csv.gz"]


def test_status_counts_and_lists_open_quarantines(gated: tuple[Path, object], dq: Dq) -> None:
    ran = dq("status", at=gated[0])
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "jhu: 3 promoted, 2 quarantined; last 04-02-2020.csv.gz, 2,569 rows"
    needs = [line.split(",")[0] for line in lines if line.startswith("QUARANTINED")]
    assert needs == ["QUARANTINED 04-18-20.csv.gz", "QUARANTINED 04-01-2020.csv.gz"]
    assert dq("status", "jhu", "--check").code == 1


def test_status_sees_what_is_new_gone_and_replaced(place: Path, dq: Dq) -> None:
    land(place, "04-03-2020")
    landing = place / "landing" / "jhu"
    (landing / "03-30-2020.csv.gz").unlink()
    copy2(landing / "04-02-2020.csv.gz", landing / "04-01-2020.csv.gz")
    os.utime(landing / "04-02-2020.csv.gz")  # touched, same content
    (document,) = dq("status", "--json", at=place).documents
    counts = {k: v for k, v in document["counts"].items() if v}
    assert counts == {"promoted": 3, "quarantined": 1, "undecided": 2}
    assert (document["gone"], document["partitions"]) == (1, 6)


def test_show_tells_reasons_and_who_decided(place: Path, dq: Dq) -> None:
    ran = dq("show", "jhu", "2020-04-01", at=place)
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0] == "QUARANTINE jhu 04-01-2020.csv.gz"
    assert lines[1].startswith("  table.row_count  256 rows, 89 % below the 2,434 of 03-31-2020.csv.gz; ")
    assert any(line.startswith("decided 20") and "(run " in line for line in lines)
    assert dq("show", "jhu", "2020-04-01", "--json").documents[0]["rows"] == 256


def test_show_of_what_is_not_decided(place: Path, dq: Dq) -> None:
    land(place, "04-03-2020")
    assert dq("show", "jhu", "2020-04-03", at=place) == Ran(3, "", "dq: jhu 04-03-2020.csv.gz is undecided\n")
    ran = dq("show", "jhu", "04-04-2020.csv.gz")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith('dq: jhu has no partition "04-04-2020.csv.gz" (did you mean "04-0')


def test_ls_lists_the_current_files(place: Path, dq: Dq) -> None:
    lines = dq("ls", "jhu", at=place).out.splitlines()
    assert [Path(line).name for line in lines] == [f"{d}.csv.gz" for d in ("03-30-2020", "03-31-2020", "04-02-2020")]
    assert all(Path(line).is_file() for line in lines)
    (document,) = dq("ls", "jhu", "--json").documents
    assert [f["path"] for f in document["files"]] == lines
    assert dq("ls", "jhu", "--out", "train.manifest") == Ran(0, "", "")
    assert (place / "train.manifest").read_text().splitlines() == lines


def test_accepting_a_level_releases_it(place: Path, dq: Dq) -> None:
    ran = dq("accept", "jhu", "2020-04-01", "--reason", "counties dropped", "--by", "ada", "--json", at=place)
    verdicts = {d["partition"]: d["verdict"] for d in ran.documents}
    assert verdicts == {"04-01-2020.csv.gz": "promote", "04-18-20.csv.gz": "quarantine"}
    assert ran.code == 1  # the misnamed file is still there
    assert "by ada: counties dropped" in dq("show", "jhu", "2020-04-01").out


def test_explain_shows_passes(place: Path, dq: Dq) -> None:
    ran = dq("explain", "jhu", "2020-04-02", at=place)
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["PASS", "ENGINE", "FAMILY", "AGGREGATES", "COLUMNS", "BYTES"]
    by_suite = dq("explain", "landing/jhu/04-02-2020.csv.gz", "--suite", "suites/jhu.yaml")
    assert by_suite.code == 0
    assert len(by_suite.out.split("\n\n")[0].splitlines()) == 2  # without a profile one pass is enough


def test_engine_from_flag_and_variable(place: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch) -> None:
    land(place, "04-03-2020")
    monkeypatch.setenv("DQ_ENGINE", "polars")
    assert dq("gate", "--dry-run", "--json", at=place).documents[0]["scan"]["engine"] == "polars"
    ran = dq("gate", "--dry-run", "--json", "--engine", "duckdb")
    assert ran.documents[0]["scan"]["engine"] == "duckdb"
    assert dq("gate", "--engine", "pandas").code == 2


def test_config_from_elsewhere(gated: tuple[Path, object], tmp_path: Path, dq: Dq) -> None:
    assert dq("status", "--config", gated[0] / "dq.toml", at=tmp_path).code == 0
    ran = dq("status", "--config", "nowhere.toml")
    assert (ran.code, ran.err) == (2, "dq: nowhere.toml: no such configuration file\n")


def test_a_closed_pipe_is_silent_and_the_work_is_done(place: Path) -> None:
    land(place, "04-03-2020", "04-04-2020")
    with subprocess.Popen(
        [sys.executable, "-m", "dq", "gate", "--json"], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
    assert (process.returncode, err) == (0, "")
    assert (place / "curated" / "jhu" / "04-04-2020.csv.gz").is_file()


def test_a_contract_that_does_not_parse_stops_its_own_source_only(tmp_path: Path, dq: Dq) -> None:
    root = prepare(tmp_path)
    land(root, "03-30-2020")
    (root / "landing" / "broken").mkdir()
    (root / "suites" / "broken.yaml").write_text("source: broken\ncolumsn: {}\n")
    (root / "suites" / "beside.yaml").write_text('source: beside\nlayout: "b-{name:str}.csv"\ninclude: [cut.json]\n')
    (root / "suites" / "cut.json").write_text('{"expectations": [')
    with (root / "dq.toml").open("a") as file:
        file.write('\n[sources.beside]\nlanding = "landing/jhu"\n')
    ran = dq("gate", at=root)
    assert ran.code == 3
    told = ran.err.replace(f"{root}/", "")
    assert 'broken is passed over: suites/broken.yaml:2: unknown key "columsn"' in told
    assert "beside is passed over: suites/cut.json:1: no JSON" in told
    assert told.count("is passed over") == 2
    assert (root / "curated" / "jhu" / "03-30-2020.csv.gz").is_file()
    assert dq("gate", "jhu", "broken", at=root).code == 2
