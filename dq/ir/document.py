"""The document doors print, `dq.result/1`. Its keys are stable: a published JSON Schema holds them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dq.errors import UsageError
from dq.ir.check import Severity
from dq.ir.codec import plain
from dq.ir.result import Act, CheckResult, Judgement, Split, Status, Unusual, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dq.ir.data import DataFile


def result(
    judgement: Judgement,
    *,
    landing: str = "",
    decided_at: str = "",
    run_id: str = "",
    revision: int | None = None,
    published: str | None = None,
    by: str = "",
    why: str = "",
    standing: Verdict | None = None,
) -> dict[str, Any]:
    """One partition's outcome. `success` tells whether it would exit 0; `standing` is what was decided before."""
    return {
        "schema": "dq.result/1",
        "source": judgement.source,
        "partition": judgement.partition,
        "revision": revision,
        "digest": judgement.digest,
        "verdict": judgement.verdict.value,
        "standing": standing.value if standing else None,
        "success": judgement.verdict is Verdict.PROMOTE,
        "adopted": False,
        "published": published,
        "landing": landing,
        "rows": judgement.rows,
        "rows_quarantined": judgement.rows if judgement.verdict is Verdict.QUARANTINE else judgement.rows_quarantined,
        "bytes": judgement.bytes,
        "files": _files(judgement.files),
        "split": _split(judgement.split) if judgement.split else None,
        "reasons": [plain(r) for r in judgement.reasons],
        "counts": counts(judgement.checks),
        "checks": [_check(c) for c in judgement.checks],
        "changes": list(judgement.changes),
        "anomalies": [_anomaly(a) for a in judgement.anomalies],
        "references": [plain(c) for c in judgement.compared],
        "scan": plain(judgement.scan),
        "suite_digest": judgement.suite_digest,
        "decided_at": decided_at,
        "run_id": run_id,
        "act": Act.JUDGED.value,
        "by": by,
        "why": why,
    }


def _files(files: Iterable[DataFile]) -> list[dict[str, Any]]:
    return [{"path": f.path, "bytes": f.bytes, "digest": f.digest} for f in files]


def _split(split: Split) -> dict[str, Any]:
    """The good rows, as they were judged by themselves, and where the others are."""
    return {
        "digest": split.digest,
        "files": _files(split.files),
        "rows": split.rows,
        "rows_bad": split.bad,
        "records_rejected": split.rejected,
        "counts": counts(split.checks),
        "checks": [_check(c) for c in split.checks],
        "withheld": _files(split.withheld),
        "quarantined": None,
    }


def counts(checks: Iterable[CheckResult]) -> dict[str, int]:
    """`fail` counts what failed at block, `warn` what failed at warn."""
    tally = dict.fromkeys(("pass", "fail", "warn", "error", "skip"), 0)
    for check in checks:
        failed_softly = check.status is Status.FAIL and check.severity is Severity.WARN
        tally["warn" if failed_softly else check.status.value] += 1
    return tally


def _check(check: CheckResult) -> dict[str, Any]:
    body: dict[str, Any] = plain(check)
    del body["details"], body["next"]
    if check.origin.dialect == "gx":  # of which Data Docs are made
        body["details"] = {n: plain(v) for n, v in check.details if n != "body"}
    body["evidence"] = [
        {"file": e.file, "row": e.row, "values": {n: plain(v) for n, v in e.values}} for e in check.evidence
    ]
    return body


def _anomaly(found: Unusual) -> dict[str, Any]:
    return {k: v for k, v in plain(found).items() if k != "effect"}


def difference(a: Mapping[str, Any], b: Mapping[str, Any], differences: Iterable[Any]) -> dict[str, Any]:
    """`dq.diff/1`. `a` and `b` say what was compared: name and rows."""
    found = [plain(d) for d in differences]
    success = not any(d["severity"] == "fail" for d in found)
    return {"schema": "dq.diff/1", "success": success, "a": dict(a), "b": dict(b), "differences": found}


def manifest(locations: Sequence[str]) -> str:
    """Objects of one bucket as a ManifestFile of SageMaker: the bucket, then the key of each."""
    prefix = "/".join(locations[0].split("/")[:3]) + "/"
    return json.dumps([{"prefix": prefix}, *(location.removeprefix(prefix) for location in locations)], indent=1) + "\n"


def lines(locations: Sequence[str]) -> Sequence[str]:
    """All of them, to be listed one a line. Raises UsageError where a name breaks its line: whoever reads lines would
    read what nobody judged."""
    if broken := next((x for x in locations if "\n" in x or "\r" in x), None):
        raise UsageError(f"{broken!a} has a line break in its name: land it under another one; dq ls --json lists it")
    return locations
