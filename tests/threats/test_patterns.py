"""Patterns that would take minutes to compile are refused before anything is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dq.errors import SuiteError
from dq.suite import load_contract

LONG = "(a+)+$" * 50_000
ODCS = """apiVersion: v3.1.0
kind: DataContract
id: x
version: 1.0.0
status: active
schema:
  - name: d
    properties: [{name: a, logicalType: string, logicalTypeOptions: {pattern: "LONG"}}]
"""
EXPECTATION = {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "a", "regex": LONG}}
SUITES = {
    "s.json": json.dumps({"name": "s", "expectations": [EXPECTATION]}),
    "s.dqdl": f'Rules = [ ColumnValues "a" matches "{LONG}" ]',
    "s.yaml": f'source: s\ncolumns:\n  a: {{type: string, matches: "{LONG}"}}\n',
    "s.odcs.yaml": ODCS.replace("LONG", LONG),
}


@pytest.mark.parametrize("name", SUITES)
def test_a_pattern_that_is_too_long_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(SUITES[name])
    with pytest.raises(SuiteError, match=r"a pattern has at most 10,000 characters, not 300,000"):
        load_contract(str(tmp_path / name))
