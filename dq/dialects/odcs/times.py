"""Times as the standard writes them: patterns of Java's DateTimeFormatter, bounds, and units of an agreement."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from dq.errors import nearest

if TYPE_CHECKING:
    from dq.ir.expr import Scalar

_LETTERS = {
    "yyyy": "%Y", "uuuu": "%Y", "yy": "%y", "MM": "%m", "M": "%m", "MMM": "%b", "MMMM": "%B", "dd": "%d", "d": "%d",
    "HH": "%H", "H": "%H", "hh": "%I", "h": "%I", "mm": "%M", "ss": "%S", "S": "%f", "SSS": "%f", "SSSSSS": "%f",
    "a": "%p", "XXX": "%z", "XX": "%z", "X": "%z", "Z": "%z", "xxx": "%z", "DDD": "%j", "EEE": "%a", "EEEE": "%A",
}  # fmt: skip
_PARTS = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_SECONDS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600,
    "hour": 3600, "hours": 3600, "d": 86_400, "day": 86_400, "days": 86_400, "w": 604_800, "week": 604_800,
    "weeks": 604_800, "mo": 2_592_000, "month": 2_592_000, "months": 2_592_000, "y": 31_536_000, "yr": 31_536_000,
    "year": 31_536_000, "years": 31_536_000,
}  # fmt: skip
_NUMBER = r"(?:(?P<{}>\d+(?:\.\d+)?){})?"
_DAYS, _CLOCK = (
    "".join(_NUMBER.format(unit, unit[0].upper()) for unit in units)
    for units in (("year", "mo", "week", "day"), ("hour", "min", "sec"))
)
_DURATION = re.compile(rf"P(?=.){_DAYS}(?:T(?=.){_CLOCK})?")  # of ISO 8601


def strptime_format(pattern: str) -> str:
    """The pattern in directives of strptime. Raises ValueError for letters that are not read here."""
    found = []
    for part in _PARTS.finditer(pattern):
        text, letter = part[0], part[2]
        if letter is None:
            literal = part[1].replace("''", "'") if part[1] is not None else text
            found.append((literal or "'").replace("%", "%%"))
        elif text in _LETTERS:
            found.append(_LETTERS[text])
        else:
            raise ValueError(f'"{text}" in "{pattern}" is not read here; known are {", ".join(_LETTERS)}')
    return "".join(found)


def bound(logical: str, text: str, pattern: str | None) -> Scalar:
    """A bound of a date, timestamp or time, in ISO or as the pattern says. Raises ValueError."""
    kinds: tuple[Any, ...] = {"date": (date, datetime), "time": (time,)}.get(logical, (datetime,))
    for kind in kinds:
        try:
            found: Scalar = kind.fromisoformat(text)
        except ValueError:
            continue
        return found
    if pattern is None:
        raise ValueError(f'"{text}" is no {logical} (write it like 2020-03-01)')
    try:
        moment = datetime.strptime(text, strptime_format(pattern))
    except ValueError:
        raise ValueError(f'"{text}" is no {logical} like {pattern}') from None
    return moment.time() if logical == "time" else moment.date() if logical == "date" else moment


def seconds(value: object, unit: object) -> int:
    """Of a number with a unit, or of a duration like P1DT12H. Raises ValueError. A month has 30 days, a year 365;
    unsaid, the unit is days."""
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        return int(sum(float(n) * _SECONDS[unit] for unit, n in found.groupdict().items() if n))
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
        value = float(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
        raise ValueError(f"a number is needed, or a duration like P1D, not {value}")
    name = "d" if unit is None else str(unit).lower()
    if name not in _SECONDS:
        raise ValueError(f'"{unit}" is no unit{nearest(name, _SECONDS)}; units are s, m, h, d, w, mo and y')
    return int(value * _SECONDS[name])
