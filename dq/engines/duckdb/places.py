"""Which lines of a CSV file each record takes, so that records can be told apart without reading them again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq.engines.base import Indivisible
from dq.ir.positions import FileSplit, TextForm, packed, unpacked

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator, Mapping, Sequence

    from dq.engines.duckdb.table import Part, Table
    from dq.ir.data import Finding

LOCATED = frozenset({"ragged", "quote", "encoding"})  # faults of single records, whose lines are known
_FETCHED = 100_000  # rows at a time


@dataclass(frozen=True, slots=True)
class Event:
    """Lines that are no row: they stand before row `place` of the file. `kind` is why; empty for a blank line."""

    place: int
    lines: int
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Laid:
    """A file by its lines. `newline` empty: any of CRLF, LF and CR ends one; `events` None: some are in no record."""

    part: Part
    encoding: str
    newline: str
    above: int
    lines: int
    events: list[Event] | None


def lay_out(
    table: Table, laid: Sequence[Laid], findings: Sequence[Finding], bad: Mapping[str, bytes]
) -> tuple[FileSplit, ...]:
    """As Dataset.lay_out says."""
    for finding in findings:
        if finding.kind not in LOCATED:
            raise Indivisible(f"{finding.kind} is no fault of single records")
    return tuple(_split(table, one, bad.get(one.part.file.path, b"")) for one in laid)


def _split(table: Table, laid: Laid, bad: bytes) -> FileSplit:
    if laid.events is None:
        raise Indivisible(f"{laid.part.file.path}: lines are in no record")
    starts = _starts(table, laid, laid.events)
    rejected = [(s, e) for s, e in zip(starts, laid.events, strict=True) if e.kind]
    kinds = dict.fromkeys(e.kind for _, e in rejected)
    rules = tuple((f"table.{kind}", packed(s for s, e in rejected if e.kind == kind)) for kind in kinds)
    wrapped = [n for s, e in rejected if e.lines > 1 for n in (s, e.lines)]
    if laid.part.breaks and bad:
        wrapped += [n for pair in _wrapped(table, laid, starts, unpacked(bad)) for n in pair]
    form = TextForm(laid.encoding, laid.newline, laid.above, packed(wrapped))
    return FileSplit(laid.part.file.path, rules, form)


def _starts(table: Table, laid: Laid, events: list[Event]) -> list[int]:
    """First lines of the events: those before one row follow each other and end where it begins."""
    rows = table.lines_of(laid.part, {e.place for e in events})
    starts: list[int] = []
    later: tuple[int, int] | None = None
    for event in reversed(events):
        end = later[1] if later and later[0] == event.place else rows.get(event.place, laid.lines + 1)
        later = (event.place, end - event.lines)
        starts.append(later[1])
    return starts[::-1]


def _wrapped(table: Table, laid: Laid, starts: list[int], bad: array[int]) -> Iterator[tuple[int, int]]:
    """First line and lines of the bad rows that take several: each ends where the next row or event begins."""
    for line, following in table.gaps(laid.part, laid.lines + 1, _FETCHED):
        place = bisect_left(bad, line)
        if place < len(bad) and bad[place] == line:
            at = bisect_right(starts, line)
            end = min(following, starts[at]) if at < len(starts) else following
            if end - line > 1:
                yield line, end - line
