"""Thrift's compact protocol, as far as a Parquet footer needs it: structs as {field id: value}, text as bytes.

Why not pyarrow: its footer objects end the whole process on a damaged or partly encrypted column chunk.
Source: thrift-compact-protocol.md of Apache Thrift.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from dq.engines.parquet.usual import column_chunk

_DEEP = 32
_LARGE = 1 << 15  # bytes of a footer of hundreds of column chunks
_UNREAD = 13  # list of this number in a footer: statistics of encodings, nearly a third of a column chunk
_FIELD = b"[" + re.escape(bytes(h << 4 | kind for h in range(1, 16) for kind in (4, 5, 6))) + b"]"
_NUMBERS = re.compile(b"(?:" + _FIELD + rb"[\x80-\xff]{0,9}[\x00-\x7f])*\x00").match  # a struct of numbers only


class Malformed(Exception):
    """The bytes are no compact Thrift."""


def read(buffer: bytes) -> tuple[dict[int, Any], int]:
    """The struct the buffer begins with, and its length in bytes. Raises Malformed."""
    try:
        return _struct(buffer, 0, _DEEP)
    except (IndexError, struct.error):
        raise Malformed("ends too early") from None


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    byte = buffer[at]
    at += 1
    if byte < 0x80:
        return byte, at
    value, shift = byte & 0x7F, 7
    while True:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise Malformed("number of more than 64 bits")


def _struct(buffer: bytes, at: int, deep: int) -> tuple[dict[int, Any], int]:
    """Numbers of one byte and short text are read here, without a call: footers are full of them."""
    if not deep:
        raise Malformed("nested too deeply")
    found: dict[int, Any] = {}
    number = 0
    while True:
        byte = buffer[at]
        at += 1
        if byte > 15:
            number += byte >> 4
        elif byte:
            number, at = _varint(buffer, at)
            number = (number >> 1) ^ -(number & 1)
        kind = byte & 0x0F
        if 3 < kind < 7:
            value = buffer[at]
            if value < 0x80:
                at += 1
            else:
                value, at = _varint(buffer, at)
            found[number] = (value >> 1) ^ -(value & 1)
        elif kind == 8:
            found[number], at = _text(buffer, at)
        elif kind == 12:
            found[number], at = _struct(buffer, at, deep - 1)
        elif kind == 9:
            found[number], at = _list(buffer, at, deep) if number != _UNREAD else _passed(buffer, at, deep)
        elif not kind:
            return found, at
        elif kind <= 2:
            found[number] = kind == 1
        else:
            found[number], at = _value(buffer, at, kind, deep)


def _text(buffer: bytes, at: int) -> tuple[bytes, int]:
    size = buffer[at]
    if size < 0x80:
        at += 1
    else:
        size, at = _varint(buffer, at)
    end = at + size
    if end > len(buffer):
        raise Malformed("text runs over the end")
    return buffer[at:end], end


def _value(buffer: bytes, at: int, kind: int, deep: int) -> tuple[Any, int]:
    if kind == 8:
        return _text(buffer, at)
    if kind == 12:
        return _struct(buffer, at, deep - 1)
    if kind == 9 or kind == 10:
        return _list(buffer, at, deep)
    if 3 < kind < 7:
        value, at = _varint(buffer, at)
        return (value >> 1) ^ -(value & 1), at
    if 1 <= kind <= 3:  # outside a struct a bool is a byte too
        return buffer[at], at + 1
    if kind == 7:
        return struct.unpack_from("<d", buffer, at)[0], at + 8
    raise Malformed(f"type {kind}")


def _list(buffer: bytes, at: int, deep: int) -> tuple[list[Any], int]:
    head = buffer[at]
    at += 1
    size, kind = head >> 4, head & 0x0F
    if size == 15:
        size, at = _varint(buffer, at)
    items = []
    if kind == 12:
        deep -= 1
        large = len(buffer) >= _LARGE
        for _ in range(size):
            value, at = (large and column_chunk(buffer, at)) or _struct(buffer, at, deep)
            items.append(value)
        return items, at
    for _ in range(size):
        value, at = _value(buffer, at, kind, deep)
        items.append(value)
    return items, at


def _passed(buffer: bytes, at: int, deep: int) -> tuple[None, int]:
    """Nothing, and where a list ends that nobody asks for: structs of numbers in one step each."""
    size, end = buffer[at] >> 4, at + 1
    if buffer[at] & 0x0F == 12 and size < 15:
        for _ in range(size):
            found = _NUMBERS(buffer, end)
            if found is None:
                break
            end = found.end()
        else:
            return None, end
    return None, _list(buffer, at, deep)[1]
