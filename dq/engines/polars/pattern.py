"""Regular expressions of other libraries in the words of Rust's regex crate, which Polars uses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dq.ir.expr import Flavour

_SIGN = re.compile(r"\\x\{[0-9A-Fa-f]+\}|\\[pP]\{[^}]*\}|\\.|\[:\^?\w+:\]|\[\^?\]?|.", re.DOTALL)
# RE2 reads these as ASCII, Rust over all of Unicode: (inside brackets, outside them).
_ASCII: dict[str, tuple[str, str]] = {
    r"\d": ("0-9", "[0-9]"),
    r"\D": (r"[^0-9]", "[^0-9]"),
    r"\w": ("0-9A-Za-z_", "[0-9A-Za-z_]"),
    r"\W": (r"[^0-9A-Za-z_]", "[^0-9A-Za-z_]"),
    r"\s": (r"\t\n\f\r ", r"[\t\n\f\r ]"),
    r"\S": (r"[^\t\n\f\r ]", r"[^\t\n\f\r ]"),
    r"\b": (r"\b", r"(?-u:\b)"),
}
# Python's words have no combining marks, and its blanks have separators of old.
_PYTHON: dict[str, tuple[str, str]] = {
    r"\w": (r"\p{L}\p{N}_", r"[\p{L}\p{N}_]"),
    r"\W": (r"[^\p{L}\p{N}_]", r"[^\p{L}\p{N}_]"),
    r"\s": (r"\s\x1C-\x1F", r"[\s\x1C-\x1F]"),
    r"\S": (r"[^\s\x1C-\x1F]", r"[^\s\x1C-\x1F]"),
}
_OPERATORS = frozenset("&~[-")  # doubled, or nested, they mean something inside brackets to Rust only


def pattern(text: str, flavour: Flavour) -> str:
    """The pattern as Rust reads it. Python's `$` also holds before a last line break, and its `\\Z` is Rust's `\\z`.

    NOTE: case-insensitive RE2 folds beyond ASCII exactly as Rust does, and a look-around fails in both.
    """
    if flavour == "rust":
        return text
    classes = _ASCII if flavour == "re2" else _PYTHON
    result: list[str] = []
    inside = False
    for sign in _SIGN.findall(text):
        if sign in classes:
            result.append(classes[sign][0 if inside else 1])
        elif inside:
            inside = sign != "]"
            result.append(_literally(sign, result[-1]))
        elif flavour == "python" and sign == "$" and "(?m" not in text:
            result.append(r"(?:\n?\z)")
        elif sign == r"\Z":
            result.append(r"\z")
        elif sign.startswith("["):
            inside = True
            result.append(sign if sign[-1] != "]" else sign[:-1] + r"\]")
        else:
            result.append(sign)
    return "".join(result)


def _literally(sign: str, before: str) -> str:
    """Inside brackets: an opening bracket, and the second of two operator signs, as what it is elsewhere."""
    if sign.startswith("[:"):
        return sign
    if sign[0] == "[":
        return "".join("\\" + c if c in "[]" else c for c in sign)
    return "\\" + sign if sign in _OPERATORS and sign == before else sign
