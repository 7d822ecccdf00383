"""Files that lie elsewhere and are read in ranges: whoever owns one answers for its bytes, in this process or through
the channels of a judge process. Whatever opens a file by its location opens it here."""

from __future__ import annotations

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeAlias, cast

from dq.errors import EngineError, HoldError
from dq.ir.ranged import is_ranged, owner_of, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PIECE_BYTES = 16 << 20  # at most asked for at once
GAP_BYTES = 1 << 14  # between ranges, read rather than asked around
_AT_ONCE = 8
Fetch: TypeAlias = "Callable[[str, int, int], bytes]"  # location, start, end


class Source(Protocol):
    """Reads files by location, start and end. Raises HoldError."""

    def read(self, place: str, start: int, end: int, /) -> bytes: ...

    def expect(self, place: str, start: int, end: int, /) -> str:
        """The range will be read: it may be fetched now. The file here in which it lies where it lay, if any."""
        ...

    def fill(self, place: str, start: int, content: bytes, /) -> None:
        """What stands in that file where nothing was fetched, for who need not know what stands there."""
        ...


_sources: dict[str, Source] = {}
_faults: dict[str, HoldError] = {}


def answer(source: Source, owner: str = "") -> None:
    """From now on it reads the owner's files; without a name those of everybody else."""
    _sources[owner] = source


def leave(owner: str) -> None:
    _sources.pop(owner, None)
    for place in [p for p in _faults if owner_of(p) == owner]:
        del _faults[place]


def source_of(place: str) -> Source:
    """Raises EngineError."""
    found = _sources.get(owner_of(place)) or _sources.get("")
    if found is None:
        raise EngineError("a file that lies elsewhere is not within reach any more")
    return found


def fetch(place: str, start: int, end: int) -> bytes:
    """Raises HoldError."""
    return source_of(place).read(place, start, end)


def expect(wanted: Iterable[tuple[str, int, int]]) -> dict[str, str]:
    """These ranges (location, start, end) will be read: what lies side by side is asked for at once, and many at the
    same time. By location, files here in which all of them lie where they lay. Raises HoldError."""
    found: dict[str, set[str]] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pieces = list(_pieces(wanted))
        for (place, *_), path in zip(pieces, pool.map(lambda p: source_of(p[0]).expect(*p), pieces), strict=True):
            found.setdefault(place, set()).add(path)
    return {place: path for place, (path, *more) in found.items() if path and not more}


def fill(contents: Iterable[tuple[str, int, bytes]]) -> None:
    """In the files that `expect` told of (location, start, content). Raises HoldError."""
    for place, start, content in contents:
        source_of(place).fill(place, start, content)


def _pieces(wanted: Iterable[tuple[str, int, int]]) -> Iterator[tuple[str, int, int]]:
    joined: list[tuple[str, int, int]] = []
    for place, start, end in sorted(wanted):
        if joined and joined[-1][0] == place and start <= joined[-1][2] + GAP_BYTES:
            joined[-1] = place, joined[-1][1], max(end, joined[-1][2])
        else:
            joined.append((place, start, end))
    for place, start, end in joined:
        yield from ((place, at, min(at + PIECE_BYTES, end)) for at in range(start, end, PIECE_BYTES))


def noted(place: str, start: int, end: int) -> bytes:
    """`fetch` for an engine that tells of its failing in words of its own: `fault` tells it again, once."""
    try:
        return fetch(place, start, end)
    except HoldError as error:
        _faults[place] = error
        raise


def fault(places: Iterable[str]) -> HoldError | None:
    """Why one of the files could not be read."""
    return next((_faults.pop(p) for p in places if p in _faults), None)


def opened(place: str) -> BinaryIO:
    """Raises OSError, and reading HoldError."""
    return cast("BinaryIO", RangedFile(place)) if is_ranged(place) else open(place, "rb")


class RangedFile(io.RawIOBase):
    """Every thread has a position of its own: DuckDB's threads seek and read on one file at the same time."""

    def __init__(self, place: str, read: Fetch = fetch) -> None:
        super().__init__()
        self.name, self.size, self._fetch = place, size_of(place), read
        self._own = threading.local()

    def tell(self) -> int:
        return getattr(self._own, "at", 0)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self.size}[whence]
        self._own.at = base + offset
        return self.tell()

    def read(self, size: int | None = -1) -> bytes:
        start = self.tell()
        end = self.size if size is None or size < 0 else min(start + size, self.size)
        pieces = range(start, end, PIECE_BYTES)
        found = b"".join(self._fetch(self.name, at, min(at + PIECE_BYTES, end)) for at in pieces)
        self._own.at = start + len(found)
        return found

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any) -> int:
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True
