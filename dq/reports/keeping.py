"""What gc removed and what doctor found, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq.reports.base import printable, printable_lines
from dq.reports.tables import table
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
_WIDEST = 100


def piece(document: Mapping[str, Any]) -> str:
    """`dq.gc/1`."""
    return printable(f"{size(document['bytes']):>10}  {document['zone']}/{document['path']}  {document['why']}")


def total(documents: Iterable[Mapping[str, Any]], *, dry: bool) -> str:
    documents = list(documents)
    said = f"{counted(len(documents), 'piece')}, {size(sum(d['bytes'] for d in documents))}"
    if not documents:
        return "nothing to remove"
    return f"would remove {said}; nothing is removed" if dry else f"removed {said}"


def size(count: int) -> str:
    """Bytes in the largest unit that leaves a number of at least one."""
    amount, unit = float(count), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{count:,} bytes" if unit == 0 else f"{amount:,.1f} {_UNITS[unit]}"


def doctor(document: Mapping[str, Any]) -> str:
    """`dq.doctor/1`: what is in force, then what is wrong and what to do."""
    settings = [(s["key"], "-" if s["value"] is None else s["value"], s["origin"]) for s in document["settings"]]
    zones = [(z["zone"], z["url"], _reached(z)) for z in document["zones"]]
    contracts, temp = document["contracts"], document["temp"]
    rest = [
        f"contracts: {contracts['read']} read"
        + (f", {len(contracts['broken'])} broken" if contracts["broken"] else ""),
        f"engines: {', '.join(f'{name} {number}' for name, number in document['engines'].items())}",
        f"temp: {temp['path']}, {'unknown' if temp['free_bytes'] is None else size(temp['free_bytes'])} free",
    ]
    if document["leftover_bytes"]:
        rest.append(f"dq gc  would remove {size(document['leftover_bytes'])}")
    lines = [
        table(("SETTING", "VALUE", "FROM"), settings, widest=_WIDEST),
        table(("ZONE", "PLACE", "STATE"), zones, widest=_WIDEST),
        *map(printable, rest),
    ]
    for problem in document["problems"]:
        lines += printable_lines(f"PROBLEM {problem['where']}: {problem['message']}\n  next: {problem['next']}")
    return "\n".join(lines if document["problems"] else [*lines, "all is well"])


def _reached(zone: Mapping[str, Any]) -> str:
    if not zone["exists"]:
        return "not there" if zone["zone"] == "landing" else "not there yet: the first dq gate makes it"
    if not zone["readable"]:
        return "not reached"
    if zone["writable"] is None:
        return "readable"
    how = {"flat": "; a revision replaces the last in one exchange", "generations": "; revisions behind a pointer"}
    return ("writable" if zone["writable"] else "not writable") + how.get(zone["layout"] or "", "")
