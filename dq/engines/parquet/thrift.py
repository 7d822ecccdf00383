"""Thrift's compact protocol, as far as a Parquet footer needs it: structs as {field id: value}, text as bytes.

Why not pyarrow: its footer objects end the whole process on a damaged or partly encrypted column chunk.
Source: thrift-compact-protocol.md of Apache Thrift.
"""

from __future__ import annotations

import struct
from typing import Any

_DEEP = 32


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
    if not deep:
        raise Malformed("nested too deeply")
    found: dict[int, Any] = {}
    number = 0
    while True:
        byte = buffer[at]
        at += 1
        kind = byte & 0x0F
        if not kind:
            return found, at
        if byte >> 4:
            number += byte >> 4
        else:
            number, at = _varint(buffer, at)
            number = (number >> 1) ^ -(number & 1)
        if kind == 5 or kind == 6 or kind == 4:
            value, at = _varint(buffer, at)
            found[number] = (value >> 1) ^ -(value & 1)
        elif kind <= 2:
            found[number] = kind == 1
        else:
            found[number], at = _value(buffer, at, kind, deep)


def _value(buffer: bytes, at: int, kind: int, deep: int) -> tuple[Any, int]:
    if kind == 8:
        size, at = _varint(buffer, at)
        if at + size > len(buffer):
            raise Malformed("text runs over the end")
        return buffer[at : at + size], at + size
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
    for _ in range(size):
        value, at = _value(buffer, at, kind, deep)
        items.append(value)
    return items, at
