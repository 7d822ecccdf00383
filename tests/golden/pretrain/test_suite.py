"""`<model>.pretrain.yaml`: the published schema, the defaults and the sentences speak of the same checks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from dq.dialects.training import SCHEMA, load
from dq.ir.training import LIMITS, Limit, Training
from dq.pretrain.found import EFFECTS

SUITES = sorted((Path(__file__).parents[3] / "suites").glob("*.pretrain.yaml"))


def test_schema_defaults_and_sentences_name_the_same_checks() -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]["thresholds"]["properties"]) == set(LIMITS) == set(EFFECTS)
    assert all(p["description"] for p in schema["properties"].values())


def test_every_key_has_its_meaning() -> None:
    text = """
label: y
id: [a, b]
group: g
time: t
weight: w
features: [x, z]
task: regression
horizon: 2d
digits: 6
also: near_duplicates
similarity: 0.9
contract: c.yaml
thresholds:
  row_overlap: {fail: 0.01}
  split_rows: {warn: 50, fail: null}
"""
    limits = (("row_overlap", Limit(0, 0.01)), ("split_rows", Limit(50, None, lower=True)))
    assert load(text, "in/m.pretrain.yaml") == Training(
        "y", ("a", "b"), ("g",), "t", "w", ("x", "z"), "regression", 172_800.0, 6, ("near_duplicates",), 0.9,
        limits, "in/c.yaml", "in/m.pretrain.yaml",
    )  # fmt: skip


@pytest.mark.parametrize("file", SUITES, ids=lambda f: f.stem)
def test_bundled_suites_can_be_read(file: Path) -> None:
    found = load(file.read_text(), str(file))
    assert found.label
    assert found.contract
    assert Path(found.contract).is_file()


def test_a_limit_is_exceeded_beyond_it_only() -> None:
    assert not Limit(1, 2).exceeds(1, 1)
    assert Limit(1, 2).exceeds(1, 1.1)
    assert Limit(lower=True).exceeds(10, 9)
    assert not Limit(lower=True).exceeds(None, 9)
