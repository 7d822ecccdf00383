"""Original lines of a text file, parted into two files of the same form: byte for byte and in their order."""

from __future__ import annotations

import codecs
import gzip
import json
import re
from contextlib import ExitStack, contextmanager
from heapq import merge
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from dq.engines.base import Indivisible, Parted
from dq.engines.duckdb.landed import BOMS, Cut, compression, opened, plain
from dq.errors import EngineError
from dq.ir.positions import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq.ir.data import DataFile
    from dq.ir.positions import FileSplit, TextForm

Block: TypeAlias = "tuple[list[bytes], bytes]"  # whole lines, and what ends each where it is not in them
_LEVEL = 6  # of gzip
_ENDS = {
    "\n": r"[^\n]*\n|[^\n]+",
    "\r": r"[^\r]*\r|[^\r]+",
    "": r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+",
}


def part(file: DataFile, split: FileSplit, good: str, bad: str, rules: str) -> Parted:
    """Write the records of `split` to `bad` and all others to `good`; what stands above the records is in both. Beside
    the bad ones, in `rules`, one JSON object per record tells its line, its lines and its rules.

    Raises Indivisible where lines cannot be told apart, EngineError where they are not those that were read.
    """
    assert split.text is not None
    with ExitStack() as stack:
        stream = stack.enter_context(opened(file))
        kind = compression(file.location)
        kept, withheld = (stack.enter_context(_writer(path, kind)) for path in (good, bad))
        beside = stack.enter_context(open(rules, "w", encoding="utf-8", newline="\n"))
        mark, chunks = _unmarked(plain(stream, file.location))
        kept.write(mark)
        withheld.write(mark)
        sorter = _Sorter(split, kept, withheld, beside)
        try:
            for lines, end in _blocks(chunks, split.text):
                sorter.take(lines, end)
        except (Cut, UnicodeError) as error:
            raise Indivisible(f"{file.path} cannot be parted by lines ({type(error).__name__})") from None
        return sorter.end(file.path)


class _Sorter:
    """Lines go in, in their order; every one goes to one of the two writers, or those above the records to both."""

    def __init__(self, split: FileSplit, kept: Any, withheld: Any, beside: Any) -> None:
        assert split.text is not None
        self._above = split.text.above
        self._kept, self._withheld, self._beside = kept, withheld, beside
        self._records = _records(split)
        self._next = next(self._records, None)
        self._line = 1  # of the file, the next one to come
        self._open = 0  # lines of a withheld record that are still to come
        self._count = 0
        self._any_kept = False

    def take(self, lines: list[bytes], end: bytes) -> None:
        at = 0
        while at < len(lines):
            count = self._run(len(lines) - at)
            text = end.join(lines[at : at + count]) + end
            above = self._line <= self._above
            if above or not self._open:
                self._kept.write(text)
                self._any_kept |= not above and bool(text.strip())
            if above or self._open:
                self._withheld.write(text)
            self._open -= 0 if above else min(self._open, count)
            self._line += count
            at += count

    def _run(self, left: int) -> int:
        """How many of the next lines go the same way."""
        if self._line <= self._above:
            return min(left, self._above + 1 - self._line)
        if not self._open and self._next and self._next[0] == self._line:
            self._begin(*self._next)
        if self._open:
            return min(left, self._open)
        return min(left, self._next[0] - self._line) if self._next and self._next[0] > self._line else left

    def _begin(self, line: int, lines: int, rules: list[str]) -> None:
        self._open = lines
        self._count += 1
        self._next = next(self._records, None)
        self._beside.write(json.dumps({"line": line, "lines": lines, "rules": rules}, ensure_ascii=False) + "\n")

    def end(self, path: str) -> Parted:
        """Raises EngineError where not all records to withhold were met, each whole."""
        if self._open or self._next:
            raise EngineError(f"{path}: a record to withhold is not where it was read")
        return Parted(self._count, self._any_kept)


def _records(split: FileSplit) -> Iterator[tuple[int, int, list[str]]]:
    """First line, lines and rules of every record to withhold, in order."""
    assert split.text is not None
    pairs = unpacked(split.text.wrapped)
    wrapped = dict(zip(pairs[::2], pairs[1::2], strict=True))
    for line, marks in groupby(merge(*(_marks(*rule) for rule in split.rules)), key=itemgetter(0)):
        yield line, wrapped.get(line, 1), [rule for _, rule in marks]


def _marks(rule: str, positions: bytes) -> Iterator[tuple[int, str]]:
    return ((position, rule) for position in unpacked(positions))


def _unmarked(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The byte-order mark, and what comes behind it."""
    first = b""
    while len(first) < max(len(bom) for bom, _ in BOMS) and (chunk := next(chunks, b"")):
        first += chunk
    mark = next((bom for bom, _ in BOMS if first.startswith(bom)), b"")
    return mark, chain([first[len(mark) :]], chunks)


def _blocks(chunks: Iterable[bytes], form: TextForm) -> Iterator[Block]:
    end = "\n".encode(form.encoding)
    if end != b"\n":
        yield from _decoded(chunks, form)
        return
    end, held = form.newline.encode(), b""
    for chunk in chunks:
        if end:
            *lines, held = (held + chunk).split(end)
        else:
            lines = (held + chunk).splitlines(keepends=True)
            held = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        if lines:
            yield lines, end
    if held:
        yield [held], b""


def _decoded(chunks: Iterable[bytes], form: TextForm) -> Iterator[Block]:
    """Where an end of a line is not one byte, or another byte."""
    decoder = codecs.getincrementaldecoder(form.encoding)()
    pattern, held = re.compile(_ENDS[form.newline]), ""
    for chunk in chain(chunks, [b""]):
        lines = pattern.findall(held + decoder.decode(chunk, final=not chunk))
        held = lines.pop() if chunk and lines and not lines[-1].endswith(form.newline or "\n") else ""
        yield [line.encode(form.encoding) for line in lines], b""


@contextmanager
def _writer(path: str, kind: str | None) -> Iterator[Any]:
    """The same bytes whenever the same is written: gzip tells neither name nor time."""
    with open(path, "wb") as raw:
        if kind == "gzip":
            with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=raw, mtime=0) as packing:
                yield packing
        elif kind == "zstd":
            with pa.CompressedOutputStream(pa.PythonFile(raw, "w"), "zstd") as packing:
                yield packing
        else:
            yield raw
