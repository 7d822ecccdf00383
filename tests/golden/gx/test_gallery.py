"""Each of the 59 core expectations, met and not met: our answers beside those that Great Expectations gave (whether it
still does `tests/differential/gx` asks)."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from dq import api
from dq.dialects.gx import load
from dq.dialects.gx.vocabulary import KINDS
from dq.ir.contract import Contract
from dq.reports.comparison import alike
from tests.golden.gx.gallery import asked, frame, gallery

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations
FOUND = gallery()


@functools.cache
def ours(semantics: Any, way: str) -> dict[str, Any]:
    listed = [{"type": k, "kwargs": a} for k, a in asked(FOUND, way)]
    suite = load(json.dumps({"name": "gallery", "expectations": listed}), "gallery.json", semantics=semantics)
    contract = Contract("gallery", suite)
    wanted = {name for c in suite.checks for name in c.metric.references()}
    others = {name: frame(FOUND[name], semantics) for name in wanted}
    found = api.validate(frame(FOUND["gallery"], semantics), contract, references=others).to_gx()["results"]
    return {r["expectation_config"]["type"]: r for r in found}


@pytest.mark.parametrize("semantics", ["pandas", "sql"])
@pytest.mark.parametrize("way", ["passing", "failing"])
@pytest.mark.parametrize("case", FOUND["cases"], ids=lambda c: c["type"].removeprefix("expect_"))
def test_our_answer_is_that_of_gx(case: dict[str, Any], way: str, semantics: str) -> None:
    mine, theirs = ours(semantics, way)[case["type"]], case["gx"][semantics][way]
    assert mine["success"] == theirs["success"]
    if semantics == case["semantics"]:
        assert mine["success"] == (way == "passing")
    told = {name: (mine["result"].get(name), value) for name, value in theirs["result"].items()}
    if semantics == "sql" and "partial_unexpected_list" in told:  # in whatever order the database has
        one, two = told["partial_unexpected_list"]
        told["partial_unexpected_list"] = sorted(one, key=repr), sorted(two, key=repr)
    assert [name for name, pair in told.items() if not alike(*pair)] == []


def test_every_core_expectation_is_asked() -> None:
    assert sorted(c["type"] for c in FOUND["cases"]) == sorted(KINDS)
    assert len(KINDS) == 59
