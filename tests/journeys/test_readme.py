"""Every command of the README, as written, in a folder like a new user's; and what its demo decides: a hundred real
first landings of a public source, judged with a contract that names no date as bad."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from glob import glob
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl
import pytest

from dq import api, config
from dq.cli import main
from tests.journeys.conftest import Ran, left_alone
from tests.journeys.real import NOW, ROOT, prepare

BIN = Path(sys.executable).parent
TEXT = (ROOT / "README.md").read_text()
BLOCKS = [text for kind, text in re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.S | re.M) if not kind]
COMMANDS = [
    line.split("  #")[0].strip()
    for block in BLOCKS
    for line in block.splitlines()
    if line.startswith(("make ", "dq ", ".venv/bin/dq ", "pip "))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Landing, data and a train/test pair, under the names that the README uses."""
    root = tmp_path_factory.mktemp("readme")
    trips = pl.DataFrame(
        {
            "trip_id": range(2000),
            "fare": [n % 40 + 2.5 for n in range(2000)],
            "payment": ["card", "cash"] * 1000,
            "zone": [n % 9 for n in range(2000)],
        }
    )
    for n, day in enumerate(("2026-03-01", "2026-03-02")):
        place = root / "landing" / "trips" / f"dt={day}"
        place.mkdir(parents=True)
        trips.with_columns(pl.col("trip_id") + n * 2000).write_parquet(place / "part-0.parquet")
    (root / "data").mkdir()
    trips.write_parquet(root / "data" / "part-0.parquet")
    trips.write_csv(root / "data" / "2026-03-01.csv")
    (root / "suites").mkdir()
    kept = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "fare"}}
    (root / "suites" / "trips.gx.json").write_text(json.dumps({"name": "trips", "expectations": [kept]}))
    zoned = "source: zoned\ncolumns:\n  zone: {references: zones.zone_id}\n"
    (root / "zoned.yaml").write_text(zoned)
    pl.DataFrame({"zone_id": range(9)}).write_parquet(root / "zones.parquet")
    trips.write_csv(root / "train.csv")
    trips.with_columns(pl.col("payment") + ".").write_csv(root / "test.csv")
    (root / ".venv").mkdir()
    (root / ".venv" / "bin").symlink_to(BIN)
    return root


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "120"}
    return subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def run_here(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The same, of a command on the PATH, without the start of a process."""
    with left_alone(), chdir(folder), redirect_stdout(io.StringIO()) as out:
        words = [w for word in shlex.split(command)[1:] for w in sorted(glob(word)) or [word]]
        return subprocess.CompletedProcess(command, main(words), out.getvalue(), "")


def test_there_are_commands() -> None:
    assert COMMANDS[:2] == ["make demo", "make test"]
    assert len(COMMANDS) >= 10


@pytest.fixture(scope="module")
def printed(folder: Path) -> dict[str, str]:
    """What each command printed, run as written and in order, since later ones stand on earlier ones. `make` uses the
    environment that runs this test."""
    printed = {}
    for command in COMMANDS:
        if command.startswith("make "):
            target = command.split()[1]
            stamps = " ".join(f"-o {BIN.parent}/.{stamp}" for stamp in ("core", "test"))
            made = f"make -C {ROOT} {target} VENV={BIN.parent} DEMO={folder}/_demo {stamps}"
            # `make test` is what runs this test: it is asked what it would do, `make demo` does it.
            done = run(made + (" -n" if target == "test" else ""), folder)
            assert done.returncode == 0, done.stderr
        elif command.startswith("pip "):
            name = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
            assert shlex.split(command) == ["pip", "install", name]
            continue
        else:
            done = (run_here if command.startswith("dq ") else run)(command, folder)
            wanted = (0, 1) if command.startswith(("dq diff", "dq pretrain")) else (0,)
            assert done.returncode in wanted, (command, done.stdout, done.stderr)
        printed[command] = done.stdout
        assert done.stdout.strip() or command == "make test", command
    return printed


def test_every_command_runs_as_written(printed: dict[str, str]) -> None:
    assert "pytest" in printed["make test"]
    assert "every value of `payment`" in printed["dq diff train.csv test.csv"]
    before_training = next(said for command, said in printed.items() if command.startswith("dq pretrain"))
    assert "differ in spelling only" in before_training


def test_what_the_demo_prints_is_what_the_readme_shows(printed: dict[str, str]) -> None:
    shown = next(b for b in BLOCKS if b.startswith("QUARANTINE")).splitlines()
    assert set(shown) <= set(printed["make demo"].splitlines())


def test_the_demo_tells_what_was_withheld_and_why(printed: dict[str, str], folder: Path) -> None:
    lines = printed["make demo"].splitlines()
    assert "QUARANTINE jhu 04-01-2020.csv.gz" in lines
    assert any("256 rows, 89 % below the 2,434 of 03-31-2020.csv.gz" in line for line in lines)
    assert "101 partitions: 95 promoted, 6 quarantined; 121,614 rows" in lines
    assert len(list((folder / "_demo" / "curated" / "jhu").iterdir())) == 95
    assert len(list((folder / "_demo" / "quarantine").rglob("quarantine.json"))) == 6


Documents: TypeAlias = dict[str, dict[str, Any]]

# What a person who knew the history would have withheld, and the reason that names the defect.
WITHHELD = {
    "03-23-2020.csv.gz": ("column_present", "FIPS"),  # the retired layout
    "03-24-2020.csv.gz": ("rule", "Last_Update"),  # yesterday's content under today's name
    "04-01-2020.csv.gz": ("row_count", "256 rows"),  # truncated
    "04-12-2020.csv.gz": ("strict", "People_Tested"),  # a foreign layout of 17 columns
    "04-18-2020.csv.gz": ("strict", "People_Tested"),
    "04-18-20.csv.gz": ("layout", "does not fit the layout"),  # misnamed
}


@pytest.fixture(scope="module")
def documents(printed: dict[str, str], folder: Path) -> Documents:
    """As the demo left them in its history, by partition."""
    found = [
        json.loads(f.read_bytes())["document"] for f in (folder / "_demo" / "_dq" / "documents" / "jhu").rglob("*.json")
    ]
    return {d["partition"]: d for d in found}


def test_every_landing_is_decided(documents: Documents) -> None:
    assert len(documents) == 101
    assert {d["verdict"] for d in documents.values()} == {"promote", "quarantine"}


@pytest.mark.parametrize("name", WITHHELD)
def test_defects_are_withheld_with_a_reason_that_names_them(documents: Documents, name: str) -> None:
    metric, words = WITHHELD[name]
    reasons = documents[name]["reasons"]
    assert documents[name]["verdict"] == "quarantine"
    assert any(metric in r["id"] and words in r["message"] for r in reasons), reasons


def test_other_days_are_promoted(documents: Documents) -> None:
    withheld = {k: [r["message"] for r in d["reasons"]] for k, d in documents.items() if d["verdict"] == "quarantine"}
    assert set(withheld) == set(WITHHELD), withheld


def test_every_timestamp_of_four_formats_is_read(documents: Documents) -> None:
    unread = {
        k: c["failed_rows"]
        for k, d in documents.items()
        for c in d["checks"]
        if c["id"] == "Last_Update.readable" and c["failed_rows"]
    }
    assert unread == {}


@pytest.mark.parametrize("stride", [6, pytest.param(1, marks=pytest.mark.soak)])
def test_the_other_engine_says_the_same(stride: int, tmp_path: Path) -> None:
    """But for how it was scanned, and the run's own name; of times in all four formats, and of all that is withheld."""
    names = sorted(f.name for f in (ROOT / "dq" / "demo" / "landing" / "jhu").iterdir())
    wanted = {*names[::stride], *WITHHELD, "03-22-2020.csv.gz"}

    def said(engine: str) -> Documents:
        root = prepare(tmp_path / engine, "jhu")
        for name in set(names) - wanted:
            (root / "landing" / "jhu" / name).unlink()
        settings = config.load(root / "dq.toml", environment={}, engine=engine)
        found = json.loads(json.dumps(api.gate("jhu", config=settings, now=NOW)).replace(str(root), ""))
        assert engine in {d["scan"]["engine"] for d in found if d["checks"]}
        return {d["partition"]: {k: v for k, v in d.items() if k not in {"scan", "run_id"}} for d in found}

    polars, duckdb = said("polars"), said("duckdb")
    assert polars.keys() == wanted
    assert duckdb == polars


def test_the_contract_names_no_partition_as_bad() -> None:
    text = (ROOT / "suites" / "jhu.yaml").read_text()
    for name in WITHHELD:
        month, day, _ = name.split("-")
        assert f"2020-{month}-{day}" not in text or (month, day) in {
            ("03", "23")
        }  # the start of the layout known to hold


def test_the_demo_again_does_nothing_new(printed: dict[str, str], folder: Path, dq: Callable[..., Ran]) -> None:
    demo = folder / "_demo"
    before = sorted(demo.rglob("*"))
    ran = dq("demo", demo)
    assert (ran.code, ran.out.splitlines()[0]) == (0, "nothing new: every partition is decided")
    assert sorted(demo.rglob("*")) == before


def test_what_the_demo_says_comes_next_works(printed: dict[str, str], folder: Path, dq: Callable[..., Ran]) -> None:
    steps = [line.strip() for line in printed["make demo"].rpartition("next: ")[2].splitlines()]
    assert steps[0].endswith("&& dq status")
    assert steps[2].startswith("dq accept jhu ")
    demo = folder / "_demo"
    assert dq("status", at=demo).out.startswith("jhu: 95 promoted, 6 quarantined; last ")
    assert dq(*steps[1].split()[1:]).code == 0


def test_the_contract_shown_can_be_read(folder: Path) -> None:
    from dq.dialects.contract import load

    (text,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)
    assert load(text, "README.md").source == "trips"


@pytest.mark.parametrize("page", ["README.md", "dq/pipeline/README.md"])
def test_the_settings_shown_can_be_read(page: str, tmp_path: Path) -> None:
    from dq.config import load

    for n, text in enumerate(re.findall(r"```toml\n(.*?)```", (ROOT / page).read_text(), re.S)):
        (tmp_path / f"{n}.toml").write_text(text)
        load(tmp_path / f"{n}.toml", environment={})
