"""Files that lie elsewhere and are read in ranges: whoever owns one answers for its bytes, in this process or through
the channels of a judge process. Whatever opens a file by its location opens it here."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from dq.errors import EngineError, HoldError
from dq.ir.ranged import is_ranged, owner_of, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PIECE_BYTES = 16 << 20  # at most asked for at once
Fetch: TypeAlias = "Callable[[str, int, int], bytes]"  # location, start, end

_fetches: dict[str, Fetch] = {}
_faults: dict[str, HoldError] = {}


def answer(read: Fetch, owner: str = "") -> None:
    """From now on `read` reads the owner's files; without a name those of everybody else. It raises HoldError."""
    _fetches[owner] = read


def leave(owner: str) -> None:
    _fetches.pop(owner, None)
    for place in [p for p in _faults if owner_of(p) == owner]:
        del _faults[place]


def fetch(place: str, start: int, end: int) -> bytes:
    """Raises HoldError."""
    found = _fetches.get(owner_of(place)) or _fetches.get("")
    if found is None:
        raise EngineError("a file that lies elsewhere is not within reach any more")
    return found(place, start, end)


def _read(place: str, start: int, end: int) -> bytes:
    try:
        return fetch(place, start, end)
    except HoldError as error:
        _faults[place] = error
        raise


def fault(places: Iterable[str]) -> HoldError | None:
    """Why one of the files could not be read, once: an engine tells of that in words of its own."""
    return next((_faults.pop(p) for p in places if p in _faults), None)


def opened(place: str) -> BinaryIO:
    """Raises OSError, and reading HoldError."""
    return cast("BinaryIO", RangedFile(place)) if is_ranged(place) else open(place, "rb")


class RangedFile(io.RawIOBase):
    """Every thread has a position of its own: DuckDB's threads seek and read on one file at the same time."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.name, self.size = place, size_of(place)
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
        found = b"".join(_read(self.name, at, min(at + PIECE_BYTES, end)) for at in pieces)
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
