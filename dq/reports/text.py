"""A result for somebody woken up: the verdict, why, an example of each reason, and what to do next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from dq.reports.base import number, printable
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WARNINGS = 5
_WIDEST_ID = 40
_LONGEST_VALUE = 60


def render(document: Mapping[str, Any]) -> str:
    """Without a last line end. Everything that came from data is escaped."""
    checks = {c["id"]: c for c in document["checks"]}
    before = "overruled: " if document["act"] == "released" else ""
    told = [(r["id"], before + r["message"] + _example(checks.get(r["id"]))) for r in document["reasons"]]
    warned = [(c["id"], "warning: " + c["message"] + _example(c)) for c in checks.values() if _warns(c)]
    more = [("", f"and {len(warned) - _WARNINGS} more warnings")] if len(warned) > _WARNINGS else []
    lines = [head(document), *_person(document), *_aligned([*told, *warned[:_WARNINGS], *more])]
    if (split := document.get("split")) and split["quarantined"]:
        lines.append(f"  withheld rows are in {printable(split['quarantined'])}")
    return "\n".join([*lines, *steps(document)])


def row(document: Mapping[str, Any], *, width: int = 0, with_source: bool = False) -> str:
    """One line of a table of partitions: verdict, partition, rows, ids of the reasons or count of warnings."""
    name = f"{document['source']} {document['partition']}" if with_source else document["partition"]
    rows = "?" if document["rows"] is None else f"{document['rows']:,}"
    said = ", ".join(r["id"] for r in document["reasons"])
    if document.get("split"):
        said = said or ", ".join(c["id"] for c in document["checks"] if c["metric"] == "readable" and _warns(c))
        said = f"{counted(document['rows_quarantined'], 'row')} quarantined: {said}"
    if not said and document["counts"]["warn"]:
        said = counted(document["counts"]["warn"], "warning")
    return f"{printable(name):<{width}}  {word(document):<10}  {rows:>11}  {printable(said)}".rstrip()


def headline(*, width: int = 0) -> str:
    """The line above the rows."""
    return f"{'PARTITION':<{width}}  {'VERDICT':<10}  {'ROWS':>11}  REASONS"


def totals(documents: Iterable[Mapping[str, Any]]) -> str:
    """The line below the rows. A promoted partition that is not published yet is counted apart."""
    documents = list(documents)
    verdicts = [word(d) for d in documents]
    parts = [
        f"{verdicts.count(v):,} {w}" for v, w in _COUNTED.items() if v in verdicts or v in ("PROMOTE", "QUARANTINE")
    ]
    rows = sum(d["rows"] or 0 for d in documents)
    return f"{counted(len(documents), 'partition')}: {', '.join(parts)}; {counted(rows, 'row')}"


def why(document: Mapping[str, Any]) -> str:
    """A line below the totals: the first reason, in its own words."""
    said = "".join(f": {r['message']}" for r in document["reasons"][:1])
    return printable(f"{word(document)} {document['source']} {document['partition']}{said}")


_COUNTED = {"PROMOTE": "promoted", "QUARANTINE": "quarantined", "HOLD": "held", "UNPUBLISHED": "not published"}


def word(document: Mapping[str, Any]) -> str:
    """The verdict in one word."""
    if document["verdict"] == "promote" and not document["success"]:
        return "UNPUBLISHED"
    return str(document["verdict"]).upper()


def head(document: Mapping[str, Any]) -> str:
    """The verdict, of what, and how many checks passed; printable."""
    revision = document.get("revision")
    text = f"{word(document)} {printable(document['source'])} {printable(document['partition'])}".rstrip()
    if revision is not None and (revision > 1 or document["published"]):
        text += f" rev {revision}"
        if document["verdict"] != "promote" and revision > 1:
            text += f" (readers keep rev {revision - 1})"
    if document["verdict"] == "promote":
        counts = document["counts"]
        apart = [
            (counts["fail"] if document["act"] == "released" else 0, "overruled"),
            (counts["warn"], "warning"),
            (counts["skip"], "skipped"),
        ]
        said = "".join(f", {counted(n, what) if what == 'warning' else f'{n} {what}'}" for n, what in apart if n)
        rows = "" if document["rows"] is None else f"{counted(document['rows'], 'row')}, "
        if document.get("split"):
            rows += f"{counted(document['rows_quarantined'], 'row')} quarantined, "
        text += f": {rows}{counted(counts['pass'], 'check')} passed{said}"
    if document["published"]:
        text += f" -> {printable(document['published'])}"
    return text + (" (decided before)" if document["adopted"] else "")


def _person(document: Mapping[str, Any]) -> list[str]:
    """Who overruled the gate, or confirmed it, and why."""
    if document["act"] == "judged":
        return []
    return [printable(f"  {document['act']} by {document['by']}, {document['decided_at'][:16]}: {document['why']}")]


def _warns(check: Mapping[str, Any]) -> bool:
    return bool(check["severity"] == "warn" and check["status"] in ("fail", "error"))


def _aligned(pairs: list[tuple[str, str]]) -> list[str]:
    """Ids in one column; one that is too long pushes its own line only."""
    safe = [(printable(i), printable(m)) for i, m in pairs]
    width = max((len(i) for i, _ in safe if len(i) <= _WIDEST_ID), default=0)
    return [f"  {i:<{width}}  {m}" for i, m in safe]


def _example(check: Mapping[str, Any] | None) -> str:
    if not check or not check["evidence"]:
        return ""
    first = check["evidence"][0]
    values = first["values"]
    alone = len(values) == 1
    said = ", ".join(_shown(v) if alone else f"{n} = {_shown(v)}" for n, v in values.items())
    if check["metric"] == "readable" and not check["column"] and check["observed"] == 1:
        return f", e.g. {said}" if said else ""  # the message says where
    where = f"{first['file']} row {first['row']}".strip()
    return f", e.g. {where}: {said}" if said else f", e.g. {where}"


def _shown(value: object) -> str:
    text = "null" if value is None else f'"{value}"' if isinstance(value, str) else number(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def steps(document: Mapping[str, Any]) -> list[str]:
    """What to do, each step once, ready to paste."""
    if document["act"] != "judged":
        return []
    key = shlex.quote(printable(document["partition"]))
    found = dict.fromkeys(r["next"].replace(" PARTITION ", f" {key} ") for r in document["reasons"] if r["next"])
    if document["verdict"] == "quarantine" and document["digest"]:
        source = shlex.quote(printable(document["source"]))
        if any("contract" in step for step in found):
            found[f"dq gate {source} --partition {key} --again  once the contract is changed"] = None
        this = f"{source} {key}"
        from dq.ir.result import LAYOUT

        if document["files"] and all(r["id"] != LAYOUT for r in document["reasons"]):
            found[f'dq release {this} --reason "…"  to publish it as it is (dq reject to keep it out)'] = None
        else:
            found[f'dq reject {this} --reason "…"  to keep it out for good'] = None
    return [("next: " if i == 0 else "      ") + printable(step) for i, step in enumerate(found)]


def provenance(document: Mapping[str, Any]) -> str:
    """Who decided, when, and on which bytes and contract."""
    person = f" by {document['by']}: {document['why']}" if document["by"] else ""
    lines = [f"decided {document['decided_at']}{person} (run {document['run_id']})", f"landing {document['landing']}"]
    return "\n".join(printable(line) for line in [*lines, f"digest {document['digest']}"])
