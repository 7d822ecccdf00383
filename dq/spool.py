"""Local copies of files that lie elsewhere, so that what is hashed, judged and split are the same bytes, and a judge
process needs neither network nor credentials. A copy is made while the file has the signature it was listed with."""

from __future__ import annotations

import os
import re
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from dq.errors import HoldError, SourceChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dq.ir.data import DataFile, Partition

Key: TypeAlias = "tuple[str, str]"  # location, signature
_UNLIKE_A_NAME = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class _Copy:
    path: str
    bytes: int
    digest: str


class Spool:
    """At most `most_bytes` in the folder; copies of the last `keep` partitions stay, older ones make room.

    `fetch` copies one file to a path and returns its SHA-256; `at_once` of them run.
    """

    def __init__(
        self, fetch: Callable[[DataFile, str], str], folder: str, most_bytes: int, keep: int = 1, at_once: int = 8
    ) -> None:
        self.folder, self._fetch, self._most, self._at_once = folder, fetch, most_bytes, at_once
        self._copies: OrderedDict[Key, _Copy] = OrderedDict()
        self._kept: deque[frozenset[Key]] = deque(maxlen=keep)
        self._names = count()

    def digests(self, files: Sequence[DataFile]) -> list[str]:
        """SHA-256 of each. Raises SourceChanged, HoldError where they do not fit."""
        self._bring(files)
        return [f.digest if _is_local(f) else self._copies[_key(f)].digest for f in files]

    def local(self, partition: Partition) -> Partition:
        """The partition with its files here. Raises SourceChanged, HoldError where they do not fit."""
        return replace(partition, files=self.files(partition.files))

    def files(self, files: Sequence[DataFile]) -> tuple[DataFile, ...]:
        mine = frozenset(_key(f) for f in files if not _is_local(f))
        if mine in self._kept:
            self._kept.remove(mine)
        self._kept.append(mine)
        self._bring(files)
        return tuple(f if _is_local(f) else self._placed(f) for f in files)

    def _placed(self, file: DataFile) -> DataFile:
        copy = self._copies[_key(file)]
        if file.digest and copy.digest != file.digest:
            raise SourceChanged(f"{file.location} changed after it was judged: judged again next time")
        return replace(file, location=copy.path)

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
                self._copies[_key(file)] = _Copy(path, os.path.getsize(path), digest)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            for path in {*paths} - {c.path for c in self._copies.values()}:
                _remove(path)
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _make_room(self, wanted: int, mine: Iterable[Key]) -> None:
        kept = frozenset(mine).union(*self._kept)
        taken = sum(c.bytes for c in self._copies.values())
        for key in [k for k in self._copies if k not in kept]:
            if taken + wanted <= self._most:
                return
            copy = self._copies.pop(key)
            _remove(copy.path)
            taken -= copy.bytes
        if taken + wanted > self._most:
            raise HoldError(
                f"{wanted:,} bytes are to be read from elsewhere, and {max(0, self._most - taken):,} fit here: set temp"
                " or spool_bytes in [limits] of dq.toml, or land smaller partitions"
            )


def is_remote(location: str) -> bool:
    return location.startswith("s3://")


def _is_local(file: DataFile) -> bool:
    return not is_remote(file.location)


def _key(file: DataFile) -> Key:
    return file.location, file.signature


def _name(n: int, file: DataFile) -> str:
    """With the endings of the file, which tell formats."""
    return f"{n}-{_UNLIKE_A_NAME.sub('_', file.location.rsplit('/', 1)[-1])[-80:]}"


def _remove(path: str) -> None:
    if os.path.exists(path):
        os.remove(path)
