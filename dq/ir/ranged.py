"""Locations of files that lie elsewhere and are read in ranges: they say how long a file is and nothing of its name."""

from __future__ import annotations

SCHEME = "ranged://"


def location(owner: str, number: int, size: int) -> str:
    """Of the file that its owner knows by the number."""
    return f"{SCHEME}{owner}/{size}/{number}.parquet"


def is_ranged(place: str) -> bool:
    return place.startswith(SCHEME)


def owner_of(place: str) -> str:
    return place.removeprefix(SCHEME).split("/")[0]


def size_of(place: str) -> int:
    return int(place.removeprefix(SCHEME).split("/")[1])
