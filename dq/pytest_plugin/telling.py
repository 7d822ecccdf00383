"""A failure on one screen, and what all tests of a data set come to."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from dq.reports.base import printable
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from dq.api import Result
    from dq.ir.positions import Places
    from dq.ir.result import CheckResult, Evidence
    from dq.pytest_plugin.scans import Found, Outcome

_WORST_FILES = 5
_LONGEST_VALUE = 60
_WORDS = {"pass": "passed", "fail": "failed", "xfail": "failed as expected", "warn": "warned", "skip": "skipped"}


def failure(result: CheckResult | None, found: Result, said: str = "") -> list[str]:
    """The fact, the rule, the data, the worst files, the first offending rows. Everything is escaped."""
    document = found.document
    lines = [said or (result.message if result else "")]
    if result is not None:
        where = f"{_shown_path(result.origin.file)}:{result.origin.line or 1}" if result.origin.file else ""
        rule = f"{result.origin.rule or result.id}"
        lines.append(f"rule       {rule}   severity {result.severity}, dimension {result.dimension}   {where}".rstrip())
    rows = "" if document["rows"] is None else f", {counted(document['rows'], 'row')}"
    lines.append(f"data       {_shown_path(document['landing'])}{rows}")
    if result is not None:
        lines += _files(found.places, result.id)
        if result.evidence:
            lines += ["first rows", *(f"  {_row(e)}" for e in result.evidence)]
        if result.next:
            lines.append(f"next       {result.next}")
    return [printable(line) for line in lines]


def _shown_path(path: str) -> str:
    return path.replace(f"{os.getcwd()}{os.sep}", "")


def _files(places: Places, identity: str) -> list[str]:
    """Of several files those with most failing rows."""
    if places.files < 2 or identity not in places.rows:
        return []
    counts = [(name, len(rows) // 8) for name, rows in places.rows[identity].files]
    spread = sorted(counts, key=lambda c: (-c[1], c[0]))
    more = f"   and {counted(len(spread) - _WORST_FILES, 'more file')}" if len(spread) > _WORST_FILES else ""
    return ["files      " + "   ".join(f"{name}: {count:,}" for name, count in spread[:_WORST_FILES]) + more]


def _row(evidence: Evidence) -> str:
    where = f"{evidence.file} row {evidence.row}".strip()
    return "   ".join([where, *(f"{n}={_value(v)}" for n, v in evidence.values)])


def _value(value: Any) -> str:
    text = "null" if value is None else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def rerun(nodeid: str, config: pytest.Config, names: set[str]) -> list[str]:
    """The command that judges this check alone."""
    given = [s for s in config.getoption("dq_source") if s.partition("=")[0] in names]
    words = ["pytest", nodeid, *(w for s in given for w in ("--dq-source", s))]
    words += ["--dq-schema-only"] if config.getoption("dq_schema_only") else []
    for option in ("--dq-root", "--dq-partition", "--dq-engine", "--dq-sample", "--dq-show-values", "--dq-config"):
        if value := config.getoption(option.removeprefix("--").replace("-", "_")):
            words += [option, str(value)]
    return ["rerun      " + printable(shlex.join(words))]


def properties(identity: str, source: str, found: Found, outcome: Outcome) -> list[tuple[str, object]]:
    """What JUnit files keep of a test, and the summary is made of."""
    document, result = found.document, outcome.result
    about: dict[str, object] = {
        "dq_source": source, "dq_check": identity, "dq_status": outcome.status, "dq_data": document["landing"],
        "dq_rows": document["rows"], "dq_files": len(document["files"]), "dq_suite_digest": document["suite_digest"],
        "dq_scan_engine": document["scan"]["engine"], "dq_scan_seconds": document["scan"]["seconds"],
    }  # fmt: skip
    if result is not None:
        about |= {
            "dq_severity": str(result.severity), "dq_dimension": str(result.dimension), "dq_bound": result.bound,
            "dq_failed_rows": result.failed_rows, "dq_total_rows": result.total_rows,
        }  # fmt: skip
    return [(n, printable(v)) for n, v in about.items() if v is not None]


def summary(reports: Iterable[pytest.TestReport], sample: int | None) -> list[str]:
    """A line per data set. It is made from reports alone, so that it is the same wherever tests ran."""
    sets: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for report in reports:
        about = dict(report.user_properties)
        if report.when == "call" and "dq_check" in about:
            about["dq_status"] = "fail" if report.failed else about["dq_status"]  # warnings may be errors
            about["dq_status"] = "xfail" if report.skipped and hasattr(report, "wasxfail") else about["dq_status"]
            sets.setdefault((str(about["dq_source"]), str(about["dq_data"])), []).append(about)
    lines = []
    for (source, data), found in sorted(sets.items()):
        ends = [f["dq_status"] for f in found]
        said = ", ".join(f"{ends.count(e)} {word}" for e, word in _WORDS.items() if e in ends)
        rows = counted(int(found[0].get("dq_rows", 0)), "row")
        seconds = max(float(f["dq_scan_seconds"]) for f in found)
        line = f"{source}: {said}; {rows}, scanned in {seconds:.2f} s: {_shown_path(data)}"
        lines.append(line + (f"; PARTIAL: only the first {sample:,} rows of every file" if sample else ""))
    return lines
