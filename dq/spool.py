"""Files that lie elsewhere, as they are read here: from local copies, so that what is hashed, judged and split are the
same bytes, or in ranges. A judge process needs neither network nor credentials for it. All that is fetched is fetched
while the file has the signature it was listed with."""

from __future__ import annotations

import os
import re
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

from dq.errors import HoldError, SourceChanged
from dq.ir.data import PINNED, unversioned
from dq.ranges import Claim, Ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dq.ir.data import DataFile, Partition

Key: TypeAlias = "tuple[str, str]"  # location, signature
_UNLIKE_A_NAME = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Ranging:
    """Partitions of more than `above` bytes are read in ranges, if it `fits` their files. `get` fetches a range,
    `identify` tells a digest without reading."""

    above: int
    fits: Callable[[Sequence[DataFile]], bool]
    get: Callable[[DataFile, int, int], bytes]
    identify: Callable[[DataFile], str]


@dataclass(frozen=True, slots=True)
class _Copy:
    path: str
    bytes: int
    digest: str


class Spool:
    """At most `most_bytes` in the folder; copies of the last `keep` partitions stay, older ones make room. What is kept
    of one that is read in ranges takes its share of it, and no more: nothing that is read is ever taken away.

    `fetch` copies one file to a path and returns its SHA-256; `at_once` of them run.
    """

    def __init__(
        self, fetch: Callable[[DataFile, str], str], folder: str, most_bytes: int, keep: int = 1, at_once: int = 8,
        ranging: Ranging | None = None,
    ) -> None:  # fmt: skip
        self.folder, self._fetch, self._most, self._at_once = folder, fetch, most_bytes, at_once
        self._copies: OrderedDict[Key, _Copy] = OrderedDict()
        self._kept: deque[frozenset[Key]] = deque(maxlen=keep)
        self._share = most_bytes // keep
        self._names = count()
        self._taken, self._lock = 0, Lock()  # bytes, of copies and ranges
        self.owner, self._ranging = uuid4().hex, ranging
        self._ranges = Ranges(ranging.get, folder, self.owner) if ranging else None

    def digests(self, files: Sequence[DataFile]) -> list[str]:
        """SHA-256 of each; of what is read in ranges, what tells it otherwise. Raises SourceChanged, HoldError where
        they do not fit."""
        if self._ranging is not None and self._in_ranges(files):
            with ThreadPoolExecutor(self._at_once) as pool:
                return list(pool.map(self._ranging.identify, files))
        self._bring(files)
        return [f.digest if _is_local(f) else self._copies[_key(f)].digest for f in files]

    def local(self, partition: Partition) -> Partition:
        """The partition with its files here. Raises SourceChanged, HoldError where they do not fit."""
        return replace(partition, files=self.files(partition.files))

    def readable(self, partition: Partition) -> Partition:
        """The partition with its files where engines read them: here, or in ranges."""
        if self._ranges is None or not self._in_ranges(partition.files):
            return self.local(partition)
        self._keep(partition.files)
        for key in self._stale():
            self._evict(key)
        claim = self._sharing()
        files = (f if _is_local(f) else replace(f, location=self._ranges.place(f, claim)) for f in partition.files)
        return replace(partition, files=tuple(files))

    def read(self, place: str, start: int, end: int) -> bytes:
        """A range of a file. Raises SourceChanged, StoreError."""
        assert self._ranges is not None
        return self._ranges.read(place, start, end)

    def expect(self, place: str, start: int, end: int) -> str:
        """Fetch what will be read, as long as there is room to keep it; the file in which it lies where it lay."""
        assert self._ranges is not None
        return self._ranges.expect(place, start, end)

    def fill(self, place: str, start: int, content: bytes) -> None:
        """What the file of `expect` holds where nothing was fetched."""
        assert self._ranges is not None
        self._ranges.fill(place, start, content)

    def _in_ranges(self, files: Sequence[DataFile]) -> bool:
        elsewhere, one = [f for f in files if not _is_local(f)], self._ranging
        return one is not None and sum(f.bytes for f in elsewhere) > one.above and one.fits(elsewhere)

    def files(self, files: Sequence[DataFile]) -> tuple[DataFile, ...]:
        self._keep(files)
        self._forget({_key(f) for f in files}.__contains__)
        self._bring(files)
        return tuple(f if _is_local(f) else self._placed(f) for f in files)

    def _keep(self, files: Iterable[DataFile]) -> None:
        mine = frozenset(_key(f) for f in files if not _is_local(f))
        if mine in self._kept:
            self._kept.remove(mine)
        self._kept.append(mine)
        kept = frozenset().union(*self._kept)
        self._forget(lambda key: key not in kept)

    def _forget(self, gone: Callable[[Key], bool]) -> None:
        if self._ranges is not None:
            self._release(self._ranges.forget(gone))

    def _sharing(self) -> Claim:
        """Of one partition."""
        left, lock = self._share, Lock()

        def claim(wanted: int) -> bool:
            nonlocal left
            with lock:
                fits = wanted <= left and self._claim(wanted)
                left -= wanted if fits else 0
                return fits

        return claim

    def _claim(self, wanted: int) -> bool:
        with self._lock:
            fits = self._taken + wanted <= self._most
            self._taken += wanted if fits else 0
            return fits

    def _release(self, given: int) -> None:
        with self._lock:
            self._taken -= given

    def _placed(self, file: DataFile) -> DataFile:
        copy = self._copies[_key(file)]
        if file.digest and copy.digest != file.digest and not file.digest.startswith(PINNED):
            raise SourceChanged(f"{file.location} changed after it was judged: judged again next time")
        return replace(file, location=copy.path, digest=copy.digest if file.digest else "")

    def _bring(self, files: Sequence[DataFile]) -> None:
        missing = list({_key(f): f for f in files if not _is_local(f) and _key(f) not in self._copies}.values())
        for file in files:
            if _key(file) in self._copies:
                self._copies.move_to_end(_key(file))
        self._make_room(sum(f.bytes for f in missing), {_key(f) for f in files})
        paths = [os.path.join(self.folder, _name(next(self._names), f)) for f in missing]
        pool = ThreadPoolExecutor(self._at_once)
        try:
            for file, path, digest in zip(missing, paths, pool.map(self._fetch, missing, paths), strict=True):
                self._copies[_key(file)] = _Copy(path, file.bytes, digest)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            for path in {*paths} - {c.path for c in self._copies.values()}:
                _remove(path)
            self._release(sum(f.bytes for f in missing if _key(f) not in self._copies))
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _make_room(self, wanted: int, mine: Iterable[Key]) -> None:
        """For so many bytes, which count as taken from then on."""
        stale = self._stale(mine)
        while not self._claim(wanted):
            if (key := next(stale, None)) is not None:
                self._evict(key)
                continue
            free = max(0, self._most - self._taken)
            raise HoldError(
                f"{wanted:,} bytes are to be read from elsewhere, and {free:,} fit here: set temp"
                " or spool_bytes in [limits] of dq.toml, or land smaller partitions"
            )

    def _stale(self, mine: Iterable[Key] = ()) -> Iterator[Key]:
        """Copies of which nobody reads any more, oldest first."""
        kept = frozenset(mine).union(*self._kept)
        yield from [k for k in self._copies if k not in kept]

    def _evict(self, key: Key) -> None:
        copy = self._copies.pop(key)
        _remove(copy.path)
        self._release(copy.bytes)


def is_remote(location: str) -> bool:
    return location.startswith("s3://")


def _is_local(file: DataFile) -> bool:
    return not is_remote(file.location)


def _key(file: DataFile) -> Key:
    return file.location, file.signature


def _name(n: int, file: DataFile) -> str:
    """With the endings of the file, which tell formats."""
    return f"{n}-{_UNLIKE_A_NAME.sub('_', unversioned(file.location).rsplit('/', 1)[-1])[-80:]}"


def _remove(path: str) -> None:
    if os.path.exists(path):
        os.remove(path)
