"""Profiles, differences, states and files as plain tables: columns aligned, cells escaped and cut, never wrapped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq.reports.base import number, printable, share
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WIDEST_CELL = 32


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], right: str = "", widest: int = _WIDEST_CELL) -> str:
    """Lines of cells two blanks apart; columns whose head is a word of `right` are aligned to the right."""
    cells = [[_cut(printable("" if c is None else c), widest) for c in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(heads), *cells]) for i in range(len(heads))]
    flush = [h in right.split() for h in heads]
    return "\n".join(
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, flush, strict=True)).rstrip()
        for line in [list(heads), *cells]
    )


def _cut(text: str, widest: int) -> str:
    return text if len(text) <= widest else text[: widest - 1] + "…"


def profile(document: Mapping[str, Any]) -> str:
    """`dq.profile/1`: one line per column."""
    head = f"{profiled(document)}: {counted(document['rows'], 'row')}, {counted(len(document['columns']), 'column')}"
    lines = table(PROFILE, columns(document), "COMPLETE DISTINCT MIN MEAN MAX")
    return "\n".join([printable(head), lines, *apart(document)])


def profiled(document: Mapping[str, Any]) -> str:
    """What a profile is of."""
    return f"{document['source']} {', '.join(document['partitions'])}"


PROFILE = ("COLUMN", "TYPE", "COMPLETE", "DISTINCT", "MIN", "MEAN", "MAX", "MOST FREQUENT")


def columns(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What a profile says of each column, under the heads `PROFILE`."""
    return [
        (
            c["column"],
            c["type"],
            share(c.get("completeness")),
            _distinct(c),
            number(c.get("min")),
            number(c.get("mean")),
            number(c.get("max")),
            _most(c),
        )
        for c in document["columns"]
    ]


def apart(document: Mapping[str, Any]) -> list[str]:
    """What concerns several columns; nothing at depth `core`, which does not ask for it."""
    said = []
    if document.get("keys"):
        said.append("keys: " + ", ".join(" with ".join(key) for key in document["keys"]))
    if document.get("duplicate_rows"):
        said.append(f"duplicate rows: {document['duplicate_rows']:,}")
    pairs = sorted(document.get("missing_together", ()), key=lambda m: -m["rows"])
    said += [f"missing together: {' and '.join(m['columns'])} in {counted(m['rows'], 'row')}" for m in pairs[:5]]
    return [printable(s) for s in said]


def _distinct(column: Mapping[str, Any]) -> str:
    distinct = column.get("distinct")
    return "" if distinct is None else ("~" if column.get("distinct_error_ratio") else "") + number(distinct)


def _most(column: Mapping[str, Any]) -> str:
    top, meaning = column.get("top") or [], column.get("meaning") or {}
    if meaning.get("is_pii"):
        return f"({meaning['name']})"
    return f"{top[0]['value']} ({share(top[0]['share'])})" if top else ""


def difference(document: Mapping[str, Any]) -> str:
    """`dq.diff/1`: one line per difference, gravest first."""
    head = sides(document)
    if not document["differences"]:
        return printable(head + ": no difference that matters")
    width = max(len(d["column"] or "table") for d in document["differences"])
    lines = [
        f"  {d['severity']:<4}  {d['column'] or 'table':<{width}}  {d['message']}" for d in document["differences"]
    ]
    return "\n".join(map(printable, [head, *lines]))


def sides(document: Mapping[str, Any]) -> str:
    """What was compared."""
    return ", ".join(f"{x.upper()} {document[x]['name']} ({counted(document[x]['rows'], 'row')})" for x in "ab")
