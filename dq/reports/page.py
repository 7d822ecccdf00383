"""A document as a person reads it, before it is HTML, Markdown or JUnit XML. All of its text is printable; every form
still escapes what means something in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq.reports import tables, text, training
from dq.reports.base import number, printable
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MOST_FILES = 50
_LONGEST_VALUE = 200
_RANK = {"fail": 0, "error": 1, "warn": 2, "skip": 3, "pass": 4}


@dataclass(frozen=True, slots=True)
class Listing:
    """Cells under heads. Neither is escaped but for what is not printable."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One check. `status` is fail, error (could not be judged), warn, skip or pass; `notes` are names and words."""

    id: str
    status: str
    message: str
    notes: tuple[tuple[str, str], ...] = ()
    examples: Listing | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """`checks` are gravest first. Where `good`, none of them fails; elsewhere one does."""

    title: str
    word: str
    good: bool
    head: str
    checks: tuple[Told, ...]
    steps: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    listings: tuple[Listing, ...]
    seconds: float
    at: str

    def told(self, *status: str) -> list[Told]:
        return [c for c in self.checks if c.status in status]


def pages(documents: Iterable[Mapping[str, Any]]) -> list[Page]:
    """Of `dq.result/1`, `dq.pretrain/1`, `dq.profile/1` and `dq.diff/1`."""
    made = {
        "dq.result/1": _of_result, "dq.pretrain/1": _of_training, "dq.profile/1": _of_profile, "dq.diff/1": _of_diff
    }  # fmt: skip
    return [made[d["schema"]](d) for d in documents]


def _of_result(document: Mapping[str, Any]) -> Page:
    title = f"{document['source']} {document['partition']}".strip()
    promoted = document["verdict"] == "promote"
    advice = {r["id"]: r["next"] for r in document["reasons"]}
    checks = [_of_check(c, advice.get(c["id"], ""), promoted) for c in document["checks"]]
    known = {c["id"] for c in document["checks"]}
    checks += [
        Told(printable(r["id"]), "error", printable(r["message"]), _notes(next=r["next"]))
        for r in document["reasons"]
        if r["id"] not in known
    ]
    if not document["success"] and not any(c.status in ("fail", "error") for c in checks):
        checks.append(Told("table.published", "error", "decided, but readers do not see it yet"))
    scan, rows = document["scan"], document["rows"]
    facts = {
        "landing": document["landing"], "published": document["published"], "revision": document["revision"],
        "rows": None if rows is None else f"{rows:,}", "bytes": f"{document['bytes']:,}",
        "decided": document["decided_at"], "by": document["by"], "why": document["why"], "run": document["run_id"],
        "content": document["digest"], "suite": document["suite_digest"],
        "scan": f"{scan['engine'] or 'nothing read'}, {scan['seconds']:.2f} s",
    }  # fmt: skip
    return Page(
        printable(title), text.word(document), document["success"], _short(checks, rows), _ranked(checks),
        tuple(s.strip() for s in text.steps(document)), _notes(**facts), tuple(_listings(document)), scan["seconds"],
        document["decided_at"],
    )  # fmt: skip


def _short(checks: Sequence[Told], rows: int | None) -> str:
    ends = [c.status for c in checks]
    words = (("fail", "failed"), ("error", "not judged"), ("warn", "warned"), ("skip", "skipped"), ("pass", "passed"))
    told = [f"{ends.count(end)} {word}" for end, word in words if end in ends]
    return ", ".join(told if rows is None else [counted(rows, "row"), *told])


def _of_check(check: Mapping[str, Any], advice: str, promoted: bool) -> Told:
    """What fails and keeps nothing from being promoted (a warning, a split, a release) is a warning."""
    status = check["status"]
    if status in ("fail", "error") and (promoted or check["severity"] == "warn"):
        status = "warn"
    origin = check["origin"]
    where = f"{origin['file']}:{origin['line'] or 1}" if origin["file"] else ""
    notes = _notes(rule=origin["rule"], bound=check["bound"], written=where, next=advice)
    return Told(printable(check["id"]), status, printable(check["message"]), notes, _examples(check["evidence"]))


def _listings(document: Mapping[str, Any]) -> Iterable[Listing]:
    files = document["files"]
    more = f", the first {_MOST_FILES} of {len(files):,}" if len(files) > _MOST_FILES else ""
    listed = [(f["path"], f"{f['bytes']:,}", f["digest"]) for f in files[:_MOST_FILES]]
    compared = [(r["name"], r["place"], number(r["rows"])) for r in document.get("references", ())]
    for title, heads, rows in (
        (f"Files{more}", ("file", "bytes", "SHA-256"), listed),
        ("Changes of the layout", ("change",), [(c,) for c in document["changes"]]),
        ("Unusual", ("number", "what is unusual"), [(a["id"], a["message"]) for a in document["anomalies"]]),
        ("Compared with", ("data set", "place", "rows"), compared),
    ):
        if rows:
            yield _listing(title, heads, rows)


def _of_training(document: Mapping[str, Any]) -> Page:
    checks = []
    for one in document["checks"]:
        limit = ", ".join(f"{k} {'below' if one['limit']['lower'] else 'above'} {one['limit'][k]:g}"
                          for k in ("warn", "fail") if one["limit"][k] is not None)  # fmt: skip
        notes = _notes(effect=one["effect"], measured=number(one["measured"]), limit=limit)
        message = printable(one["message"])
        checks.append(Told(printable(one["id"]), one["status"], message, notes, _examples(one["evidence"])))
    roles = document["roles"]
    facts = {
        "label": document["label"], "task": document["task"], "id": ", ".join(roles["id"]),
        "group": ", ".join(roles["group"]), "time": roles["time"], "weight": roles["weight"],
        "features": ", ".join(roles["features"]), "suite": document["suite"], "decided": document["decided_at"],
        "run": document["run_id"], "scan": f"{document['scan']['seconds']:.2f} s",
    }  # fmt: skip
    rows = [(s["name"], s["data"], f"{s['rows']:,}", f"{s['bytes']:,}", s["digest"]) for s in document["splits"]]
    splits = _listing("Splits", ("split", "data", "rows", "bytes", "content"), rows)
    word, _, head = training.head(document).partition(" ")
    return Page(
        printable(f"before training: {document['label']}"), word, document["success"], printable(head),
        _ranked(checks), (), _notes(**facts), (splits,), document["scan"]["seconds"], document["decided_at"],
    )  # fmt: skip


def _of_profile(document: Mapping[str, Any]) -> Page:
    head = f"{counted(document['rows'], 'row')}, {counted(len(document['columns']), 'column')}"
    steps, listing = tuple(tables.apart(document)), _listing("Columns", tables.PROFILE, tables.columns(document))
    title = printable(tables.profiled(document).strip())
    return Page(title, "PROFILE", True, head, (), steps, (), (listing,), 0.0, document["now"] or "")


def _of_diff(document: Mapping[str, Any]) -> Page:
    found = document["differences"]
    rows = [(d["severity"], d["column"] or "table", d["message"]) for d in found]
    listings = (_listing("Differences", ("severity", "column", "difference"), rows),) if found else ()
    title = printable(tables.sides(document))
    head = counted(len(found), "difference") if found else "no difference that matters"
    return Page(title, "DIFF", document["success"], head, (), (), (), listings, 0.0, "")


def _ranked(checks: Iterable[Told]) -> tuple[Told, ...]:
    return tuple(sorted(checks, key=lambda c: _RANK[c.status]))


def _examples(evidence: Sequence[Mapping[str, Any]]) -> Listing | None:
    if not evidence:
        return None
    names = list(dict.fromkeys(n for e in evidence for n in e["values"]))
    rows = [
        (f"{e.get('split', '')} {e['file']} row {e['row']}".strip(), *(_value(e["values"], n) for n in names))
        for e in evidence
    ]
    return _listing("", ("row", *names), rows)


def _value(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name, "")
    shown = "null" if value is None else value if isinstance(value, str) else number(value)
    return shown if len(shown) <= _LONGEST_VALUE else shown[: _LONGEST_VALUE - 1] + "…"


def _listing(title: str, heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Listing:
    return Listing(tuple(map(printable, heads)), tuple(tuple(map(printable, row)) for row in rows), title)


def _notes(**told: object) -> tuple[tuple[str, str], ...]:
    return tuple((name, printable(value)) for name, value in told.items() if value not in (None, ""))
