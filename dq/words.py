"""Words that agree with a number."""

from __future__ import annotations

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
