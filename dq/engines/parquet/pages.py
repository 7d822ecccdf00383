"""Checksums of pages, where the writer stored them: no engine compares them. Numbers are Parquet's field ids."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Literal, TypeAlias

from dq.engines.parquet import thrift
from dq.engines.parquet.chunks import span
from dq.engines.ranged import opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from dq.engines.parquet.statistics import Struct

Checked: TypeAlias = Literal["all", "some", "none"]
_HEADER_BYTES = 1 << 12
_LONGEST_HEADER = 1 << 24
_CHUNK = 1 << 20
_AHEAD = 8 << 20  # read at once where all pages are looked at


class Damaged(Exception):
    """A page is not what was written."""


def check(location: str, chunks: Iterable[Struct]) -> Checked:
    """Whether the pages of these column chunks carry checksums; all of them hold. Raises Damaged.

    Where the first page has none, none is looked for.
    """
    seen: set[bool] = set()
    with opened(location) as stream:
        for meta in chunks:
            ahead = _Ahead(stream, span(meta)[1])
            for header, start in _pages(ahead, meta):
                stored = header.get(4)
                seen.add(stored is not None)
                ahead.least = _AHEAD
                if seen == {False}:
                    return "none"
                if stored is not None and _crc(ahead, start, header[3]) != stored & 0xFFFFFFFF:
                    raise Damaged("the checksum of a page does not hold")
    return joined({"all" if s else "none" for s in seen})


def joined(seen: set[Checked]) -> Checked:
    """Of a whole whose parts were checked so."""
    return next(iter(seen)) if len(seen) == 1 else "some" if seen else "none"


class _Ahead:
    """Reads of one chunk from front to back: few, and no byte behind it."""

    def __init__(self, stream: BinaryIO, end: int) -> None:
        self._stream, self._end, self.least = stream, end, 0
        self._start, self._held = 0, b""

    def read(self, at: int, size: int) -> bytes:
        end = min(at + size, self._end)
        if not self._start <= at <= end <= self._start + len(self._held):
            self._stream.seek(at)
            self._start, self._held = at, self._stream.read(min(max(size, self.least), self._end - at))
        return self._held[at - self._start : end - self._start]


def _pages(stream: _Ahead, meta: Struct) -> Iterator[tuple[Struct, int]]:
    """Headers of the chunk's pages, and where their bytes begin. No checksum holds for a header: it is compared with
    what the footer says."""
    (at, end), values = span(meta), 0
    while at < end:
        header, length = _header(stream, at)
        size = header.get(3)
        if not isinstance(size, int) or size < 0 or at + length + size > end:
            raise Damaged("the header of a page does not fit its column")
        if not _plausible(header, meta):
            raise Damaged("the header of a page does not fit its column")
        values += (header.get(5) or header.get(8) or {}).get(1, 0)
        yield header, at + length
        at += length + size
    if values != meta[5]:
        raise Damaged("pages do not hold the values of their column")


def _plausible(header: Struct, meta: Struct) -> bool:
    """Whether the page is of a known type and in an encoding that the footer announces."""
    match header.get(1):
        case 2:
            return header.get(7, {}).get(2) in (0, 2)  # a dictionary: PLAIN, under either name
        case 0:
            return header.get(5, {}).get(2) in meta[2]
        case 3:
            return header.get(8, {}).get(4) in meta[2]
    return header.get(1) == 1  # an index, which nobody writes


def _header(stream: _Ahead, at: int) -> tuple[Struct, int]:
    wanted = _HEADER_BYTES
    while True:
        found = stream.read(at, wanted)
        try:
            return thrift.read(found)
        except thrift.Malformed:
            if len(found) < wanted or wanted >= _LONGEST_HEADER:
                raise Damaged("the header of a page cannot be read") from None
            wanted *= 16


def _crc(stream: _Ahead, start: int, size: int) -> int:
    found, end = 0, start + size
    while start < end and (chunk := stream.read(start, min(end - start, _CHUNK))):
        found = zlib.crc32(chunk, found)
        start += len(chunk)
    return found
