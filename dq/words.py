"""Words that agree with a number."""

from __future__ import annotations

import math

_SINGULAR = {"are": "is", "have": "has", "were": "was"}


def counted(count: int, noun: str) -> str:
    """`1 row`, `1,000 rows`, `2 classes`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "es" if noun.endswith("s") else "s")


def verb(count: int, plural: str) -> str:
    """`repeats` of one, `repeat` of two."""
    return plural if count != 1 else _SINGULAR.get(plural, f"{plural}s")


def clause(count: int, noun: str, told: str, plural: str) -> str:
    """Its beginning: `2 rows of test are`."""
    return f"{counted(count, noun)} {told} {verb(count, plural)}"


def percent(share: float) -> str:
    """`12 %`, `0.63 %`, `99.96 %`: two digits that count, of what lacks to the whole where that is little."""
    told = 1 - share if 0.99 < share < 1 else abs(share)
    digits = min(max(0, 1 - math.floor(math.log10(told * 100))), 6) if share not in (0, 1) else 0
    text = f"{share * 100:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"
