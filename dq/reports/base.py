"""What all reports agree on: which characters of foreign text are never printed as they are."""

from __future__ import annotations

import re

# C0, DEL and C1 controls; bidirectional marks, embeddings and isolates; line and paragraph separators; zero-width
# characters; lone surrogates (undecodable bytes of a file name).
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: object) -> str:
    """Text that moves no cursor and hides nothing: control and direction characters become escapes like `\\x1b`."""
    return UNPRINTABLE.sub(lambda c: f"\\x{ord(c[0]):02x}" if ord(c[0]) < 256 else f"\\u{ord(c[0]):04x}", str(text))


def printable_lines(text: str) -> list[str]:
    """The same of a text of several lines, which stay lines."""
    return [printable(line) for line in text.splitlines()]


def number(value: object) -> str:
    """A number in up to six significant digits, thousands apart; other values as they are, None as nothing."""
    if value is None or isinstance(value, (bool, str)):
        return "" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}" if isinstance(value, float) else str(value)


def share(ratio: float | None) -> str:
    """A ratio in percent that is neither 0 % nor 100 % unless it is."""
    if ratio is None:
        return ""
    percent = ratio * 100
    digits = next((d for d in (0, 1, 2, 4) if percent in (0, 100) or 0 < round(percent, d) < 100), 6)
    return f"{percent:.{digits}f} %"
