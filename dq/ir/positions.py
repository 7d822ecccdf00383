"""Where rows stand: the aggregate that tells failing rows one by one, in eight bytes each; and what a split takes."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from dq.ir.aggregate import Aggregate, Family
from dq.ir.data import DataFile
from dq.ir.expr import Expr


def packed(positions: Iterable[int]) -> bytes:
    """As little-endian 64-bit integers, eight bytes each."""
    numbers = array("q", positions)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def unpacked(positions: bytes) -> array[int]:
    numbers = array("q", positions)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


@dataclass(frozen=True, slots=True)
class PositionsState:
    """Rows by file, files sorted, their positions from 1 ascending and `packed`. `over`: there were more than
    the limit, and then none are told."""

    files: tuple[tuple[str, bytes], ...] = ()
    over: bool = False

    @property
    def count(self) -> int:
        return sum(len(positions) for _, positions in self.files) // 8


@dataclass(frozen=True, slots=True)
class Positions(Aggregate):
    """Where all rows in scope stand, or with `keys` those whose key occurs more than once; `over` where they are more
    than `limit` (None: no limit). With keys it does not add up over shards, so it does not merge."""

    family: ClassVar[Family] = "rows"
    mergeable: ClassVar[bool] = False
    where: Expr | None
    keys: tuple[Expr, ...] = ()
    limit: int | None = None

    def zero(self) -> PositionsState:
        return PositionsState()


@dataclass(frozen=True, slots=True)
class Places:
    """Where all the rows stand that fail a check, by its id. `lines`: positions are lines of text, not rows; `files`
    is how many the data has, 0 of a frame. `labels`: what a frame itself calls its rows, where it does not count."""

    rows: Mapping[str, PositionsState] = field(default_factory=dict)
    lines: bool = False
    files: int = 0
    labels: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class TextForm:
    """How records lie in the lines of a text file: `above` lines stand before the first, `newline` ends a line (empty:
    any of CRLF, LF and CR), `wrapped` packs (first line, lines) of the records that take several."""

    encoding: str
    newline: str
    above: int = 0
    wrapped: bytes = b""


@dataclass(frozen=True, slots=True)
class FileSplit:
    """The rows of a file that are withheld: packed positions by the id of the rule they broke. In text they are lines,
    and records that could not be read are among them."""

    path: str
    rules: tuple[tuple[str, bytes], ...]
    text: TextForm | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """Both parts of a split partition on local disk. Files without a bad row are the landed ones."""

    good: tuple[DataFile, ...]
    withheld: tuple[DataFile, ...]
    records: int  # withheld


@dataclass(frozen=True, slots=True)
class Selection:
    """What a split withholds, file by file: `bad` rows, and `rejected` records that could not be read as rows.

    Files are parted by it alone, so the same bytes are parted in the same way again."""

    files: tuple[FileSplit, ...]
    bad: int = 0
    rejected: int = 0
