"""A landing file changes while an engine is in the middle of it: what was read is void, and judged again."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dq import api, config
from dq.isolation.pool import end_idle
from tests.survival.place import CONTRACT, Place
from tests.threats.test_isolation import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ROWS = 250_000


def write(path: Path, start: int, rows: int) -> None:
    frame = pl.DataFrame({"id": range(start, start + rows), "fare": [5.0] * rows})
    frame.write_csv(path) if path.suffix == ".csv" else frame.write_parquet(path, row_group_size=20_000)


def overwritten(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def appended(path: Path, other: Path) -> None:
    with open(path, "ab") as stream:
        stream.write(other.read_bytes().split(b"\n", 1)[1])


def added(path: Path, other: Path) -> None:
    other.rename(path.with_name(f"part-9{path.suffix}"))


CHANGES: dict[str, tuple[Callable[[Path, Path], object], list[int]]] = {
    "replaced": (lambda path, other: other.rename(path), [10, 700]),
    "overwritten": (overwritten, [10, 700]),
    "appended": (appended, [10, ROWS + 700]),
    "removed": (lambda path, _: path.unlink(), [10]),
    "added": (added, [10, ROWS, 700]),
}


class InTheMiddle(threading.Thread):
    """Stops the judge process as soon as it has the file open, does something to the file, and lets it go on."""

    def __init__(self, path: Path, change: Callable[[], object], before: set[int]) -> None:
        super().__init__(daemon=True)
        self.path, self.change, self.before, self.done = str(path), change, before, False

    def run(self) -> None:
        until = time.monotonic() + 60
        while not self.done and time.monotonic() < until:
            for pid in children() - self.before:
                if self._reads(pid):
                    os.kill(pid, signal.SIGSTOP)
                    self.change()
                    os.kill(pid, signal.SIGCONT)
                    self.done = True
                    return

    def _reads(self, pid: int) -> bool:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                if os.readlink(entry) == self.path:
                    return True
            except OSError:
                continue
        return False


@pytest.mark.parametrize(
    ("how", "suffix"),
    [
        ("appended", ".csv"), ("overwritten", ".parquet"), ("replaced", ".parquet"),
        *(pytest.param(*p, marks=pytest.mark.soak) for p in (
            ("added", ".csv"), ("removed", ".parquet"), ("replaced", ".csv"), ("overwritten", ".csv")
        )),
    ],
)  # fmt: skip
def test_what_was_read_is_void_and_judged_again(tmp_path: Path, how: str, suffix: str) -> None:
    place = Place(tmp_path / "place")
    place.layout("auto", isolated=True)
    (place.root / "suites" / "trips.yaml").write_text(CONTRACT + f"format: {suffix[1:]}\n")
    folder = place.root / "landing" / "trips" / "dt=2026-03-01"
    folder.mkdir()
    write(folder / f"part-0{suffix}", 5_000_000, 10)
    write(path := folder / f"part-1{suffix}", 0, ROWS)
    write(other := tmp_path / f"other{suffix}", 1_000_000, 700)
    change, rows = CHANGES[how]
    end_idle()
    meddler = InTheMiddle(path.resolve(), lambda: change(path, other), children())
    meddler.start()
    documents = list(api.gate("trips", config=config.load(place.settings, environment={})))
    meddler.join()
    assert meddler.done, "the engine was never seen reading"
    assert [(d["verdict"], d["rows"], d["success"]) for d in documents] == [("promote", sum(rows), True)]
    assert len(place.records("decisions")) == 1
    assert not (place.root / "_dq" / "attempts").exists()
    landed = {p.removeprefix("trips/"): d for p, d in place.files("landing").items()}
    assert {p.removeprefix("trips/"): d for p, d in place.files("curated").items() if ".dq" not in p} == landed
