"""States of sources as text: a line per source, what needs somebody first; or one source with what to do next."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

from dq.reports.base import number, printable, printable_lines
from dq.reports.tables import table
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_GRAVITY = ("missing", "parked", "unpublished", "undelivered", "quarantined", "shrunk", "late")
_ASIDE = ("rejected", "held", "waiting", "undecided", "ignored")
_SHOWN = 8  # needs told in full; of more, how many and why
_RECENT = 5


def overview(documents: Iterable[Mapping[str, Any]], faults: Mapping[str, str]) -> str:
    """One line a source. `faults` are sources that could not be looked at."""
    documents = sorted(documents, key=lambda d: (_gravest(d), d["source"]))
    rows: list[tuple[object, ...]] = [(name, "cannot be read: see below", "", "", "") for name in sorted(faults)]
    rows += [
        (d["source"], _counts(d, _GRAVITY) or "-", d["counts"]["promoted"], _aside(d), _last(d)) for d in documents
    ]
    heads = ("SOURCE", "NEEDS SOMEBODY", "PROMOTED", "BESIDES", "LAST")
    needy = [d["source"] for d in documents if not d["success"]]
    lines = [table(heads, rows, "PROMOTED", widest=60)]
    lines += [line for name, fault in sorted(faults.items()) for line in printable_lines(f"{name}: {fault}")]
    total = len(documents) + len(faults)
    if not needy and not faults:
        return "\n".join([*lines, f"{counted(total, 'source')}: nothing needs somebody"])
    many = len(needy) + len(faults)
    lines.append(f"{counted(total, 'source')}: {many} need{'' if many > 1 else 's'} somebody")
    steps = [f"dq status {shlex.quote(printable(name))}" for name in needy[:_RECENT]]
    return "\n".join([*lines, *_next("", steps)])


def _gravest(document: Mapping[str, Any]) -> int:
    return min((_GRAVITY.index(n["state"]) for n in document["needs"]), default=len(_GRAVITY))


def _counts(document: Mapping[str, Any], states: Iterable[str]) -> str:
    told = [("landing missing" if s == "missing" else f"{n:,} {s}") for s in states if (n := document["counts"][s])]
    return ", ".join(told)


def _aside(document: Mapping[str, Any]) -> str:
    gone = f"{document['gone']:,} gone" if document["gone"] else ""
    nothing = "" if document["partitions"] else "nothing has landed yet"
    return ", ".join(s for s in (_counts(document, _ASIDE), gone, nothing) if s)


def _last(document: Mapping[str, Any]) -> str:
    return document["last"]["partition"] if document["last"] else "-"


def detail(document: Mapping[str, Any]) -> str:
    """One source: counts, then each need with its reasons and what to do, gravest first."""
    counts = [f"{document['counts']['promoted']:,} promoted", _counts(document, _GRAVITY), _aside(document)]
    head = f"{document['source']}: {', '.join(c for c in counts if c)}"
    last = document["last"]
    if last:
        head += f"; last {last['partition']}, {counted(last['rows'], 'row') if last['rows'] is not None else 'unread'}"
    needs = document["needs"]
    lines = [printable(head)]
    for need in needs[:_SHOWN]:
        lines += _need(need)
    if len(needs) > _SHOWN:
        lines += _more(document["source"], needs[_SHOWN:])
    told = {need["partition"] for need in needs}
    for state, said in (("held", "held, tried again"), ("waiting", "waiting")):
        besides = [one for one in document[state] if one["partition"] not in told]
        lines += [printable(f"{said}: {one['partition']}: {one['why']}") for one in besides[:_RECENT]]
    words = sorted(document["overruled"], key=lambda w: str(w["at"]))[-_RECENT:]
    lines += [printable(f"{w['act']}: {w['partition']} by {w['by']}, {_moment(w['at'])}: {w['why']}") for w in words]
    return "\n".join(lines if needs else [*lines, "nothing needs somebody"])


def _need(need: Mapping[str, Any]) -> list[str]:
    since = "due" if need["state"] == "late" else "since"
    said = f"{need['state'].upper()} {need['partition']}".rstrip()
    said += f", {since} {_moment(need['since'])}" if need["since"] else ""
    said += f" (readers keep rev {need['readers_revision']})" if need["readers_revision"] else ""
    said += f": {need['why']}" if need["why"] else ""
    reasons = [f"  {r['id']}: {r['message']}" for r in need["reasons"]] if need["state"] == "quarantined" else []
    return [*map(printable, [said, *reasons]), *_next("  ", need["next"])]


def _more(source: str, needs: list[Mapping[str, Any]]) -> list[str]:
    """What a long list is made of."""
    causes = Counter(
        (n["state"], ", ".join(dict.fromkeys(r["id"] for r in n["reasons"]))) for n in needs
    ).most_common(_RECENT)  # fmt: skip
    said = [f"{count:,} {state}" + (f" for {ids}" if ids else "") for (state, ids), count in causes]
    return [
        printable(f"and {len(needs):,} more: {'; '.join(said)}"),
        printable(f"  all of them: dq status {shlex.quote(source)} --json"),
    ]


def _next(indent: str, steps: Iterable[str]) -> list[str]:
    return [indent + ("next: " if i == 0 else "      ") + printable(step) for i, step in enumerate(steps)]


def _moment(text: str) -> str:
    """To the minute, with its zone."""
    match = re.fullmatch(r"([\d-]{10})T(\d\d:\d\d)[\d:.]*(.*)", text)
    return text if match is None else f"{match[1]} {match[2]}{' UTC' if match[3] == '+00:00' else match[3]}"


def history(documents: Iterable[Mapping[str, Any]]) -> str:
    """`dq.history/1`: one line per event, oldest first."""
    rows = [
        (
            _moment(d["at"]).removesuffix(" UTC"), d["partition"], d["event"], d["revision"], number(d["rows"]),
            ", ".join(d["reasons"]), f"{d['by']}: {d['why']}" if d["by"] and d["why"] else d["by"],
        )
        for d in documents
    ]  # fmt: skip
    return table(("AT (UTC)", "PARTITION", "EVENT", "REV", "ROWS", "REASONS", "BY"), rows, "REV ROWS", widest=80)
