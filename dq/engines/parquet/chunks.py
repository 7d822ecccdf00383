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


def chunks_of(footer: Struct) -> Iterator[Struct]:
    return (chunk[3] for group in footer[4] for chunk in group[1])


def copied(location: str, path: str, footer: Struct, wanted: Iterable[Struct]) -> None:
    """The file with nothing but these chunks and what lies behind the last one: all is where it was, between it are
    holes. For readers that read what they are asked for and no more."""
    with opened(location) as source, open(path, "wb") as target:
        size = source.seek(0, 2)
        behind = max((span(meta)[1] for meta in chunks_of(footer)), default=4)
        target.truncate(size)
        for start, end in sorted([(0, 4), (behind, size), *map(span, wanted)]):
            for at in range(start, end, _CHUNK):
                source.seek(at)
                target.seek(at)
                target.write(source.read(min(_CHUNK, end - at)))
