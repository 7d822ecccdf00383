"""What a person reads of the checks before training: nothing of it steers the terminal."""

from __future__ import annotations

from typing import Any

from dq.reports.training import render

ESCAPE = "\x1b[31m"


def check(**what: Any) -> dict[str, Any]:
    return {
        "id": "table.row_overlap", "check": "row_overlap", "column": None, "split": "test", "status": "fail",
        "message": "2 rows of test", "effect": "the score is too good", "evidence": [], **what,
    }  # fmt: skip


def document(*checks: dict[str, Any], success: bool = False) -> dict[str, Any]:
    counts = {s: sum(c["status"] == s for c in checks) for s in ("pass", "warn", "fail", "skip")}
    splits = [{"name": "train", "rows": 1_000}, {"name": "test", "rows": 1}]
    return {
        "success": success, "label": f"y{ESCAPE}", "task": "classification", "roles": {"features": ["a"]},
        "splits": splits, "counts": counts, "checks": list(checks),
    }  # fmt: skip


def test_failures_first_with_an_effect_and_two_examples() -> None:
    row = {"split": "test", "file": f"a{ESCAPE}.csv", "row": 7, "values": {"y": f"{ESCAPE}red", "a": None}}
    shown = render(
        document(
            check(evidence=[row, {**row, "file": "", "values": {}}, row]),
            check(id="a.constant_features", status="warn", message="`a` is one value", effect="it carries nothing"),
            check(id="table.weights", check="weights", status="skip", message="no column of weights is named"),
            check(id="table.layout", check="layout", status="pass"),
        )
    )
    assert shown.splitlines() == [
        r"FAIL train 1,000 rows, test 1 row; label y\x1b[31m (classification), 1 feature: 1 failed, 1 warning, "
        "1 passed",
        "  fail  table.row_overlap  2 rows of test",
        "        the score is too good",
        r"        e.g. test a\x1b[31m.csv row 7: y = \x1b[31mred, a = null",
        "        e.g. test row 7",
        "  warn  a.constant_features  `a` is one value",
        "        it carries nothing",
        "  passed: layout",
        "  not checked: weights: no column of weights is named",
    ]


def test_many_warnings_are_counted() -> None:
    shown = render(document(*(check(id=f"c{n}.missing_words", status="warn") for n in range(25)), success=True))
    assert shown.startswith("PASS train 1,000 rows")
    assert shown.splitlines()[-1] == "  and 5 more warnings (--json tells them)"
    assert "c19.missing_words" in shown
    assert "c20.missing_words" not in shown
