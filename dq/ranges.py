"""Ranges of files that lie elsewhere. While there is room for it each byte is fetched once, and kept in a file with
holes; a range is fetched while the whole file has the signature it was listed with."""

from __future__ import annotations

import math
import os
from bisect import bisect_left, bisect_right
from contextlib import suppress
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from dq.errors import StoreError, said_by_system
from dq.ir.ranged import location

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq.ir.data import DataFile


Claim: TypeAlias = "Callable[[int], bool]"  # whether so many more bytes may be kept


class Ranges:
    """`get` fetches a range of a file, to be kept in the folder. Threads may read at the same time."""

    def __init__(self, get: Callable[[DataFile, int, int], bytes], folder: str, owner: str) -> None:
        self._get, self._folder, self._owner = get, folder, owner
        self._numbers = count()
        self._places: dict[tuple[str, str], str] = {}
        self._files: dict[str, tuple[DataFile, _Kept]] = {}

    def place(self, file: DataFile, claim: Claim) -> str:
        """The location under which the file is read, the same until it is forgotten."""
        key = file.location, file.signature
        if key not in self._places:
            number = next(self._numbers)
            place = self._places[key] = location(self._owner, number, file.bytes)
            self._files[place] = file, _Kept(os.path.join(self._folder, f"ranges-{number}"), claim)
        return self._places[key]

    def read(self, place: str, start: int, end: int) -> bytes:
        """Raises SourceChanged where the file is another one, StoreError."""
        file, kept = self._files[place]
        parts = []
        for first, last, content in kept.stretches(start, end):
            if content is None:
                content = self._fetched(file, first, last)
                if kept.claim(last - first):
                    kept.add(first, content)
            parts.append(content)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def expect(self, place: str, start: int, end: int) -> str:
        """Fetch what will be read, as long as there is room to keep it. The file in which all of it lies where it lay,
        until it is forgotten; or an empty text. Raises as `read`."""
        file, kept = self._files[place]
        for first, last in kept.missing(start, end):
            if kept.claim(last - first):
                kept.add(first, self._fetched(file, first, last))
        return "" if kept.missing(start, end) else kept.path

    def fill(self, place: str, start: int, content: bytes) -> None:
        """What stands in the file of `expect` where nothing was fetched; `read` fetches it all the same. Raises
        StoreError."""
        self._files[place][1].fill(start, content)

    def _fetched(self, file: DataFile, start: int, end: int) -> bytes:
        found = self._get(file, start, end)
        if len(found) != end - start:
            raise StoreError(f"{file.location}: {len(found):,} bytes came of {end - start:,} asked for")
        return found

    def forget(self, gone: Callable[[tuple[str, str]], bool]) -> int:
        """Of which files, by location and signature, nothing is to be read on; how many bytes were kept of them."""
        keys = [key for key in self._places if gone(key)]
        return sum(self._files.pop(self._places.pop(key))[1].clear() for key in keys)


class _Kept:
    """What is here of one file."""

    def __init__(self, path: str, claim: Claim) -> None:
        self.path, self.claim, self._lock, self._claimed = path, claim, Lock(), 0
        self._spans: list[tuple[int, int]] = []  # sorted, and apart from each other

    def stretches(self, start: int, end: int) -> list[tuple[int, int, bytes | None]]:
        """The range in parts that are here, with their content, and parts that are not."""
        with self._lock:
            parts = self._parts(start, end)
        found = [(a, b, self._content(a, b) if here else None) for a, b, here in parts]
        return found or [(start, end, None)]

    def missing(self, start: int, end: int) -> list[tuple[int, int]]:
        with self._lock:
            return [(first, last) for first, last, here in self._parts(start, end) if not here]

    def _parts(self, start: int, end: int) -> list[tuple[int, int, bool]]:
        found: list[tuple[int, int, bool]] = []
        begin = max(0, bisect_right(self._spans, (start, math.inf)) - 1)
        for first, last in self._spans[begin : bisect_left(self._spans, (end, 0))]:
            first, last = max(first, start), min(last, end)
            if first >= last:
                continue
            if start < first:
                found.append((start, first, False))
            found.append((first, last, True))
            start = last
        return [*found, (start, end, False)] if start < end else found

    def _content(self, start: int, end: int) -> bytes:
        try:
            with open(self.path, "rb") as stream:
                found = os.pread(stream.fileno(), end - start, start)
        except OSError as error:
            raise StoreError(said_by_system(error)) from None
        if len(found) != end - start:
            raise StoreError(f"{self.path}: what was kept here of a file is cut off")
        return found

    def add(self, start: int, content: bytes) -> None:
        with self._lock:
            self._claimed += len(content)
            with suppress(OSError), open(self.path, "r+b" if self._spans else "wb") as stream:
                stream.seek(start)
                stream.write(content)
                stream.flush()
                self._join(start, start + len(content))

    def fill(self, start: int, content: bytes) -> None:
        end = start + len(content)
        with self._lock:
            if self._parts(start, end) != [(start, end, False)]:
                return
            try:
                with open(self.path, "r+b") as stream:
                    stream.seek(start)
                    stream.write(content)
            except OSError as error:
                raise StoreError(said_by_system(error)) from None

    def _join(self, start: int, end: int) -> None:
        begin = bisect_left(self._spans, (start, 0))
        begin -= begin > 0 and self._spans[begin - 1][1] >= start
        behind = bisect_right(self._spans, (end, math.inf))
        near = self._spans[begin:behind]
        self._spans[begin:behind] = [(min([start, *(s for s, _ in near)]), max([end, *(e for _, e in near)]))]

    def clear(self) -> int:
        with self._lock:
            freed, self._claimed = self._claimed, 0
            self._spans.clear()
            with suppress(FileNotFoundError):
                os.remove(self.path)
            return freed
