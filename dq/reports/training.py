"""The checks before training for a person: what failed, what it does to the model, an example, and what passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq.reports.base import printable
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXAMPLES = 2
_WARNINGS = 20
_LONGEST_VALUE = 40


def render(document: Mapping[str, Any]) -> str:
    """Without a last line end. Everything that came from data is escaped."""
    bad = [c for c in document["checks"] if c["status"] == "fail"]
    warned = [c for c in document["checks"] if c["status"] == "warn"]
    lines = [head(document)]
    for check in (*bad, *warned[:_WARNINGS]):
        lines += _told(check)
    if len(warned) > _WARNINGS:
        lines.append(f"  and {len(warned) - _WARNINGS} more warnings (--json tells them)")
    passed = [c["check"] for c in document["checks"] if c["status"] == "pass"]
    if passed:
        lines.append(f"  passed: {', '.join(passed)}")
    lines += [f"  not checked: {c['check']}: {c['message']}" for c in document["checks"] if c["status"] == "skip"]
    return "\n".join(map(printable, lines))


def head(document: Mapping[str, Any]) -> str:
    """PASS or FAIL, and of what; not escaped."""
    counts = document["counts"]
    splits = ", ".join(f"{s['name']} {counted(s['rows'], 'row')}" for s in document["splits"])
    told = [f"{counts['fail']} failed"] if counts["fail"] else []
    told += [counted(counts["warn"], "warning")] if counts["warn"] else []
    told.append(f"{counts['pass']} passed")
    task = f" ({document['task']})" if document["task"] else ""
    word = "PASS" if document["success"] else "FAIL"
    features = counted(len(document["roles"]["features"]), "feature")
    return f"{word} {splits}; label {document['label']}{task}, {features}: {', '.join(told)}"


def _told(check: Mapping[str, Any]) -> list[str]:
    lines = [f"  {check['status']:<4}  {check['id']}  {check['message']}", f"        {check['effect']}"]
    for one in check["evidence"][:_EXAMPLES]:
        values = ", ".join(f"{n} = {_cut(v)}" for n, v in one["values"].items())
        where = f"{one['split']} {one['file']} row {one['row']}".replace("  ", " ")
        lines.append(f"        e.g. {where}" + (f": {values}" if values else ""))
    return lines


def _cut(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
