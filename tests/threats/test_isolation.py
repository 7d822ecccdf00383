"""The judge process: whatever becomes of it, the gate lives, nothing passes, and nothing is left behind."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dq import api
from dq.ir.check import Suite
from dq.ir.data import DataFile, Partition
from dq.ir.limits import Budget
from dq.ir.result import Cause
from dq.isolation.pipe import dump, load
from dq.isolation.pool import Pool, end_idle
from dq.judge import Asking, Scanned
from dq.scanning import Scanner

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "t.yaml").write_text("source: t\ncolumns:\n  x: {max: 3}\n  s: {required: true}\n")
    return api.load_contract(tmp_path / "t.yaml").suite


@pytest.fixture
def land(tmp_path: Path) -> Callable[..., Partition]:
    def landed(name: str = "a.parquet", n: int = 5) -> Partition:
        path = tmp_path / "landing" / name
        path.parent.mkdir(exist_ok=True)
        frame = pl.DataFrame({"x": range(n), "s": ["a"] * n})
        frame.write_parquet(path) if name.endswith("parquet") else frame.write_csv(path)
        return Partition("t", name, (), (DataFile(name, path.stat().st_size, str(path)),))

    return landed


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Callable[..., Pool]]:
    end_idle()
    made: list[Pool] = []

    def start(jobs: int = 1, **budget: Any) -> Pool:
        (tmp_path / "temp").mkdir(exist_ok=True)
        made.append(Pool([str(tmp_path / "landing")], Budget(temp=str(tmp_path / "temp"), **budget), Asking(NOW), jobs))
        return made[-1]

    yield start
    for one in made:
        one.close()


OTHERS: set[int] = set()  # judge processes that tests of other files left to this process


@pytest.fixture(autouse=True)
def own_children() -> None:
    end_idle()
    OTHERS.clear()
    OTHERS.update(children())


def children() -> set[int]:
    """Judge processes of this process, started since the test began."""
    tasks = Path("/proc/self/task").glob("*/children")
    found = {int(p) for t in tasks for p in t.read_text().split() if b"dq.isolation" in _command(int(p))}
    return found - OTHERS


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def only_child() -> int:
    (pid,) = children()
    return pid


def plain(scanned: Scanned) -> Scanned:
    return replace(scanned, scan=replace(scanned.scan, seconds=0.0, peak_memory_bytes=0))


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_a_scan_is_the_same_in_any_process(
    name: str, tmp_path: Path, suite: Suite, land: Callable[..., Partition], pool: Callable[..., Pool]
) -> None:
    partition = land(name)
    here = Scanner([str(tmp_path / "landing")], Budget(temp=str(tmp_path)), Asking(NOW))
    expected = plain(here.scan(partition, suite))
    here.close()
    assert expected.fault is None
    assert expected.profile is not None
    found = [pool(jobs=2).submit(partition, suite) for _ in range(3)]
    assert [plain(f.result()) for f in found] == [expected] * 3


@linux
def test_processes_start_when_needed_and_stay_warm(
    suite: Suite, land: Callable[..., Partition], pool: Callable[..., Pool]
) -> None:
    first = pool()
    before = children()
    assert first.submit(land(), suite).result().fault is None
    warm = children()
    assert before <= warm
    first.close()
    assert pool().submit(land("b.csv"), suite).result().fault is None
    assert children() == warm


@linux
def test_killed_in_the_middle_is_a_fault_of_ours_and_the_next_one_starts_anew(
    suite: Suite, land: Callable[..., Partition], pool: Callable[..., Pool]
) -> None:
    one = pool()
    assert one.submit(land(), suite).result().fault is None
    pid = only_child()
    os.kill(pid, signal.SIGSTOP)
    waiting = one.submit(land("b.csv"), suite)
    os.kill(pid, signal.SIGKILL)
    fault = waiting.result().fault
    assert fault is not None
    assert (fault.cause, fault.message) == (Cause.GATE, "the judge process ended: SIGKILL")
    assert one.submit(land("b.csv"), suite).result().fault is None
    assert only_child() != pid


@linux
def test_killed_while_idle_costs_nothing(
    suite: Suite, land: Callable[..., Partition], pool: Callable[..., Pool]
) -> None:
    one = pool()
    assert one.submit(land(), suite).result().fault is None
    pid = only_child()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert one.submit(land(), suite).result().fault is None


@linux
def test_deadline(suite: Suite, land: Callable[..., Partition], pool: Callable[..., Pool]) -> None:
    patient, hasty = pool(deadline_seconds=600), pool(deadline_seconds=0.2)
    assert patient.submit(land(), suite).result().fault is None
    patient.close()
    os.kill(only_child(), signal.SIGSTOP)
    fault = hasty.submit(land(), suite).result().fault
    assert fault is not None
    assert (fault.cause, fault.message) == (Cause.GATE, "not judged within 0.2 s")
    assert "deadline_seconds" in fault.next
    assert children() == set()


@linux
def test_memory_is_watched(suite: Suite, land: Callable[..., Partition], pool: Callable[..., Pool]) -> None:
    """The limit is below what the engines take when they do nothing."""
    partition = land("a.csv", 2_000_000)
    fault = pool(memory_bytes=30_000_000).submit(partition, suite).result().fault
    assert fault is not None
    assert fault.cause is Cause.GATE
    assert children() == set()


@linux
def test_an_interrupted_pool_gives_up_at_once(
    suite: Suite, land: Callable[..., Partition], pool: Callable[..., Pool]
) -> None:
    one = pool()
    assert one.submit(land(), suite).result().fault is None
    os.kill(only_child(), signal.SIGSTOP)
    running, queued = one.submit(land(), suite), one.submit(land(), suite)
    while not running.running():
        time.sleep(0.001)
    one.close()
    assert running.result().fault is not None
    assert queued.cancelled()


@linux
def test_no_credentials_reach_the_process(
    suite: Suite, land: Callable[..., Partition], pool: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    one = pool(threads=1)  # nobody else's warm process
    assert one.submit(land(), suite).result().fault is None
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in children()]
    assert environments
    assert not any(b"canary" in e for e in environments)


@linux
def test_polars_fetches_no_more_row_groups_ahead_than_it_has_threads(
    suite: Suite, land: Callable[..., Partition], pool: Callable[..., Pool]
) -> None:
    """Else its peak of memory grows with the number of files, by chance."""
    assert pool(threads=1).submit(land(), suite).result().fault is None
    variables = Path(f"/proc/{only_child()}/environ").read_bytes().split(b"\0")
    assert {b"POLARS_ROW_GROUP_PREFETCH_SIZE=1", b"POLARS_MAX_THREADS=1"} <= set(variables)


@linux
def test_it_dies_with_its_parent(suite: Suite, land: Callable[..., Partition], tmp_path: Path) -> None:
    (tmp_path / "job").write_bytes(pickle.dumps((land(), suite)))
    code = f"""
import os, pickle, sys
sys.path.insert(0, {str(ROOT)!r})
from datetime import UTC, datetime
from dq.ir.limits import Budget
from dq.isolation.pool import Pool
from dq.judge import Asking
from tests.threats.test_isolation import only_child
pool = Pool([{str(tmp_path / "landing")!r}], Budget(temp={str(tmp_path)!r}), Asking(datetime.now(UTC)))
assert pool.submit(*pickle.load(open({str(tmp_path / "job")!r}, "rb"))).result().fault is None
print(only_child(), flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert b"dq.isolation" in _command(pid)
        parent.kill()
    until = time.monotonic() + 60
    while b"dq.isolation" in _command(pid):
        assert time.monotonic() < until
        time.sleep(0.01)


@linux
def test_a_forked_child_starts_its_own(suite: Suite, land: Callable[..., Partition], pool: Callable[..., Pool]) -> None:
    partition, one = land(), pool()
    assert one.submit(partition, suite).result().fault is None
    one.close()
    mine = only_child()
    pid = os.fork()
    if pid == 0:
        ended = 1
        try:
            other = pool()
            ended = 0 if other.submit(partition, suite).result().fault is None and mine not in children() else 2
            other.close()
        finally:
            os._exit(ended)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert pool().submit(partition, suite).result().fault is None
    assert only_child() == mine


def test_nothing_is_left_behind(
    suite: Suite, land: Callable[..., Partition], pool: Callable[..., Pool], tmp_path: Path
) -> None:
    """Folders go with their process, and those of a killed gate with the next one."""
    (tmp_path / "temp" / "dq-judge-orphan").mkdir(parents=True)
    os.utime(tmp_path / "temp" / "dq-judge-orphan", (0, 0))
    (tmp_path / "temp" / "somebody-elses").mkdir()
    one = pool(threads=2)
    assert one.submit(land("a.csv"), suite).result().fault is None
    assert len(list((tmp_path / "temp").glob("dq-judge-*"))) == 1
    wrong = replace(suite, reading=replace(suite.reading, format="csv", encoding="utf-99"))
    assert one.submit(land("b.csv"), wrong).result().fault
    assert {p.name for p in (tmp_path / "temp").iterdir()} == {"somebody-elses"}


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


@pytest.mark.parametrize(
    "body", [Hostile(), os.system, subprocess.Popen, Path("x"), eval, api.validate], ids=lambda b: type(b).__name__
)
def test_an_answer_names_plain_data_only(body: object) -> None:
    with pytest.raises(pickle.UnpicklingError, match="is no plain data"):
        load(dump(body))
