"""The index of history: faster where it is sound, and nothing else, whatever becomes of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from dq.errors import StoreError
from dq.history import History
from dq.ir.data import DataFile, Field, Kind, Schema, Type
from dq.ir.result import Decision, Publication, Verdict
from dq.stores.base import Entry
from dq.stores.local import LocalStore

SCHEMA = Schema((Field("a", Type(Kind.INT64)), Field("b", Type(Kind.STRING))))
COUNT = 20


class Counted(LocalStore):
    """A local zone that counts which records are read one by one."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.opened: list[str] = []

    def read(self, path: str) -> bytes | None:
        self.opened.append(path)
        return super().read(path)


def decision(day: int, n: int = 1, digest: str = "d", **changes: Any) -> Decision:
    at = datetime(2026, 3, 1, 0, day, n, tzinfo=UTC).isoformat()
    files = (DataFile("part-0", 10 + day, f"/landing/{day}/part-0", f"sig-{day}", "f" * 64),)
    made: dict[str, Any] = {
        "source": "trips", "partition": f"day={day}", "digest": digest, "n": n, "verdict": Verdict.PROMOTE,
        "decided_at": at, "run_id": "r", "suite_digest": "s", "content": f"c{day}", "files": files, "rows": day,
        "values": (("table.row_count", day), ("fare.mean", 0.5)), "schema": SCHEMA,
    } | changes  # fmt: skip
    return Decision(**made)


def commit(day: int, revision: int = 1) -> Publication:
    one = decision(day)
    return Publication("trips", one.partition, revision, "d", f"trips/day={day}", one.files, one.decided_at, "r")


def written(root: Path, days: range = range(COUNT)) -> None:
    history = History(LocalStore(root))
    history.decisions("trips"), history.publications("trips")
    for day in days:
        history.record(decision(day), {}, None)
        history.publish(commit(day))
    history.gather()


def told(root: Path) -> tuple[Any, Any, int]:
    """What history says, and how many records it read one by one for it."""
    store = Counted(root)
    history = History(store)
    said = history.decisions("trips"), history.publications("trips")
    return *said, sum(not p.startswith("index/") for p in store.opened)


def indexes(root: Path) -> list[Path]:
    return sorted((root / "index").rglob("*.json"))


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    written(tmp_path)
    return tmp_path


def test_what_was_gathered_is_what_the_records_say_and_none_is_read(zone: Path) -> None:
    decisions, publications, opened = told(zone)
    assert opened == 0
    shutil.rmtree(zone / "index")
    assert told(zone) == (decisions, publications, 2 * COUNT)
    assert decisions == {f"day={d}": {"d": decision(d)} for d in range(COUNT)}
    assert publications == {f"day={d}": [commit(d)] for d in range(COUNT)}


def test_records_that_are_not_gathered_are_read_at_once_where_reading_takes_long(zone: Path) -> None:
    class Far(LocalStore):
        at_once = COUNT
        together = Barrier(COUNT)

        def read(self, path: str) -> bytes | None:
            self.together.wait(60)
            return super().read(path)

    decisions, _, _ = told(zone)
    shutil.rmtree(zone / "index")
    assert History(Far(zone)).decisions("trips") == decisions


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def scramble(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"day=3", b"day=8"))


def belie(file: Path) -> None:
    file.write_bytes(b'{"parts":[],"records":[]}')


DAMAGE: list[Callable[[Path], Any]] = [Path.unlink, truncate, scramble, belie, lambda f: os.truncate(f, 0)]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_lost_or_damaged_index_costs_only_time(zone: Path, damage: Callable[[Path], Any]) -> None:
    decisions, publications, _ = told(zone)
    for file in indexes(zone):
        damage(file)
    assert told(zone) == (decisions, publications, 2 * COUNT)
    written(zone, range(COUNT, COUNT + 1))
    assert told(zone)[2] == 0
    assert len(indexes(zone)) == 2


def test_records_beside_an_index_that_lags_count(zone: Path) -> None:
    """New decisions, a higher n, and records that are gone again: the listing rules."""
    history = History(LocalStore(zone))
    history.record(decision(7, n=2, verdict=Verdict.QUARANTINE, by="me"), {}, None)
    history.record(decision(COUNT), {}, None)
    shutil.rmtree(zone / "decisions" / "trips" / "day=3")
    decisions, _, opened = told(zone)
    assert opened == 2
    assert decisions["day=7"]["d"].n == 2
    assert decisions["day=7"]["d"].verdict is Verdict.QUARANTINE
    assert decisions[f"day={COUNT}"] == {"d": decision(COUNT)}
    assert "day=3" not in decisions


def test_a_record_that_was_touched_is_read_itself(zone: Path) -> None:
    """Also when it is no record any more: the index does not cover it up."""
    path = zone / "decisions" / "trips" / "day=5" / "d" / "1.json"
    path.write_bytes(path.read_bytes())
    assert told(zone)[2] == 1
    path.write_text("{}")
    with pytest.raises(StoreError, match=r"decisions/trips/day=5/d/1\.json is no record of the gate"):
        told(zone)


def test_few_new_records_leave_the_index_and_many_renew_it(zone: Path) -> None:
    before = indexes(zone)
    written(zone, range(COUNT, COUNT + 1))
    assert indexes(zone) == before
    assert told(zone)[2] == 2
    written(zone, range(COUNT + 1, COUNT + 2))
    assert set(indexes(zone)).isdisjoint(before)
    assert told(zone)[2] == 0


def test_two_gates_that_gather_at_once_leave_a_sound_index(tmp_path: Path) -> None:
    """Each lists before the other writes, so that both files stand; the next gate leaves one."""
    one, other = History(LocalStore(tmp_path)), History(Late(tmp_path))
    for history, days in ((one, range(8)), (other, range(8, 16))):
        history.decisions("trips")
        for day in days:
            history.record(decision(day), {}, None)

    def meanwhile() -> None:
        one.record(decision(16), {}, None)
        one.gather()

    other.store.first = meanwhile  # type: ignore[attr-defined]
    other.gather()
    assert len(indexes(tmp_path)) == 2
    assert set(told(tmp_path)[0]) == {f"day={d}" for d in range(17)}
    written(tmp_path, range(17, 19))
    assert len(indexes(tmp_path / "index" / "decisions")) <= 1
    assert told(tmp_path)[2] == 0


class Late(LocalStore):
    """Between listing the indexes and writing its own, another gate writes and removes."""

    first: Callable[[], None] | None = None

    def put_if_absent(self, path: str, content: bytes) -> bool:
        if path.startswith("index/") and self.first is not None:
            first, self.first = self.first, None
            first()
        return super().put_if_absent(path, content)


def test_an_index_that_cannot_be_read_or_written_costs_only_time(zone: Path, caplog: pytest.LogCaptureFixture) -> None:
    decisions, publications, _ = told(zone)
    store = Barred(zone)
    history = History(store)
    assert (history.decisions("trips"), history.publications("trips")) == (decisions, publications)
    history.gather()
    assert "costs time only" in caplog.text


class Barred(LocalStore):
    """A zone whose index nobody may open."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        if prefix.startswith("index/"):
            raise StoreError(f"cannot list {prefix}: Permission denied (EACCES)")
        return super().list(prefix)
