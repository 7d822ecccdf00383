"""Results and policy -> verdict with reasons. Quarantine is the data's fault, hold is ours or the suite's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dq.ir.check import Severity
from dq.ir.result import Cause, CheckResult, Reason, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq.ir.check import Suite


def decide(suite: Suite, results: Iterable[CheckResult]) -> tuple[Verdict, tuple[Reason, ...]]:
    """Promote only when every blocking check was judged and none failed; zero checks is a hold, never a pass."""
    results = tuple(results)
    if not results:
        return Verdict.HOLD, (Reason(Cause.SUITE, "table.checks", "no check was judged", "add checks to the contract"),)
    blocking = [r for r in results if r.blocks]
    errors = [r for r in blocking if r.status is Status.ERROR]
    faults = [r for r in blocking if r.status is Status.FAIL]
    if errors:
        return Verdict.HOLD, tuple(_reason(suite, r) for r in errors)
    if faults:
        return Verdict.QUARANTINE, tuple(_reason(suite, r) for r in ranked(faults))
    return Verdict.PROMOTE, ()


def softened(suite: Suite, results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """With `on_fail: warn` what failed is a warning, but for bytes that could not be read."""
    if suite.on_fail != "warn":
        return tuple(results)

    def is_fault(r: CheckResult) -> bool:
        return r.status is Status.FAIL and not (r.metric == "readable" and r.column is None)

    return tuple(replace(r, severity=Severity.WARN) if is_fault(r) else r for r in results)


_RANK = (
    "readable",
    "not_empty",
    "column_present",
    "strict",
    "type",
    "files_agree",
    "same_content",
    "row_count",
    "rule",
)


def ranked(results: Iterable[CheckResult]) -> list[CheckResult]:
    """The fault that explains others first: structure (of files, then of records), layout, volume, then by share of
    rows."""

    def rank(r: CheckResult) -> tuple[int, bool, float]:
        place = _RANK.index(r.metric) if r.metric in _RANK else len(_RANK)
        share = r.failed_rows / r.total_rows if r.failed_rows and r.total_rows else 0.0
        return (place, r.metric == "readable" and r.total_rows is not None, -share)

    return sorted(results, key=rank)


_AS_TEXT = "land it again whole; if it is meant to be so, say how to read it in the contract (format, csv)"
_AS_PIECES = "land it in smaller pieces; if it is meant to be so, raise the limit in [limits] of dq.toml"
_MENDED = {
    **dict.fromkeys(("over_limit", "line_too_long"), _AS_PIECES),
    **dict.fromkeys(
        (
            "delimiter",
            "encoding",
            "header",
            "mixed_formats",
            "not_csv",
            "quote",
            "ragged",
            "unknown_format",
            "unreadable",
        ),
        _AS_TEXT,
    ),
    "compression": "pack it as its name says, or name it as it is packed",
    "duplicate_columns": "give each column its own name, or declare it in the contract as it is numbered, like a_2",
    "reserved_name": "give the column another name",
    "unsupported_type": "give the column one type that Arrow has",
}


def mended(kind: str) -> str:
    """What mends a structural finding."""
    return _MENDED.get(kind, "land it again whole")


def _reason(suite: Suite, result: CheckResult) -> Reason:
    cause = result.cause or Cause.GATE
    if result.next:
        step = result.next
    elif cause is Cause.SUITE:
        step = f"mend {result.origin.file or 'the suite'}, then run the gate again"
    elif result.metric == "readable" and result.column is None:
        step = mended(result.id.removeprefix("table."))
    elif cause is Cause.GATE:
        step = "run the gate again; the data was not judged"
    elif result.metric in ("change", "same_content", "anomaly") or "of previous" in result.bound:
        step = f'land it again, or  dq accept {suite.source} PARTITION --reason "…"  if this is the new normal'
    else:
        step = "land it again, or change the rule in the contract"
    return Reason(cause, result.id, result.message, step)
