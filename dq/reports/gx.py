"""Results of expectations as the validation result of Great Expectations that GX itself loads."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from dq.ir.check import Origin, Severity
from dq.ir.codec import plain
from dq.ir.data import format_path
from dq.ir.metric import Dimension
from dq.ir.positions import unpacked
from dq.ir.result import CheckResult, Evidence, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq.ir.positions import Places

ResultFormat: TypeAlias = Literal["BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE"]
FORMATS: tuple[str, ...] = get_args(ResultFormat)
VERSION = "1.24.1"  # of the results this form follows
MOST_INDEXES = 10_000  # in the result itself


def validation_result(
    results: Iterable[CheckResult], *, suite: str, time: str, result_format: ResultFormat = "SUMMARY",
    places: Places | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One entry an expectation, in order of the suite; checks of other dialects are left out. With `places` it tells
    which rows are unexpected: as pandas counts or calls them, where a frame or one file has rows and no lines."""
    asked = [r for r in results if is_expectation(r)]
    found = [_result(r, json.loads(r.origin.rule), result_format, places) for r in asked]
    good = sum(r["success"] for r in found)
    return {
        "success": good == len(found),
        "suite_name": suite,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": len(found),
            "successful_expectations": good,
            "unsuccessful_expectations": len(found) - good,
            "success_percent": good / len(found) * 100 if found else None,
        },
        "results": found,
        "meta": {
            "great_expectations_version": VERSION,
            "run_id": {"run_name": None, "run_time": time},
            "validation_time": time,
            "batch_spec": {},
            "batch_markers": {},
            "active_batch_definition": {},
        },
        "id": None,
    }


def is_expectation(result: CheckResult) -> bool:
    return result.origin.dialect == "gx" and result.origin.rule.startswith("{")


def _result(
    result: CheckResult, config: dict[str, Any], result_format: ResultFormat, places: Places | None
) -> dict[str, Any]:
    unasked = result.observed is None and result.total_rows is None and not result.details
    raised = result.status is Status.ERROR or (unasked and result.status is not Status.PASS)
    success = result.status is Status.PASS or (result.status is Status.SKIP and not raised)
    body: dict[str, Any] = {}
    if not raised and result_format != "BOOLEAN_ONLY":
        of_rows = result.failed_rows is not None
        body = _of_rows(result, config, result_format) if of_rows else _of_number(result, result_format)
        rows = {k: plain(v) for k, v in result.details if k in ("missing_rows", "unexpected_rows")}
        if rows and result_format == "COMPLETE":
            body["details"] = rows
        if places is not None and "partial_unexpected_list" in body and "body" not in dict(result.details):
            body |= _where(result, result_format, places)
    return {
        "success": success,
        "expectation_config": {"severity": "critical", "meta": {}, **config},
        "result": body,
        "meta": {},
        "exception_info": {
            "raised_exception": raised,
            "exception_traceback": None,
            "exception_message": result.message if raised else None,
        },
    }


def _of_rows(result: CheckResult, config: dict[str, Any], result_format: ResultFormat) -> dict[str, Any]:
    details = dict(result.details)
    present, failed = result.total_rows or 0, result.failed_rows or 0
    if "missing_rows" in details:  # of two queries
        return {"unexpected_count": failed, "unexpected_percent": _percent(failed, present) or 0.0}
    rows = details.get("rows", present)
    listed = [plain(v) for v in _values(result, config["kwargs"], details)]
    body: dict[str, Any] = {
        "element_count": rows,
        "unexpected_count": failed,
        "unexpected_percent": _percent(failed, present),
        "partial_unexpected_list": listed[:20],
    }
    if "rows" in details:
        body |= {
            "missing_count": rows - present,
            "missing_percent": _percent(rows - present, rows),
            "unexpected_percent_total": _percent(failed, rows),
            "unexpected_percent_nonmissing": _percent(failed, present),
        }
    if result_format == "BASIC":
        return body
    body["partial_unexpected_counts"] = _counts(listed if result_format == "COMPLETE" else listed[:20])
    return body | {"unexpected_list": listed} if result_format == "COMPLETE" else body


def _where(result: CheckResult, result_format: ResultFormat, places: Places) -> dict[str, Any]:
    """The lists that say where unexpected rows are. Of those that only their order tells there are the first."""
    first = dict(result.details).get("at") or [(e.file, e.row) for e in result.evidence]
    if result_format == "BASIC" or (result.failed_rows and not first):
        return {}
    body: dict[str, Any] = {"partial_unexpected_index_list": _indexes(first[:20], places)}
    state = places.rows.get(result.id)
    if result_format == "SUMMARY" or (state is None and result.failed_rows not in (0, len(first))):
        return body
    every = ((f, row) for f, rows in state.files for row in unpacked(rows)) if state else first
    body["unexpected_index_list"] = listed = _indexes(every, places)
    if len(listed) <= MOST_INDEXES and not any(isinstance(i, dict) for i in listed):
        body["unexpected_index_query"] = f"df.filter(items={listed}, axis=0)"
    return body


def _indexes(rows: Iterable[tuple[str, int]], places: Places) -> list[Any]:
    unit = "line" if places.lines else "row"
    if places.files > 1:
        return [{"file": file, unit: row} for file, row in rows]
    if places.labels is not None:
        return [places.labels[row - 1] for _, row in rows]
    return [{unit: row} if places.lines else row - 1 for _, row in rows]


def set_apart(found: dict[str, Any], path: str) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The result with at most MOST_INDEXES entries in each index list, and by path the whole lists beside it."""
    apart: dict[str, list[Any]] = {}
    results = []
    for number, one in enumerate(found["results"]):
        whole = one["result"].get("unexpected_index_list", ())
        if len(whole) > MOST_INDEXES:
            place = f"{path.removesuffix('.json')}.unexpected_index_list.{number}.json"
            apart[place] = whole
            named = place.rpartition("/")[2]
            cut: dict[str, Any] = {"unexpected_index_list": whole[:MOST_INDEXES], "unexpected_index_list_file": named}
            one = {**one, "result": {**one["result"], **cut}}
        results.append(one)
    return {**found, "results": results}, apart


def of_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a decision that history keeps, `dq.result/1`."""
    checks = [_check(c) for c in document["checks"] if c["origin"]["dialect"] == "gx"]
    return validation_result(checks, suite=document["source"], time=document["decided_at"])


def _check(found: Mapping[str, Any]) -> CheckResult:
    rows = (Evidence(e["file"], e["row"], tuple(e["values"].items())) for e in found["evidence"])
    return CheckResult(
        found["id"], found["column"], found["metric"], Dimension(found["dimension"]), Severity(found["severity"]),
        Status(found["status"]), None, found["observed"], found["bound"], found["failed_rows"], found["total_rows"],
        tuple(rows), found["message"], Origin(**found["origin"]), tuple((found.get("details") or {}).items()),
    )  # fmt: skip


def _percent(part: int, whole: int) -> float | None:
    return part / whole * 100 if whole else None


def _values(result: CheckResult, arguments: Mapping[str, Any], details: Mapping[str, Any]) -> list[Any]:
    """What GX lists: a value, a pair, or a mapping of several columns."""
    if "values" in details:
        return list(details["values"])
    rows = [dict(e.values) for e in result.evidence]
    if "column" in arguments:
        return [row.get(_named(arguments["column"])) for row in rows]
    if "column_A" in arguments:
        pair = (_named(arguments["column_A"]), _named(arguments["column_B"]))
        return [[row.get(n) for n in pair] for row in rows]
    return [{n: row.get(_named(n)) for n in arguments["column_list"]} for row in rows]


def _named(column: str) -> str:
    return format_path((column,))


def _counts(listed: list[Any]) -> list[dict[str, Any]]:
    """How often the most frequent of the listed values are among them; of equally frequent ones the first are told."""
    try:
        flat = [tuple(v.values()) if isinstance(v, dict) else tuple(v) if isinstance(v, list) else v for v in listed]
        counted = Counter(flat)
        ranked = sorted(counted.most_common(20), key=lambda c: (-c[1], c[0]))
    except TypeError:
        return [{"error": "partial_exception_counts requires a hashable type"}]
    return [{"value": list(v) if isinstance(v, tuple) else v, "count": n} for v, n in ranked]


_COMPLETE_ONLY = ("unexpected_list", "unexpected_index_list", "unexpected_index_query")
_NOT_IN_BASIC = (*_COMPLETE_ONLY, "partial_unexpected_counts", "partial_unexpected_index_list")


def _of_itself(details: dict[str, Any], result_format: ResultFormat) -> dict[str, Any]:
    """What GX itself said; its counts alone where values are not to be shown."""
    if "body" not in details:
        return details
    left_out = {"COMPLETE": (), "BASIC": _NOT_IN_BASIC}.get(result_format, _COMPLETE_ONLY)
    return {k: v for k, v in json.loads(details["body"]).items() if k not in left_out}


_DETAILED = ("most_common", "quantiles", "distinct_values")  # their number is none that GX tells


def _of_number(result: CheckResult, result_format: ResultFormat) -> dict[str, Any]:
    details = {k: plain(v) for k, v in result.details}
    if "body" in details or result.metric == "custom":
        return _of_itself(details, result_format)
    if "modes" in details:
        return {"observed_value": details["modes"]}
    if "inside" in details:
        at = json.loads(result.origin.rule)["kwargs"]["quantile_ranges"]["quantiles"]
        observed = {"quantiles": at, "values": details["values"]}
        return {"observed_value": observed, "details": {"success_details": details["inside"]}}
    if "mismatched" in details:
        body: dict[str, Any] = {"observed_value": details["observed"]}
        return body | ({"details": {"mismatched": details["mismatched"]}} if details["mismatched"] else {})
    if "observed" in details:
        return {"observed_value": details["observed"]}
    if "unexpected_count" in details or "missing_count" in details:
        names = {"unexpected": "partial_unexpected_list", "missing": "partial_missing_list"}
        return {"observed_value": None, **{names.get(k, k): v for k, v in details.items()}}
    if result.id.partition("#")[0] == "table.column_present" or result.metric in _DETAILED:
        return {}
    return {"observed_value": plain(result.observed)}
