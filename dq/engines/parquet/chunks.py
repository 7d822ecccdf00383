"""Where column chunks lie in a file, and some of them in a file of their own. Numbers are Parquet's field ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq.engines.ranged import opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq.engines.parquet.statistics import Struct

_CHUNK = 1 << 24
# A Bloom filter of one block in which every bit is set: it excludes nothing.
# Header by https://parquet.apache.org/docs/file-format/bloomfilter/
ANYTHING = bytes.fromhex("15401c1c00001c1c00001c1c000000") + b"\xff" * 32


def span(meta: Struct) -> tuple[int, int]:
    """First byte of a column chunk, and the one behind it."""
    start = min(meta[9], meta.get(11) or meta[9])  # data page, dictionary page
    return start, start + meta[7]


def spans(chunk: Struct, size: int) -> Iterator[tuple[int, int]]:
    """Of a column chunk with its indexes, which lie apart from it and are as long as somebody says."""
    yield span(chunk[3])
    for start, length in ((chunk.get(4), chunk.get(5)), (chunk.get(6), chunk.get(7))):
        if start and 0 < start < size:
            yield start, size if length is None else min(start + max(0, length), size)


def filters(wanted: Iterable[Struct], size: int) -> list[int]:
    """Where Bloom filters of these chunks begin. They spare the fetching of chunks: once those are fetched, ANYTHING
    does in their place."""
    return [at for chunk in wanted if (at := chunk[3].get(14)) and 0 < at <= size - len(ANYTHING)]


def chunks_of(footer: Struct) -> Iterator[Struct]:
    return (chunk for group in footer[4] for chunk in group[1])


def copied(location: str, path: str, wanted: Iterable[tuple[int, int]], filtered: Iterable[int]) -> None:
    """The file with nothing but these bytes, and filters: all are where they were, between them are holes. For readers
    that read what they are asked for and no more."""
    with opened(location) as source, open(path, "wb") as target:
        target.truncate(source.seek(0, 2))
        for at in filtered:
            target.seek(at)
            target.write(ANYTHING)
        for start, end in sorted(wanted):
            for at in range(start, end, _CHUNK):
                source.seek(at)
                target.seek(at)
                target.write(source.read(min(_CHUNK, end - at)))
