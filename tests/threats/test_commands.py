"""Every command that reads data reads it in a judge process: a hostile file costs it one line and an exit code."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tests.journeys.conftest import Ran, dq
from tests.journeys.real import ROOT
from tests.threats.test_bombs import dictionary_bomb, nested, parquet

__all__ = ["dq"]
Dq = Callable[..., Ran]
SETTINGS = 'suites = "suites"\n[zones]\nlanding = "landing"\ncurated = "curated"\n[limits]\nthreads = 1\n'
CONTRACT = 'source: drop\nlayout: "k={str}"\ncolumns: {x: {max: 3}}\npolicy: {on_fail: split, split_max: 50%}\n'
COMMANDS = {
    "profile": ["profile", "FILE"],
    "diff": ["diff", "sound.parquet", "FILE"],
    "explain": ["explain", "FILE", "--suite", "suites/drop.yaml"],
    "explain landed": ["explain", "drop", "k=a"],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "drop.yaml").write_text(CONTRACT)
    (tmp_path / "dq.toml").write_text(SETTINGS)
    (tmp_path / "sound.parquet").write_bytes(parquet(pa.table({"x": [1, 2, 9]})))
    return tmp_path


def land(root: Path, name: str, content: bytes) -> Path:
    folder = root / "landing" / "drop" / "k=a"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def long_line() -> bytes:
    sink = io.BytesIO()
    with gzip.open(sink, "wb", compresslevel=1) as stream:
        for _ in range(8):
            stream.write(b"1" * (1 << 20))
    return sink.getvalue()


HOSTILE = {
    "dictionary.parquet": lambda: dictionary_bomb(800_000, 900_000),
    "nested.parquet": lambda: parquet(nested(100)),
    "bomb.csv.gz": long_line,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_in_one_line(root: Path, dq: Dq, name: str) -> None:
    file = land(root, name, HOSTILE[name]())
    for command in COMMANDS.values():
        ran = dq(*(str(file) if a == "FILE" else a for a in command), at=root)
        assert (ran.code, ran.out) == (2, ""), command
        assert len(ran.err.splitlines()) == 1, ran.err
        assert ran.err.startswith(f"dq: {name}: ")
        assert ran.err.endswith("raise the limit in [limits] of dq.toml\n")
    (root / "other").mkdir()
    ran = dq("init", root / "landing", at=root / "other")
    assert (ran.code, ran.out, list((root / "other").iterdir())) == (2, "", [])
    assert "nothing could be read; nothing is written" in ran.err


def test_what_holds_not_one_record_is_no_success(root: Path, dq: Dq) -> None:
    file = land(root, "torn.ndjson", b'{"x":' * 10_000)
    for command in (*COMMANDS.values(), ["suggest", "FILE"]):
        ran = dq(*(str(file) if a == "FILE" else a for a in command), at=root)
        assert (ran.code, ran.out) == (2, ""), command
        assert "torn.ndjson: 1 line of malformed JSON" in ran.err, ran.err


def test_a_contract_of_what_was_cut_is_no_success(root: Path, dq: Dq) -> None:
    """It is drafted from what could be read, and says so by its exit code; one of `dq init` in its head."""
    whole = gzip.compress(b"x,y\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(20_000)))
    file = land(root, "a.csv.gz", whole[: len(whole) // 2])
    ran = dq("suggest", file, at=root)
    assert (ran.code, "  x: {type: int64" in ran.out) == (1, True)
    assert "dq: a.csv.gz: the gzip " in ran.err
    (root / "other").mkdir()
    assert dq("init", root / "landing", at=root / "other").code == 0
    written = (root / "other" / "suites" / "drop.yaml").read_text()
    assert "# k=a could not be read whole: a.csv.gz: the gzip " in written


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("DQ_MEMORY_BYTES", "30000000", "memory"), ("DQ_DEADLINE_SECONDS", "0.06", "not judged within 0.06 s")],
)
def test_what_takes_too_much_is_ended_and_held(
    root: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    file = land(root, "a.csv", b"x,y\n" + b"1,2\n" * 2_000_000)
    (root / "suites" / "drop.yaml").write_text(CONTRACT + "format: csv\n")
    for command in COMMANDS.values():
        ran = dq(*(str(file) if a == "FILE" else a for a in command), at=root)
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (3, "", 1), (command, ran.err)
        assert said in ran.err
    (root / "other").mkdir()
    ran = dq("init", root / "landing", at=root / "other")
    assert (ran.code, list((root / "other").iterdir())) == (3, [])
    assert said in ran.err


def test_a_bomb_that_no_cap_stops_is_ended_by_its_memory(root: Path, dq: Dq) -> None:
    (root / "dq.toml").write_text(SETTINGS + f"memory_bytes = 700000000\nexpanded_bytes = {1 << 60}\n")
    file = land(root, "a.parquet", dictionary_bomb(100_000, 50_000))
    ran = dq("profile", file, "--engine", "polars", at=root)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (3, "", 1)


def test_no_command_reads_data_in_the_persons_own_process(root: Path) -> None:
    """Its process never loads what could: no engine, no reader. The gate splits, and compares with other data."""
    land(root, "a.csv", b"x\n" + b"1\n" * 50 + b"9\n")
    (root / "suites" / "drop.yaml").write_text(CONTRACT + "format: csv\n")
    (root / "suites" / "refer.yaml").write_text("source: refer\ncolumns: {x: {references: keys.x}}\n")
    (root / "keys.csv").write_text("x\n1\n2\n9\n")
    (root / "other").mkdir()
    commands = [
        *(["landing/drop/k=a/a.csv" if a == "FILE" else a for a in command] for command in COMMANDS.values()),
        ["gate", "drop", "--json"],
        ["validate", "landing/drop/k=a/a.csv", "--suite", "suites/drop.yaml"],
        ["validate", "sound.parquet", "--suite", "suites/refer.yaml", "--reference", "keys=keys.csv"],
        ["init", str(root / "landing")],
    ]
    code = f"""
import json, os, sys
from dq.cli import main
codes = []
for command in {commands!r}:
    os.chdir("other" if command[0] == "init" else {str(root)!r})
    codes.append(main(command))
print(json.dumps([codes, sorted({{"duckdb", "polars", "pyarrow"}} & sys.modules.keys())]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    codes, loaded = json.loads(ran.stdout.splitlines()[-1])
    assert loaded == [], ran.stderr
    assert codes == [0, 0, 0, 0, 0, 1, 0, 0], ran.stderr
    (document,) = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"schema":"dq.result')]
    assert (document["verdict"], document["rows_quarantined"]) == ("promote", 1)
