"""Patterns that every engine understands, and none that takes minutes to compile."""

from __future__ import annotations

import re
import warnings
from itertools import pairwise

LONGEST = 10_000
_CLASS = re.compile(r"\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]", re.DOTALL)
_TOKEN = re.compile(rf"\\[pP](?:\{{\w+\}}|\w)|\\.|{_CLASS.pattern}|\(\?P?[^\w\s]?[^):]?|\{{[^}}]*\}}?|.", re.DOTALL)
_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_MOST_REPEATS = 1000


def check_length(pattern: str) -> None:
    """Raises ValueError: what is longer takes minutes to compile."""
    if len(pattern) > LONGEST:
        raise ValueError(f"a pattern has at most {LONGEST:,} characters, not {len(pattern):,}")


def shown(pattern: str) -> str:
    return pattern if len(pattern) <= 60 else f"{pattern[:60]}..."


def check_pattern(pattern: str) -> None:
    """Raises ValueError unless RE2 and Rust's regex read the pattern alike: linear time, no look-around."""
    check_length(pattern)
    tokens = [t[0] for t in _TOKEN.finditer(pattern)]
    for before, after in pairwise(tokens):
        if after == "+" and (before in ("*", "+", "?") or before.startswith("{")):
            raise ValueError(f"patterns run in linear time: a possessive repeat ({before}+) is not allowed")
    plain = "".join(map(_portable, tokens))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(plain)
    except re.error as error:
        raise ValueError(f"the pattern {shown(pattern)} cannot be read: {error.msg} at position {error.pos}") from None
    except (FutureWarning, DeprecationWarning) as error:
        why = str(error).lower()
        raise ValueError(f"the pattern {shown(pattern)} is ambiguous: {why}; escape it with \\") from None
    except (OverflowError, RecursionError):
        raise ValueError(f"the pattern {shown(pattern)} is too large") from None


def _portable(token: str) -> str:
    """The token as Python checks it. Raises ValueError on what engines do not share."""
    if token.startswith("(?") and (why := _group_fault(token)):
        raise ValueError(f"patterns run in linear time: {why} ({token}...) is not allowed")
    if re.fullmatch(r"\\[0-9]", token):
        raise ValueError(f"patterns run in linear time: a back-reference ({token}) is not allowed")
    if token in (r"\Z", r"\z", r"\G", r"\K"):
        raise ValueError(f"{token} is not known to every engine: write $ for the end")
    if token.startswith("{"):
        repeat = _REPEAT.fullmatch(token)
        if not repeat:
            raise ValueError(f"{token} is no count: write {{2}} or {{2,5}}, or \\{{ for a brace")
        if max(int(n) for n in repeat.groups() if n) > _MOST_REPEATS:
            raise ValueError(f"{token} repeats more than {_MOST_REPEATS:,} times")
    if token.startswith((r"\p", r"\P")):
        return "a"
    return re.sub(r"\[:\^?\w+:\]|\\[pP](?:\{\w+\}|\w)", "a", token) if token.startswith("[") else token


def _group_fault(token: str) -> str:
    if token.startswith(("(?=", "(?!")):
        return "look-ahead"
    if token.startswith(("(?<=", "(?<!")):
        return "look-behind"
    if token.startswith("(?P="):
        return "a back-reference"
    if token.startswith(("(?>", "(?(", "(?#")):
        return "this group"
    return ""
