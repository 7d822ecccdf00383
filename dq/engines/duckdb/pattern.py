"""Regular expressions of other libraries as RE2, DuckDB's own flavour."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dq.ir.expr import Flavour

_PART = re.compile(r"\\.|\[\^?\]?|\]|\$|.", re.DOTALL)
# Rust and Python read classes over all of Unicode, RE2 over ASCII. Python's words have no combining marks.
_WORD = {"rust": r"\p{L}\p{Nl}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}", "python": r"\p{L}\p{N}_"}
_SPACE = r"\s\x0B\x{85}\p{Z}"


def pattern(text: str, flavour: Flavour) -> str:
    """The pattern in RE2's words. Python's `$` also holds before a last line break, and its `\\Z` is RE2's `\\z`."""
    if flavour == "re2":
        return text
    classes = {"d": r"\p{Nd}", "w": _WORD[flavour], "s": _SPACE}
    result, inside = [], False
    for part in _PART.findall(text):
        if part[0] == "\\" and part[1:].lower() in classes:
            result.append(_class(part, classes[part[1:].lower()], inside))
        elif flavour == "python" and not inside and part == "$" and "(?m" not in text:
            result.append(r"(?:\n?\z)")
        elif flavour == "python" and part == r"\Z":
            result.append(r"\z")
        else:
            inside = part.startswith("[") or (inside and part != "]")
            result.append(part)
    return "".join(result)


def _class(part: str, members: str, inside: bool) -> str:
    """The class in Unicode. A negated one inside brackets stays ASCII's: RE2 cannot take a set from a set."""
    if inside:
        return members if part.islower() else part
    return f"[{members}]" if part.islower() else f"[^{members}]"
