"""Where column chunks lie in a file, and some of them in a file of their own. Numbers are Parquet's field ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq.engines.ranged import opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq.engines.parquet.statistics import Struct

_CHUNK = 1 << 24


def span(meta: Struct) -> tuple[int, int]:
    """First byte of a column chunk, and the one behind it."""
    start = min(meta[9], meta.get(11) or meta[9])  # data page, dictionary page
    return start, start + meta[7]


def spans(chunk: Struct, size: int) -> Iterator[tuple[int, int]]:
    """Of a column chunk with its indexes and its filter, which lie apart from it and are as long as somebody says."""
    meta = chunk[3]
    yield span(meta)
    for start, length in ((chunk.get(4), chunk.get(5)), (chunk.get(6), chunk.get(7)), (meta.get(14), meta.get(15))):
        if start and 0 < start < size:
            yield start, size if length is None else min(start + max(0, length), size)


def chunks_of(footer: Struct) -> Iterator[Struct]:
    return (chunk for group in footer[4] for chunk in group[1])


def copied(location: str, path: str, footer: Struct, wanted: Iterable[Struct]) -> None:
    """The file with nothing but these chunks and what lies behind the last one: all is where it was, between it are
    holes. For readers that read what they are asked for and no more."""
    with opened(location) as source, open(path, "wb") as target:
        size = source.seek(0, 2)
        behind = max((span(chunk[3])[1] for chunk in chunks_of(footer)), default=4)
        target.truncate(size)
        for start, end in sorted([(0, 4), (behind, size), *(span(chunk[3]) for chunk in wanted)]):
            for at in range(start, end, _CHUNK):
                source.seek(at)
                target.seek(at)
                target.write(source.read(min(_CHUNK, end - at)))
