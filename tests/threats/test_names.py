"""Names that are attacks: keys, columns, files and values are data, never paths, patterns, SQL or commands."""

from __future__ import annotations

import io
import os
import pty
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dq import api
from dq.errors import SuiteError
from dq.ir.data import RESERVED
from dq.reports.base import UNPRINTABLE
from tests.threats.victim import CONTRACT, Victim

ROOT = Path(__file__).parents[2]
HOSTILE = [
    "..%2F..%2Fescape", "a..b", "%2e%2e", "[x]", "*", "?", "{a,b}", "a b", "-rf", "~", "$HOME", "`id`", "a;b", "a'b",
    'a"b', "a\nb", "a\tb", "\x1b[31mred", "\u202etxt.exe", "\u200b", "é", "x" * 200, "'; DROP TABLE t; --",
    "=cmd|' calc'!A0", "<script>alert(1)<", "CON",
]  # fmt: skip
INJECTIONS = [
    '"; DROP TABLE dq_rows_1; --', "x\") FROM range(10) --", "' OR 1=1 --", "a; ATTACH 'x.db'", "*", "^.*$", "count(*)",
    "x\\", "{x}", "%s", "$1", "?", "select", "rowid", "c0",
]  # fmt: skip


@pytest.fixture
def victim(tmp_path: Path) -> Victim:
    return Victim(tmp_path)


def parquet(table: dict[str, list[Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(table), sink)
    return sink.getvalue()


def test_keys_stay_in_their_zone_and_are_shown_harmlessly(victim: Victim, capsys: pytest.CaptureFixture[str]) -> None:
    for i, name in enumerate(HOSTILE):
        victim.land(name, parquet({"x": [i]}))
    before = {p for p in victim.root.rglob("*") if "landing" in p.parts}
    documents = victim.gate()
    assert {d["verdict"] for d in documents} == {"promote"}
    assert len({d["partition"] for d in documents}) == len(HOSTILE)
    assert len(victim.published()) == len(HOSTILE)
    assert {p for p in victim.root.rglob("*") if "landing" in p.parts} == before
    assert not (victim.root.parent / "escape").exists()
    values = [pq.read_table(path)["x"][0].as_py() for path in api.published("drop", config=config_of(victim))]
    assert sorted(values) == list(range(len(HOSTILE)))


def config_of(victim: Victim) -> Any:
    from dq import config

    return config.load(victim.root / "dq.toml", environment={})


def test_a_terminal_is_told_nothing_but_text(victim: Victim) -> None:
    victim.contract(CONTRACT + "columns:\n  s: {allowed: [good]}\n")
    for name in HOSTILE:
        victim.land(name, parquet({"s": [name], f"c{name}": [1]}), f"{name[:40]}.parquet".replace("/", "_"))
    for arguments in (["gate"], ["status"], ["gate", "--again", "--json"]):
        ran = dq(victim.root, *arguments)
        told = ran.stdout.decode() + ran.stderr.decode()
        assert told
        assert UNPRINTABLE.sub("", told.replace("\n", "")) == told.replace("\n", ""), arguments


def test_a_list_of_files_is_exact_in_a_pipe_and_text_on_a_terminal(victim: Victim) -> None:
    victim.land("\x1b[31mred", parquet({"x": [1]}))
    victim.gate()
    assert b"=\x1b[31mred/" in dq(victim.root, "ls", "drop").stdout
    terminal, end = pty.openpty()
    dq(victim.root, "ls", "drop", stdout=end)
    os.close(end)
    told = os.read(terminal, 1 << 16)
    os.close(terminal)
    assert b"=\\x1b[31mred/" in told
    assert b"\x1b" not in told


def test_a_name_that_would_be_two_lines_is_not_listed_by_lines(victim: Victim) -> None:
    victim.land("a\ns3:", parquet({"x": [1]}))
    victim.gate()
    ran = dq(victim.root, "ls", "drop")
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert rb"=a\ns3:" in ran.stderr, "the line break is shown"
    assert dq(victim.root, "ls", "drop", "--out", "files.txt").returncode == 2
    assert not (victim.root / "files.txt").exists()
    assert rb"=a\ns3:" in dq(victim.root, "ls", "drop", "--json").stdout


def dq(folder: Path, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    code = "import sys; from dq.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = {n: v for n, v in os.environ.items() if not n.startswith("DQ_")} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, stdout=stdout, stderr=subprocess.PIPE, check=False)


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_columns_are_no_sql(victim: Victim, engine: str, form: str) -> None:
    """As names that nobody declared, and as names of a contract."""
    rules = "".join(f"  {name!r}: {{max: 2}}\n".replace("\\\\", "\\") for name in INJECTIONS[2:3])
    victim.contract(CONTRACT + f"columns:\n{rules}")
    columns = {name: [i, i + 1] for i, name in enumerate(INJECTIONS)}
    if form == "parquet":
        victim.land("a", parquet(columns))
    else:
        head = ",".join('"' + n.replace('"', '""') + '"' for n in columns)
        victim.land(
            "a",
            (head + "\n" + "\n".join(",".join(str(v[r]) for v in columns.values()) for r in (0, 1))).encode(),
            "part.csv",
        )
    (document,) = victim.gate(engine)
    assert [r["id"] for r in document["reasons"]] == [f"{INJECTIONS[2]}.range"], document["reasons"]
    assert document["rows"] == 2


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_values_of_keys_and_names_of_files_are_no_sql(victim: Victim, engine: str) -> None:
    victim.contract(CONTRACT + 'checks:\n  - {rule: "k = x"}\n')
    for name in INJECTIONS:
        victim.land(name, parquet({"x": [name, name]}), f"{name}.parquet")
        victim.land(name, parquet({"x": [name]}), "[abc]*.parquet" if "\\" not in name else "b.parquet")
    documents = victim.gate(engine)
    assert {(d["verdict"], d["rows"]) for d in documents} == {("promote", 3)}, documents


def test_paths_that_duckdb_cannot_say_are_held_with_what_to_do(victim: Victim) -> None:
    for i, name in enumerate(("\\*", "\\?", "\\[x]")):
        victim.land(name, parquet({"x": [i]}))
    for document in victim.gate("duckdb"):
        assert (document["verdict"], document["reasons"][0]["cause"]) == ("hold", "gate")
        assert "name it without one of them, or read it with engine polars" in document["reasons"][0]["message"]


@pytest.mark.parametrize("name", RESERVED)
def test_names_of_our_own(victim: Victim, name: str) -> None:
    victim.land("a", f"x,{name}\n1,2\n".encode(), "part.csv")
    victim.land("b", parquet({"x": [1], name: [2]}))
    victim.land("c", f'{{"x":1,"{name}":2}}\n'.encode(), "part.ndjson")
    found = [(d["verdict"], [r["id"] for r in d["reasons"]]) for d in victim.gate()]
    assert found == [("quarantine", ["table.reserved_name"])] * 3
    result = api.validate(pa.table({name: [1]}), api.load_contract(victim.root / "suites" / "drop.yaml"))
    assert [r.id for r in result.judgement.reasons] == ["table.reserved_name"]


@pytest.mark.parametrize("kind", ["fifo", "link", "folder link", "socket", "device"])
def test_what_is_no_file_is_not_opened(
    victim: Victim, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim.land("good", parquet({"x": [1]}))
    bad = victim.path("bad", "part.parquet")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "part.parquet").write_bytes(parquet({"x": [2]}))
    if kind == "fifo":
        os.mkfifo(bad)
    elif kind == "link":
        bad.symlink_to(outside / "part.parquet")
    elif kind == "folder link":
        bad.parent.rmdir()
        bad.parent.symlink_to(outside)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            monkeypatch.chdir(bad.parent)  # its address is short
            one.bind(bad.name)
    else:
        try:
            os.mknod(bad, stat.S_IFCHR | 0o600, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root makes devices")
    found = {d["partition"]: d["verdict"] for d in victim.gate()}
    assert found.pop("k=good") == "promote"
    assert set(found.values()) == {"quarantine"}
    assert victim.published() == {"drop/k=good/part.parquet"}


@pytest.mark.parametrize(
    "text",
    [
        "source: !!python/object/apply:os.system ['touch canary']\n",
        "source: !!python/name:os.system\n",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nsource: drop\n",
        "source: drop\nchecks: " + "[" * 5_000 + "]" * 5_000 + "\n",
        "source: drop\nchecks:\n" + "".join("  " * i + "- \n" for i in range(1, 2_000)),
        "source: drop\nlayout: \"" + "{a}" * 100_000 + "\"\n",
        "source: drop\nchecks:\n  - {rule: \"" + "(" * 5_000 + "x" + ")" * 5_000 + "\"}\n",
        "source: drop\nchecks:\n  - {rule: \"" + "not " * 20_000 + "x = 1\"}\n",
        "source: ../../etc/passwd\n",
    ],
    ids=["apply", "name", "aliases", "flow depth", "block depth", "layout", "brackets", "nots", "path"],
)  # fmt: skip
def test_suites_are_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drop.yaml").write_text(text)
    with pytest.raises(SuiteError):
        api.load_contract(tmp_path / "drop.yaml")
    assert not (tmp_path / "canary").exists()


def test_code_that_lands_is_not_run(victim: Victim) -> None:
    """Modules beside the data, and where the command is run, are nobody's import."""
    canary = victim.root / "canary"
    code = f"open({str(canary)!r}, 'w').close()\n".encode()
    for name in ("polars", "duckdb", "pyarrow", "sitecustomize", "usercustomize", "conftest", "trips_schema", "dq"):
        victim.land("a", code, f"{name}.py")
        (victim.root / f"{name}.py").write_bytes(code)
    victim.land("b", parquet({"x": [1]}))
    ran = dq(victim.root, "gate")
    assert ran.returncode == 1, ran.stderr
    assert not canary.exists()
    assert victim.published() == {"drop/k=b/part.parquet"}
