"""A regular expression of one library in the words of another: the same texts match."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dq.dialects.saying import Unsayable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dq.ir.expr import Flavour

_SIGN = re.compile(r"\\x\{[0-9A-Fa-f]+\}|\\[pP]\{[^}]*\}|\\.|\[:\^?\w+:\]|\[\^?\]?|.", re.DOTALL)
_WORD = "[0-9A-Za-z_]"
_EDGES = {  # of words of ASCII, by what stands before and behind
    r"\b": f"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))",
    r"\B": f"(?:(?<={_WORD})(?={_WORD})|(?<!{_WORD})(?!{_WORD}))",
}
# What a class holds: its members as they stand between brackets.
_MEMBERS: dict[Flavour, Mapping[str, str]] = {
    "re2": {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "},
    "python": {"d": r"\p{Nd}", "w": r"\p{L}\p{N}_", "s": r"\t-\r\x1C- \x85\p{Z}"},
    "rust": {
        "d": r"\p{Nd}",
        "w": r"\p{L}\p{Nl}\p{M}\p{Nd}\p{Pc}" "\u200c\u200d",
        "s": r"\t-\r \x85\p{Z}",
    },
}


def translated(pattern: str, source: Flavour, target: Flavour) -> str:
    """Raises Unsayable where the other library has no words for a part."""
    if source == target:
        return pattern
    lines = re.match(r"\(\?[a-zA-Z]*m", pattern) is not None
    result, inside = [], False
    signs = _SIGN.findall(pattern)
    for at, sign in enumerate(signs):
        if sign[0] == "\\" and sign[1:].lower() in ("d", "w", "s"):
            result.append(_class(sign, source, target, inside))
        elif sign[:2] in (r"\p", r"\P", "[:") and target == "python":
            raise Unsayable(f"Python's patterns have no {sign}")
        elif sign in (r"\b", r"\B") and not inside:
            ascii_here = (source, target) == ("re2", "python")
            result.append(_EDGES[sign] if ascii_here else _outer_edge(signs, at, source, target))
        elif sign == "$" and not inside and not lines and "python" in (source, target):
            result.append(r"\Z" if target == "python" else r"\n?$")
        elif sign == r"\Z":
            result.append("$")
        else:
            inside = sign.startswith("[") or (inside and sign != "]")
            result.append(sign)
    return "".join(result)


def _outer_edge(signs: list[str], at: int, source: Flavour, target: Flavour) -> str:
    """The edge of a word that begins or ends the pattern, as what stands beyond it: which texts match is asked, not
    where. Raises Unsayable of others."""
    before, behind = signs[:at], signs[at + 1 :]
    beyond = _class(r"\W", source, target, inside=False)
    if signs[at] == r"\b" and re.fullmatch(r"(\(\?[a-z]+\))?", "".join(before)):
        if behind and _is_of_word(behind[0]) and behind[1:2] not in (["*"], ["?"], ["{"]):
            return f"(?:^|{beyond})"
    elif signs[at] == r"\b" and not behind and _is_of_word(before[-2 if before[-1] == "+" else -1]):
        return f"(?:{beyond}|$)"
    raise Unsayable(f"{signs[at]} is another place in each library of patterns")


def _is_of_word(sign: str) -> bool:
    return sign in (r"\w", r"\d") or re.fullmatch(_WORD, sign) is not None


def _class(sign: str, source: Flavour, target: Flavour, inside: bool) -> str:
    members = _MEMBERS[source][sign[1:].lower()]
    if target == "python" and source == "rust" and sign in (r"\d", r"\D"):
        return sign
    if target == "python" and "{" in members:
        raise Unsayable(f"Python's patterns have no {sign} as this one has")
    if inside and sign.isupper() and members != r"\p{Nd}":
        raise Unsayable(f"{sign} between brackets is another set in each library of patterns")
    if members == r"\p{Nd}":
        return members if sign.islower() else r"\P{Nd}"
    return members if inside else f"[{'^' if sign.isupper() else ''}{members}]"
