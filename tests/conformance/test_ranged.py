"""Files that are read in ranges: every engine and reader sees what it would see in a copy, and nobody sees more."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq.engines import ranged
from dq.engines.duckdb.connect import connect, literal
from dq.engines.duckdb.engine import DuckDB
from dq.engines.parquet import open_parquet
from dq.engines.polars import Polars
from dq.errors import EngineError, HoldError, SourceChanged, StoreError
from dq.ir import aggregate as a
from dq.ir.data import DataFile, Partition, Reading
from dq.ir.expr import Col, Compare, Lit
from dq.ir.ranged import location
from dq.isolation.channels import Replies, Requests
from dq.ranges import Ranges

Elsewhere = Callable[[Path], DataFile]
Kept = Callable[..., DataFile]


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """Files of this disk under locations that say nothing of it."""
    files: list[Path] = []

    class Source:
        def read(self, place: str, start: int, end: int) -> bytes:
            content = files[int(place.rsplit("/", 1)[1].split(".")[0])].read_bytes()
            if content == b"gone":
                raise SourceChanged("it went")
            return content[start:end]

        def expect(self, place: str, start: int, end: int) -> str:
            assert 0 <= start < end <= len(self.read(place, 0, end))
            return ""

        def fill(self, place: str, start: int, content: bytes) -> None:
            raise AssertionError("there is no file to fill")

    def moved(path: Path) -> DataFile:
        files.append(path)
        size = path.stat().st_size
        return DataFile(path.name, size, location("test", len(files) - 1, size))

    ranged.answer(Source(), "test")
    yield moved
    ranged.leave("test")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """A file of this disk elsewhere, of which what is fetched is kept in `ranges-0`."""

    def moved(path: Path, claim: Callable[[int], bool] = lambda _: True) -> DataFile:
        content = path.read_bytes()
        ranges = Ranges(lambda _, start, end: content[start:end], str(tmp_path), "kept")
        ranged.answer(ranges, "kept")
        place = ranges.place(DataFile(path.name, len(content), "s3://b/a", "1"), claim)
        return DataFile(path.name, len(content), place)

    yield moved
    ranged.leave("kept")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame({"x": range(5_000), "s": [f"v{i % 7}" for i in range(5_000)], "y": [0.5] * 5_000})
    frame.write_parquet(path, compression="uncompressed", row_group_size=1_000)
    return path


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[DuckDB]:
    with closing(DuckDB(temp=str(tmp_path / "temp"))) as engine:
        yield engine


def test_engines_see_what_they_see_in_a_copy(duck: DuckDB, file: Path, elsewhere: Elsewhere) -> None:
    asked = (a.Count(), a.Sum(Col(("x",))), a.Min(Col(("s",))), a.Tally(Col(("s",))), a.FirstRows(None, ((("s",),)), 2))
    here, there = (open_parquet([f], Reading()) for f in (DataFile(file.name, 0, str(file)), elsewhere(file)))
    assert there.ranged
    for engine in (duck, Polars()):
        assert engine.run(there, asked) == engine.run(here, asked)


def test_what_is_no_parquet_is_found_as_in_a_copy(tmp_path: Path, elsewhere: Elsewhere) -> None:
    for content in (b"", b"PA", b"PAR1", b"PAR1" + b"x" * 300_000):
        path = tmp_path / "a.parquet"
        path.write_bytes(content)
        here, there = (open_parquet([f], Reading()) for f in (DataFile(path.name, 0, str(path)), elsewhere(path)))
        assert [f.kind for f in there.findings] == [f.kind for f in here.findings] != []


def test_what_only_polars_computes_is_read_from_the_columns_it_needs(file: Path, elsewhere: Elsewhere) -> None:
    dataset = open_parquet([elsewhere(file)], Reading())
    copy = file.parent / "copy"
    copy.mkdir()
    (part,) = dataset.brought(["s"], str(copy)).parts
    (kept,) = (Path(f.location) for f in part.files)
    assert kept.stat().st_size == file.stat().st_size
    assert pl.read_parquet(kept, columns=["s"]).equals(pl.read_parquet(file, columns=["s"]))
    assert kept.read_bytes().count(b"\0") > 20_000, "no other column came along"


@pytest.mark.parametrize("writer", ["duckdb", "pyarrow", "polars"])
def test_readers_of_what_was_brought_look_at_nothing_else(
    duck: DuckDB, tmp_path: Path, writer: str, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other columns are holes; indexes come along, and filters that exclude nothing stand for those of the file."""
    for name, value in (("parquet._TAIL", (16, 16, 1)), ("ranged.GAP_BYTES", 16)):  # else all of so small a file
        monkeypatch.setattr(f"dq.engines.{name}", value)
    path, rows = tmp_path / "a.parquet", range(6_000)
    frame = pl.DataFrame({"a": [i % 9 for i in rows], "s": [f"v{i % 7}" for i in rows], "x": rows})
    if writer == "duckdb":
        duckdb.from_arrow(frame.to_arrow()).write_parquet(str(path), row_group_size=2_048)
    elif writer == "pyarrow":
        pq.write_table(
            frame.to_arrow(),
            path,
            row_group_size=2_000,
            write_page_index=True,
            data_page_size=500,
            bloom_filter_options={"s": True},
        )
    else:
        frame.write_parquet(path, row_group_size=2_000)
    content, room = path.read_bytes(), [1 << 20]
    here = open_parquet([DataFile(path.name, len(content), str(path))], Reading())
    there = open_parquet([kept(path, lambda wanted: wanted <= room[0])], Reading())
    for column, value in ((Col(("s",)), "v3"), (Col(("a",)), 4)):
        near = there.reached([column.path[0]])
        assert not near.ranged
        where = Compare("=", column, Lit(value))
        asked = [a.Count(where), a.Tally(column, where), a.TopValues(column, 3, where), a.Max(column)]
        asked.append(a.FirstRows(where, (column.path,), 2))
        for engine in (duck, Polars()):
            assert engine.run(near, asked) == engine.run(here, asked)
        assert there.reached([column.path[0]]) is near
    room[0] = 0
    assert there.reached(["a", "s"]) is near
    assert (tmp_path / "ranges-0").read_bytes() != content
    assert there.reached(["x"]).ranged, "no room"


def test_a_connection_reads_no_other_file_and_writes_none(file: Path, elsewhere: Elsewhere, tmp_path: Path) -> None:
    mine, other = elsewhere(file), elsewhere(file)
    with connect([mine.location], temp=str(tmp_path / "temp")) as connection:
        count = f"SELECT count(*) FROM read_parquet({literal(mine.location)})"
        assert connection.execute(count).fetchall() == [(5000,)]
        for sql in (
            f"SELECT * FROM read_parquet({literal(other.location)})",
            f"SELECT * FROM read_parquet({literal(mine.location.replace('0.parquet', '*.parquet'))})",
            f"SELECT * FROM read_parquet({literal(str(file))})",
            f"COPY (SELECT 1) TO {literal(mine.location)}",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(sql)


def test_a_range_that_does_not_come_is_no_fault_of_the_bytes(duck: DuckDB, file: Path, elsewhere: Elsewhere) -> None:
    dataset = open_parquet([elsewhere(file)], Reading())
    file.write_bytes(b"gone")
    for engine in (duck, Polars()):
        with pytest.raises(SourceChanged):
            engine.run(dataset, (a.Sum(Col(("x",))),))
    with pytest.raises(SourceChanged):
        open_parquet([elsewhere(file)], Reading())


def test_threads_that_seek_on_one_file_do_not_disturb_each_other(file: Path, elsewhere: Elsewhere) -> None:
    stream = ranged.opened(elsewhere(file).location)
    stream.seek(10)
    other = threading.Thread(target=stream.seek, args=(50,))
    other.start()
    other.join()
    assert stream.read(4) == file.read_bytes()[10:14]


def test_a_judge_process_can_ask_for_files_of_its_partition_only(file: Path, elsewhere: Elsewhere) -> None:
    mine, other = elsewhere(file), elsewhere(file)
    replies = Replies()
    requests = Requests([s.fileno() for s in replies.theirs])
    replies.permit(Partition("t", "p", (), (mine,)))
    assert requests.read(mine.location, 4, 9) == file.read_bytes()[4:9]
    assert replies.fault is None
    for place, start, end in (
        (other.location, 0, 4), (str(file), 0, 4), (mine.location, 9, 4), (mine.location, 0, mine.bytes + 1),
        (mine.location.replace(str(mine.bytes), "9" * 9), 0, 4),
    ):  # fmt: skip
        replies.permit(Partition("t", "p", (), (mine,)))
        with pytest.raises(HoldError, match="not to read"):
            requests.read(place, start, end)
        with pytest.raises(HoldError, match="not to read"):
            requests.fill(place, start, bytes(abs(end - start)) if place != mine.location else bytes(65))
        assert isinstance(replies.fault, EngineError)
    replies.permit(None)
    with pytest.raises(HoldError):
        requests.read(mine.location, 0, 4)
    for theirs in replies.theirs:
        theirs.close()
    replies.close()


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60), st.booleans(), st.booleans()), max_size=12),
    st.integers(0, 100),
)
def test_every_byte_is_fetched_once_while_there_is_room(
    tmp_path_factory: pytest.TempPathFactory, reads: list[tuple[int, int, bool, bool]], room: int
) -> None:
    content, fetched, left = bytes(range(100)), list[int](), [room]

    def get(_: DataFile, start: int, end: int) -> bytes:
        fetched.extend(range(start, end))
        return content[start:end]

    def claim(wanted: int) -> bool:
        fits = wanted <= left[0]
        left[0] -= wanted if fits else 0
        return fits

    ranges, file = Ranges(get, str(tmp_path_factory.mktemp("kept")), "mine"), DataFile("a", 100, "s3://b/a", "1")
    forgotten = 0
    for start, length, ahead, forget in reads:
        place, end = ranges.place(file, claim), min(100, start + length)
        if ahead and (kept := ranges.expect(place, start, end)):
            with open(kept, "rb") as stream:
                assert os.pread(stream.fileno(), end - start, start) == content[start:end]
        assert ranges.read(place, start, end) == content[start:end]
        if forget:
            forgotten += 1
            left[0] += ranges.forget(lambda key: key == ("s3://b/a", "1"))
            assert left[0] == room
    if room == 100 and not forgotten:
        assert len(fetched) == len(set(fetched))


def test_what_is_filled_in_is_never_taken_for_what_was_fetched(tmp_path: Path) -> None:
    ranges = Ranges(lambda _, start, end: bytes(range(100))[start:end], str(tmp_path), "mine")
    place = ranges.place(DataFile("a", 100, "s3://b/a", "1"), lambda _: True)
    kept = Path(ranges.expect(place, 10, 20))
    ranges.fill(place, 40, b"xyz")
    ranges.fill(place, 18, b"xyz")
    assert kept.read_bytes() == bytes(10) + bytes(range(10, 20)) + bytes(20) + b"xyz"
    assert ranges.read(place, 18, 45) == bytes(range(18, 45))
    kept.unlink()
    with pytest.raises(StoreError, match="ENOENT"):
        ranges.fill(place, 60, b"xyz")


def test_what_is_kept_and_damaged_is_a_fault_of_ours(tmp_path: Path) -> None:
    ranges = Ranges(lambda _, start, end: bytes(range(100))[start:end], str(tmp_path), "mine")
    place = ranges.place(DataFile("a", 100, "s3://b/a", "1"), lambda _: True)
    assert ranges.read(place, 10, 90) == ranges.read(place, 10, 90) == bytes(range(10, 90))
    (kept,) = tmp_path.iterdir()
    os.truncate(kept, 50)
    with pytest.raises(StoreError, match="cut off"):
        ranges.read(place, 10, 90)
    kept.unlink()
    with pytest.raises(StoreError, match="ENOENT"):
        ranges.read(place, 10, 90)
    assert ranges.forget(lambda _: False) == 0
    assert ranges.forget(lambda _: True) == 80
