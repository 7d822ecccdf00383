"""Messages between the gate and its judge processes: a length, then a pickle that may name plain data only."""

from __future__ import annotations

import fcntl
import io
import os
import pickle
import select
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LENGTH = struct.Struct("<Q")
_CHUNK = 1 << 20
_LONGEST = 1 << 30
_OUTSIDE = {
    ("builtins", "frozenset"), ("builtins", "set"), ("collections", "Counter"), ("collections", "OrderedDict"),
    ("datetime", "date"), ("datetime", "datetime"), ("datetime", "time"), ("datetime", "timedelta"),
    ("datetime", "timezone"), ("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID"),
    ("zoneinfo", "ZoneInfo._unpickle"), ("zoneinfo", "ZoneInfo"),
}  # fmt: skip
_ROOMS = ("dq.ir.", "dq.metrics.", "dq.profile.", "dq.plan", "dq.judge")


def wide_pipe() -> tuple[int, int]:
    """A pipe that takes an answer in one piece, where the system lets us."""
    reading, writing = os.pipe()
    with suppress(OSError):
        fcntl.fcntl(writing, getattr(fcntl, "F_SETPIPE_SZ", -1), _CHUNK)
    return reading, writing


class Closed(Exception):
    """The other end is gone."""


def dump(message: Any) -> bytes:
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


def load(body: bytes) -> Any:
    """Raises pickle.UnpicklingError where the body names anything but the language's own data: what comes back from a
    process that read hostile bytes is not trusted to run code here."""
    return _Plain(io.BytesIO(body)).load()


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _OUTSIDE:
            return super().find_class(module, name)
        if module.startswith(_ROOMS) and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no plain data")


def send(descriptor: int, body: bytes) -> None:
    """Raises Closed."""
    view = memoryview(_LENGTH.pack(len(body)) + body)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except BrokenPipeError:
        raise Closed from None


def receive(descriptor: int, watch: Callable[[], None] | None = None, every_seconds: float = 0.05) -> bytes:
    """The next message. While it is awaited, `watch` is called at least `every_seconds`; what it raises ends the wait.

    Raises Closed.
    """
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)

    def read(count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            while watch is not None and not ready.poll(every_seconds * 1000):
                watch()
            chunk = os.read(descriptor, min(count - len(found), _CHUNK))
            if not chunk:
                raise Closed
            found += chunk
        return bytes(found)

    (length,) = _LENGTH.unpack(read(_LENGTH.size))
    if length > _LONGEST:
        raise Closed
    return read(length)
