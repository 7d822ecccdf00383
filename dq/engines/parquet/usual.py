"""A column chunk as writers tell it, read in one step: its fields in order, with short texts and one name.

A footer holds one for every column of every row group, and little else. Numbers are Parquet's field ids.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_TRUE = b"\x11"
_LONGEST = 32  # bytes of a name or an extreme
_NUMBER = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_FIELD = b"[" + re.escape(bytes(h << 4 | kind for h in range(1, 16) for kind in (4, 5, 6))) + b"]"
_NUMBERS = b"(?:" + _FIELD + _NUMBER + b")*"  # fields that are numbers
_TEXT = b"(?:" + b"|".join(re.escape(bytes([n])) + b".{%d}" % n for n in range(_LONGEST + 1)) + b")"


def _few(kind: int, item: bytes) -> bytes:
    """A list of at most five."""
    return b"(?:" + b"|".join(re.escape(bytes([n << 4 | kind])) + item * n for n in range(6)) + b")"


_STATISTICS = (
    rb"(?:\x18(%(text)s)\x18(%(text)s)\x16|\x36)(%(number)s)"  # 1 max, 2 min, 3 nulls
    rb"(?:(?:\x28|\x16%(number)s\x18)(%(text)s)\x18(%(text)s)"  # 4 distinct, 5 max_value, 6 min_value
    rb"(?:([\x11\x12])([\x11\x12])(?:\x16%(number)s)?)?)?\x00"  # 7 and 8 exact, 9 NaN
)
_SIZES = rb"(?:[\x1c\x2c\x3c](?:\x16%(number)s)?(?:[\x19\x29\x39]%(levels)s)*\x00)?"  # 16
_CHUNK = (
    rb"(?:\x26%(number)s\x1c|\x3c)\x15(%(number)s)\x19(%(encodings)s)\x19\x18(%(text)s)"  # 1 type, 2, 3 path
    rb"\x15(%(number)s)\x16(%(number)s)\x16(%(number)s)\x16(%(number)s)"  # 4 codec, 5 values, 6 and 7 bytes
    rb"\x26(%(number)s)(?:\x26(?P<dictionary>%(number)s))?"  # 9 data page, 11 dictionary page
    rb"(?:(?(dictionary)\x1c|\x3c)"  # 12 and 13, 13, or none
    + _STATISTICS
    + rb"(?:\x19%(pages)s)?|(?(dictionary)\x29|\x49)%(pages)s)?(%(numbers)s)"  # 14 filter, 15 its bytes
    + _SIZES
    + rb"\x00(%(numbers)s)\x00"  # behind 3: 4 to 7, indexes and their bytes
)


_PARTS = {
    b"text": _TEXT, b"number": _NUMBER, b"numbers": _NUMBERS, b"levels": _few(6, _NUMBER),
    b"encodings": _few(5, rb"[\x00-\x7f]"), b"pages": _few(12, _NUMBERS + rb"\x00"),
}  # fmt: skip
_each = re.compile(b"(" + _FIELD + b")(" + _NUMBER + b")", re.DOTALL).findall
# Not when first needed: it takes as long as a footer of many row groups, and judge processes read many.
_match = re.compile(_CHUNK % _PARTS, re.DOTALL).match


def column_chunk(buffer: bytes, at: int) -> tuple[dict[int, Any], int] | None:
    """The struct without what nobody asks for, and where it ends; None where there is another one, or an odd one."""
    found = _match(buffer, at)
    if found is None:
        return None
    (
        kind, encodings, path, codec, values, plain, stored, page, dictionary,
        old_high, old_low, nulls, high, low, high_exact, low_exact, filtered, indexed,
    ) = found.groups()  # fmt: skip
    meta: dict[int, Any] = {
        1: _again(kind), 2: _all(encodings), 3: [path[1:]], 4: _again(codec), 5: _again(values),
        6: _number(plain), 7: _number(stored), 9: _number(page),
    }  # fmt: skip
    if high_exact is not None:
        meta[12] = {3: _again(nulls), 5: high[1:], 6: low[1:], 7: high_exact == _TRUE, 8: low_exact == _TRUE}
    elif high is not None:
        meta[12] = {3: _again(nulls), 5: high[1:], 6: low[1:]}
    elif old_high is not None:
        meta[12] = {3: _again(nulls), 1: old_high[1:], 2: old_low[1:]}
    elif nulls is not None:
        meta[12] = {3: _again(nulls)}
    if dictionary is not None:
        meta[11] = _number(dictionary)
    if filtered:
        meta |= zip((14, 15), (_number(value) for _, value in _each(filtered)), strict=False)
    return {3: meta, **_numbered(indexed, 3)} if indexed else {3: meta}, found.end()


def _numbered(stored: bytes, number: int) -> dict[int, int]:
    """Fields behind the one of this number."""
    found = {}
    for head, value in _each(stored):
        number += head[0] >> 4
        found[number] = _number(value)
    return found


def _number(stored: bytes) -> int:
    value = 0
    for byte in reversed(stored):
        value = value << 7 | byte & 0x7F
    return value >> 1 ^ -(value & 1)


_again = lru_cache(maxsize=1_024)(_number)  # what is the same in most chunks


@lru_cache(maxsize=64)
def _all(stored: bytes) -> tuple[int, ...]:
    return tuple(n >> 1 ^ -(n & 1) for n in stored[1:])
