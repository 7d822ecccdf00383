"""Differences between two validation results of Great Expectations: ours, and one that GX itself wrote."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dq.reports.base import printable
from dq.reports.tables import table
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Result = Mapping[str, Any]

COUNTS = ("element_count", "missing_count", "unexpected_count")
_TOLERANCE = 1e-9
_UNTOLD = ("batch_id", "result_format", "catch_exceptions", "meta", "windows")  # of no weight for what is asked
_NAMED = ("column", "column_A", "column_B", "column_list", "column_set")


def comparison(ours: Result, theirs: Result, hidden: str) -> dict[str, Any]:
    """`dq.comparison/1`: success, counts and observed values of each expectation. `hidden` stands in
    values of ours that are not shown: those differ from nothing."""
    pairs = list(_paired(ours["results"], theirs["results"]))
    found = [
        {"type": _type(mine or other), "arguments": _arguments(mine or other), "what": what, "gx": their, "ours": our}
        for mine, other in pairs
        for what, their, our in _differences(mine, other, hidden)
    ]
    return {
        "schema": "dq.comparison/1",
        "success": not found,
        "gx_version": str((theirs.get("meta") or {}).get("great_expectations_version") or ""),
        "compared": sum(mine is not None and other is not None for mine, other in pairs),
        "differences": found,
    }


def render(document: Result) -> str:
    """One line per difference, in the order of the suite."""
    version = f" {document['gx_version']}" if document["gx_version"] else ""
    found = document["differences"]
    head = f"{counted(document['compared'], 'expectation')} compared with what GX{version} says: "
    if not found:
        return printable(head + "no difference")
    rows = [(_said(d["type"], d["arguments"]), d["what"], _shown(d["gx"]), _shown(d["ours"])) for d in found]
    return printable(head + counted(len(found), "difference")) + "\n" + table(
        ("EXPECTATION", "WHAT", "GX", "OURS"), rows, widest=72
    )  # fmt: skip


def _said(kind: str, arguments: Result) -> str:
    named = [arguments[n] for n in _NAMED if n in arguments]
    return f"{kind}({', '.join(map(str, named))})" if named else kind


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)


def _paired(ours: Sequence[Result], theirs: Sequence[Result]) -> Iterator[tuple[Any, Any]]:
    """Each expectation of either with the one of the other: the same id, else the same question. None where the other
    does not know it."""
    left = list(theirs)
    by_id = {i: r for r in theirs if (i := r["expectation_config"].get("id"))}
    certain = [by_id.get(r["expectation_config"].get("id")) for r in ours]
    left = [r for r in left if not any(r is c for c in certain)]
    for mine, same in zip(ours, certain, strict=True):
        likely = [r for r in left if _type(r) == _type(mine) and _alike_where_both(mine, r)]
        other = same or max(likely, key=lambda r: len(_arguments(r).keys() & _arguments(mine).keys()), default=None)
        left = [r for r in left if r is not other]
        yield mine, other
    yield from ((None, r) for r in left)


def _alike_where_both(mine: Result, other: Result) -> bool:
    """GX leaves out what is the default, and writes row conditions in a form of its own."""
    one, two = _arguments(mine), _arguments(other)
    columns = all((n in one) == (n in two) for n in _NAMED)
    both = one.keys() & two.keys() - {"condition_parser"}
    same_form = [n for n in both if n != "row_condition" or type(one[n]) is type(two[n])]
    return columns and all(alike(one[n], two[n]) for n in same_form)


def _type(result: Result) -> str:
    config = result["expectation_config"]
    return str(config.get("type") or config.get("expectation_type"))


def _arguments(result: Result) -> dict[str, Any]:
    given = result["expectation_config"].get("kwargs") or {}
    return {k: v for k, v in given.items() if k not in _UNTOLD and v is not None}


def _differences(mine: Result | None, other: Result | None, hidden: str) -> Iterator[tuple[str, Any, Any]]:
    if mine is None or other is None:
        yield "expectation", "there" if other else "not there", "there" if mine else "not there"
        return
    if bool(mine["success"]) != bool(other["success"]):
        yield "success", bool(other["success"]), bool(mine["success"])
    raised, theirs = _raised(mine), _raised(other)
    if bool(raised) != bool(theirs):
        yield "raised", theirs or "no", raised or "no"
    if raised or theirs:
        return
    one, two = mine["result"] or {}, other["result"] or {}
    for name in COUNTS:
        if two.get(name) is not None and not alike(one.get(name), two[name]):
            yield name, two[name], one.get(name)
    shown = "observed_value" in one and hidden not in str(one["observed_value"])
    if shown and "observed_value" in two and not alike(one["observed_value"], two["observed_value"]):
        yield "observed_value", two["observed_value"], one["observed_value"]


def _raised(result: Result) -> str:
    """What was raised: flat, or by metric."""
    found = result.get("exception_info") or {}
    each = [found] if "raised_exception" in found else [v for v in found.values() if isinstance(v, dict)]
    return next((str(e.get("exception_message") or "an exception") for e in each if e.get("raised_exception")), "")


def alike(left: Any, right: Any) -> bool:
    """Numbers to nine digits, times in any of the forms that GX writes."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(alike(v, right[k]) for k, v in left.items())
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(alike, left, right))
    if isinstance(left, str) and isinstance(right, str):
        return _plain(left) == _plain(right)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right or math.isclose(left, right, rel_tol=_TOLERANCE) or (left != left and right != right)
    return bool(left == right) or {str(left), str(right)} == {"None", "NaT"}


def _plain(text: str) -> str:
    return text.removesuffix("+00:00").removesuffix(".000000").removesuffix("T00:00:00")
