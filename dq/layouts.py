"""Layouts that nobody has described, from the paths of what landed: keys of folders, and times in names."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from dq.ir.layout import parse_layout

if TYPE_CHECKING:
    from collections.abc import Iterable

_HIVE = re.compile(r"([A-Za-z_][\w-]*)=(.+)")
_YEAR = r"(?:19|20)\d\d"
_DATES = ("%Y-%m-%d", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y.%m.%d", "%Y_%m_%d", "%Y%m%d")
_CLOCKS = (
    *("T%H%M%S", "_%H%M%S", "-%H%M%S", "T%H-%M-%S", "_%H-%M-%S", "-%H-%M-%S"),
    *("T%H%M", "_%H%M", "-%H%M", "T%H", "-%H"),
)
_MONTHS = ("%Y-%m", "%Y_%m", "%Y.%m", "%Y%m")
_DIGITS = {
    "%Y": _YEAR, "%m": "(?:0[1-9]|1[0-2])", "%d": "(?:0[1-9]|[12][0-9]|3[01])",
    "%H": "(?:[01][0-9]|2[0-3])", "%M": "[0-5][0-9]", "%S": "[0-5][0-9]",
}  # fmt: skip
_CANDIDATES, _SAMPLE = 50, 300  # paths that layouts are taken from, and tried on


def _spelling(name: str, format_: str) -> tuple[str, str]:
    return re.sub("%[a-zA-Z]", lambda d: _DIGITS[d[0]], re.escape(format_)), f"{{{name}:{format_}}}"


# Spellings of time in a file or folder name, and the key they give; of two that fit as many files the first is meant.
_TIMES = (
    *(_spelling("time", date + clock) for date in _DATES for clock in _CLOCKS),
    *(_spelling("date", date) for date in _DATES),
    *(_spelling("month", month) for month in _MONTHS),
)
_PARTS = (("{year}", _YEAR), ("{month}", r"\d\d?"), ("{day}", r"\d\d?"), ("{hour}", r"\d\d?"))


def is_key(part: str) -> bool:
    """Whether a folder of this name holds a key."""
    times = (pattern for pattern, _ in (*_TIMES, ("(?:19|20)[0-9]{2}", "")))
    return bool(_HIVE.fullmatch(part)) or any(re.fullmatch(t, part) for t in times)


def layouts_of(paths: Iterable[str]) -> tuple[str | None, str | None]:
    """The layout that fits most of the paths below a source, at least half of them (None: no key is in sight), and one
    that reads the same paths with day and month the other way round. The one whose dates lie closer is meant."""
    split = _spread([p.split("/") for p in paths], _SAMPLE)
    found: list[str] = []
    candidates: set[str] = set()
    for parts in _spread(split, _CANDIDATES):
        keys = _folder_keys(parts[:-1])
        if keys:
            candidates.add("/".join(keys))
        if len(keys) == len(parts) - 1 and not any("%" in k or "{year}" in k for k in keys):
            candidates.update("/".join((*keys, name)) for name in _file_keys(parts[-1]))
    candidates |= {_swapped(c) for c in candidates}
    fits = {c: sum(parse_layout(c).match(p) is not None for p in split) for c in sorted(candidates)}
    found = sorted(fits, key=lambda c: (-fits[c], _rank(c)))
    if not found or fits[found[0]] * 2 < len(split):
        return None, None
    best, swapped = found[0], _swapped(found[0])
    if swapped == best or fits.get(swapped) != fits[best]:
        return best, None
    return (swapped, best) if _days(swapped, split) < _days(best, split) else (best, swapped)


def _swapped(layout: str) -> str:
    """With the day where the month is, if both stand before the year."""
    return re.sub(r"%(m|d)-%(m|d)-%Y", r"%\2-%\1-%Y", layout)


def _days(layout: str, paths: Iterable[list[str]]) -> int:
    """From the first date to the last."""
    matched = (parse_layout(layout).match(path) for path in paths)
    days = [value for values in matched for value in (values or {}).values() if isinstance(value, date)]
    return (max(days) - min(days)).days


def _spread(all_: list[list[str]], count: int) -> list[list[str]]:
    """At most so many of them, from everywhere."""
    return all_[:: max(1, -(-len(all_) // count))]


def _rank(layout: str) -> int:
    return next((i for i, (_, key) in enumerate(_TIMES) if key in layout), len(_TIMES))


def _folder_keys(folders: list[str]) -> list[str]:
    keys: list[str] = []
    parts = iter(_PARTS)
    for folder in folders:
        if hive := _HIVE.fullmatch(folder):
            keys.append(f"{hive[1]}={_value_key(hive[1], hive[2])}")
        elif timed := next((k for p, k in _TIMES if re.fullmatch(p, folder)), None):
            keys.append(timed)
        elif (part := next(parts, None)) and re.fullmatch(part[1], folder):
            keys.append(part[0])
        else:
            break
    return keys


def _value_key(name: str, value: str) -> str:
    if timed := next((k for p, k in _TIMES if re.fullmatch(p, value)), None):
        return re.sub(r"\w+:", "date:", timed, count=1)
    plain = next((k for k, p in _PARTS if k == f"{{{name}}}" and re.fullmatch(p, value)), None)
    return plain or ("{int}" if re.fullmatch(r"0|[1-9]\d{0,17}", value) else "{str}")


def _file_keys(name: str) -> list[str]:
    found = []
    for pattern, key in _TIMES:
        for at in re.finditer(rf"(?<!\d){pattern}(?!\d)", name):
            found.append(name[: at.start()] + key + name[at.end() :])
    return [f for f in found if not re.search(r"[{}]", f.replace(re.findall(r"\{\w+:[^}]*\}", f)[0], ""))]
