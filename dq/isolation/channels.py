"""Ranges of files that lie elsewhere, on their way into a judge process. It has no network: it names a file of the
partition that it was given, and a range, and whoever started it fetches that, or keeps it where it may read it. It can
ask for nothing else."""

from __future__ import annotations

import os
import socket
import struct
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

from dq.engines.ranged import PIECE_BYTES, source_of
from dq.errors import EngineError, HoldError
from dq.ir.ranged import is_ranged, size_of
from dq.isolation.pipe import Closed, receive, send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq.ir.data import Partition

_CHANNELS = 8  # ranges that are best on their way at the same time
_RANGE = struct.Struct("<cQQH")  # what to do, start, end, length of the place; behind it what is to be filled in
_READ, _EXPECT, _FILL = b"r", b"e", b"f"
_FILLING_BYTES = 64  # at most, and a block on this disk
_GOOD, _BAD = b"+", b"-"


class Requests:
    """In the judge process: one question at a time on each channel."""

    def __init__(self, channels: Sequence[int]) -> None:
        self._free: SimpleQueue[int] = SimpleQueue()
        for channel in channels:
            self._free.put(channel)

    def read(self, place: str, start: int, end: int) -> bytes:
        return self._ask(_READ, place, start, end)

    def expect(self, place: str, start: int, end: int) -> str:
        return os.fsdecode(self._ask(_EXPECT, place, start, end))

    def fill(self, place: str, start: int, content: bytes) -> None:
        self._ask(_FILL, place, start, start + len(content), content)

    def _ask(self, what: bytes, place: str, start: int, end: int, content: bytes = b"") -> bytes:
        channel = self._free.get()
        try:
            name = place.encode()
            send(channel, _RANGE.pack(what, start, end, len(name)) + name + content)
            found = receive(channel)
        finally:
            self._free.put(channel)
        if not found.startswith(_GOOD):
            raise HoldError(found[1:].decode())
        return found[1:]


class Replies:
    """In the process that started it. `theirs` are the ends of the judge process, to be closed once it has them."""

    def __init__(self) -> None:
        pairs = [socket.socketpair() for _ in range(_CHANNELS)]
        self.theirs = tuple(theirs for _, theirs in pairs)
        self._ours = [ours for ours, _ in pairs]
        self._threads: list[threading.Thread] = []
        self._permitted: frozenset[str] = frozenset()
        self.fault: HoldError | None = None  # why a range did not come: whatever is answered then says nothing

    def permit(self, partition: Partition | None) -> None:
        """From now on files of this partition may be asked for, and no other."""
        files = partition.files if partition else ()
        self.fault = None
        self._permitted = frozenset(f.location for f in files if is_ranged(f.location))
        if self._permitted and not self._threads:
            self._threads = [threading.Thread(target=self._serve, args=(s,), daemon=True) for s in self._ours]
            for thread in self._threads:
                thread.start()

    def close(self) -> None:
        """Once the judge process has ended. A thread that still fetches closes its channel by itself."""
        for ours in self._ours:
            with suppress(OSError):  # its thread has seen the end
                ours.shutdown(socket.SHUT_RDWR)
            if not self._threads:
                ours.close()

    def _serve(self, channel: socket.socket) -> None:
        with channel:
            try:
                while True:
                    send(channel.fileno(), self._answer(receive(channel.fileno())))
            except (Closed, OSError):
                return

    def _answer(self, asked: bytes) -> bytes:
        try:
            return _GOOD + self._fetched(asked)
        except Exception as error:
            why = error if isinstance(error, HoldError) else EngineError(f"reading a range: {type(error).__name__}")
            self.fault = self.fault or why
            return _BAD + str(why).encode("utf-8", "replace")

    def _fetched(self, asked: bytes) -> bytes:
        what, start, end, length = _RANGE.unpack_from(asked)
        place, content = asked[_RANGE.size :][:length].decode(), asked[_RANGE.size + length :]
        most = _FILLING_BYTES if what == _FILL else PIECE_BYTES
        if place not in self._permitted or not start <= end <= min(size_of(place), start + most):
            raise EngineError("the judge process asked for what it is not to read")
        source = source_of(place)
        if what == _FILL:
            source.fill(place, start, content[: end - start])
            return b""
        return source.read(place, start, end) if what == _READ else os.fsencode(source.expect(place, start, end))
