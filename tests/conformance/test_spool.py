"""Local copies: fetched once, while they are what was listed; old ones make room, those in use do not."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dq.errors import HoldError, SourceChanged
from dq.ir.data import DataFile, Partition
from dq.spool import Ranging, Spool


class Elsewhere:
    def __init__(self, folder: Path, most_bytes: int = 1000, keep: int = 2, ranged: int = 1 << 40) -> None:
        self.fetched: list[str] = []
        self.folder = folder
        ranging = Ranging(ranged, lambda _: True, lambda _, start, end: bytes(end - start), lambda _: "etag")
        self.spool = Spool(self._fetch, str(folder), most_bytes, keep, ranging=ranging)

    def _fetch(self, file: DataFile, path: str) -> str:
        self.fetched.append(file.path)
        content = file.path.encode().ljust(file.bytes)
        Path(path).write_bytes(content)
        if file.signature == "gone":
            raise SourceChanged(file.location)
        return hashlib.sha256(content).hexdigest()

    def partition(self, *names: str, size: int = 300, signature: str = "1", digest: str = "") -> Partition:
        files = tuple(DataFile(n, size, f"s3://b/{n}", signature, digest) for n in names)
        return Partition("trips", names[0], (), files)


def test_what_was_hashed_is_what_is_opened(tmp_path: Path) -> None:
    at = Elsewhere(tmp_path)
    partition = at.partition("a.csv.gz", "odd [*]\n.parquet")
    digests = at.spool.digests(partition.files)
    local = at.spool.local(partition)
    assert [hashlib.sha256(Path(f.location).read_bytes()).hexdigest() for f in local.files] == digests
    assert sorted(at.fetched) == ["a.csv.gz", "odd [*]\n.parquet"]
    assert [Path(f.location).suffix for f in local.files] == [".gz", ".parquet"]
    assert all(Path(f.location).parent == tmp_path for f in local.files)


def test_old_copies_make_room_and_kept_ones_do_not(tmp_path: Path) -> None:
    at = Elsewhere(tmp_path)
    names = "abcdefg"
    for name in names:
        local = at.spool.local(at.partition(name))
        before = at.spool.local(at.partition(name))
        assert before == local
        assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 1000
    assert at.fetched == list(names)
    at.spool.local(at.partition("f"))
    assert at.fetched == list(names), "one of the last two is still here"
    at.spool.local(at.partition("a"))
    assert at.fetched == [*names, "a"]


def test_what_does_not_fit_is_a_hold_that_says_so(tmp_path: Path) -> None:
    at = Elsewhere(tmp_path)
    with pytest.raises(HoldError, match="1,200 bytes are to be read from elsewhere, and 1,000 fit here"):
        at.spool.local(at.partition("a", "b", "c", "d"))
    assert at.fetched == []
    at.spool.local(at.partition("a", "b", "c"))


def test_another_object_under_the_name_is_another_copy(tmp_path: Path) -> None:
    at = Elsewhere(tmp_path)
    first = at.spool.local(at.partition("a"))
    second = at.spool.local(at.partition("a", signature="2"))
    assert first.files[0].location != second.files[0].location
    assert at.fetched == ["a", "a"]


def test_what_is_not_what_was_judged_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(SourceChanged):
        Elsewhere(tmp_path).spool.local(Elsewhere(tmp_path).partition("a", digest="0" * 64))


def test_a_copy_that_failed_leaves_nothing(tmp_path: Path) -> None:
    at = Elsewhere(tmp_path)
    with pytest.raises(SourceChanged):
        at.spool.digests([*at.partition("a").files, *at.partition("b", signature="gone").files])
    assert len(os.listdir(tmp_path)) <= 1
    at.spool.local(at.partition("a"))
    assert at.fetched.count("a") == 1 + (len(os.listdir(tmp_path)) == 0)


def test_local_files_stay_where_they_are(tmp_path: Path) -> None:
    at = Elsewhere(tmp_path)
    partition = Partition("trips", "a", (), (DataFile("a", 5, "/data/a", "1", "d"),))
    assert at.spool.local(partition) == partition
    assert at.spool.digests(partition.files) == ["d"]


def test_what_is_read_in_ranges_takes_its_share_and_keeps_it_while_it_is_read(tmp_path: Path) -> None:
    at = Elsewhere(tmp_path, ranged=400)
    at.spool.local(at.partition("small"))
    places = [at.spool.readable(at.partition(name, size=900)).files[0].location for name in "ab"]
    kept = [at.spool.expect(place, 0, 500) for place in places]
    assert [Path(path).stat().st_size for path in kept] == [500, 500], "of the small one nothing is read any more"
    for place in places:
        assert at.spool.expect(place, 500, 501) == "", "no more than its share"
        assert at.spool.read(place, 500, 501) == b"\0"
    at.spool.local(at.partition("text", size=100))
    assert [Path(path).exists() for path in kept] == [False, True], "as with copies: the last two stay"
    assert at.spool.local(at.partition("b", size=900)).bytes == 900, "in the place of its ranges"
