"""Regular expressions of other libraries as RE2, DuckDB's own flavour."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dq.ir.expr import Flavour

_PART = re.compile(r"\\.|\[\^?\]?|\]|\$|.", re.DOTALL)
# Rust and Python read these over all of Unicode, RE2 over ASCII: (inside brackets, outside them).
_UNICODE: dict[str, tuple[str, str]] = {
    r"\d": (r"\p{Nd}", r"\p{Nd}"),
    r"\D": (r"\P{Nd}", r"\P{Nd}"),
    r"\w": (r"\p{L}\p{M}\p{N}\p{Pc}", r"[\p{L}\p{M}\p{N}\p{Pc}]"),
    r"\W": (r"\W", r"[^\p{L}\p{M}\p{N}\p{Pc}]"),
    r"\s": (r"\s\x0B\x{85}\p{Z}", r"[\s\x0B\x{85}\p{Z}]"),
    r"\S": (r"\S", r"[^\s\x0B\x{85}\p{Z}]"),
}


def pattern(text: str, flavour: Flavour) -> str:
    """The pattern in RE2's words. Python's `$` also holds before a last line break, and its `\\Z` is RE2's `\\z`."""
    if flavour == "re2":
        return text
    result, inside = [], False
    for part in _PART.findall(text):
        if part in _UNICODE:
            result.append(_UNICODE[part][0 if inside else 1])
        elif flavour == "python" and not inside and part == "$" and "(?m" not in text:
            result.append(r"(?:\n?\z)")
        elif flavour == "python" and part == r"\Z":
            result.append(r"\z")
        else:
            inside = part.startswith("[") or (inside and part != "]")
            result.append(part)
    return "".join(result)
