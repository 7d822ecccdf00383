"""Our verdicts on GX suites against those of Great Expectations itself: same success, same counts, same numbers."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from dq import api
from dq.converting import convert
from dq.dialects.gx import load
from dq.dialects.gx.vocabulary import KINDS
from dq.ir.contract import Contract
from dq.suite import load_contract
from tests.differential.gx import draws, oracle
from tests.golden.gx.gallery import gallery, on_pandas

if TYPE_CHECKING:
    from pathlib import Path

EACH = 45
SLICE, ALL = range(8), range(1_000, 1_060)
COMPARED = (
    "element_count", "unexpected_count", "missing_count", "unexpected_percent", "missing_percent",
    "unexpected_percent_total", "unexpected_percent_nonmissing", "partial_unexpected_list", "partial_unexpected_counts",
    "partial_missing_list", "observed_value", "details", "unexpected_list", "partial_unexpected_index_list",
    "unexpected_index_list", "unexpected_index_query",
)  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations


def drawn(random: Random) -> list[tuple[str, dict[str, Any]]]:
    """Every type about once in two frames, with arguments that GX's own model takes."""
    kinds = random.sample(sorted(KINDS), EACH)
    found = []
    for kind in kinds:
        while not oracle.accepts(*(one := draws.expectation(random, kind))):
            pass
        found.append(one)
    return found


def ours(frame: pd.DataFrame, asked: list[tuple[str, dict[str, Any]]], engine: Any) -> list[dict[str, Any]]:
    text = json.dumps({"name": "drawn", "expectations": [{"type": k, "kwargs": a} for k, a in asked]})
    result = api.validate(
        frame, Contract("drawn", load(text, "drawn.json", samples=200)), engine=engine, result_format="COMPLETE"
    )
    return list(result.to_gx()["results"])


def alike(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(alike(v, right[k]) for k, v in left.items())
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(alike, left, right))
    if isinstance(left, float) or (isinstance(right, float) and not isinstance(left, str)):
        return left is not None and right is not None and math.isclose(left, right, rel_tol=1e-9)
    if isinstance(right, str) and isinstance(left, str):
        return _time(left) == _time(right)
    return left == right or {str(left), str(right)} == {"None", "NaT"}


def _time(text: str) -> str:
    return text.removesuffix(".000000").removesuffix("T00:00:00")


def _ordered(name: str, value: Any) -> Any:
    """GX lists what is missing in the order of a set."""
    return (
        sorted(value, key=lambda v: repr(float(v) if isinstance(v, (bool, int)) else v))
        if name == "partial_missing_list" and value
        else value
    )


def missing(counts: Any) -> bool:
    """Whether NaN is counted: GX counts each by itself."""
    return isinstance(counts, list) and any("None" in str(c) for c in counts)


def differences(asked: tuple[str, dict[str, Any]], mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    found = [] if bool(mine["success"]) == bool(theirs["success"]) else ["success"]
    result = theirs["result"]
    found += [
        name
        for name in COMPARED
        if name in result
        and not (name == "partial_unexpected_counts" and missing(result[name]))
        and not (name == "details" and "kl_" in asked[0])
        and not alike(*(_ordered(name, r.get(name)) for r in (mine["result"], result)))
    ]
    return [f"{asked}: {n}: GX {result.get(n, theirs['success'])}, ours {mine['result'].get(n)}" for n in found]


@pytest.mark.parametrize("seed", SLICE)
def test_a_slice_of_the_draws(seed: int) -> None:
    compare(seed, "auto")


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@pytest.mark.parametrize("seed", ALL)
def test_all_draws(seed: int, engine: str) -> None:
    compare(seed, engine)


def compare(seed: int, engine: str) -> None:
    random = Random(seed)
    frame, asked = draws.frame(random), drawn(random)
    found = zip(asked, ours(frame, asked, engine), oracle.verdicts(frame, asked), strict=True)
    assert [d for one in found for d in differences(*one)] == []


@pytest.mark.parametrize("size", [0, 3])
def test_what_old_suites_leave_open_or_overdo(size: int) -> None:
    """Profilers of 0.x wrote ends that are null; holdouts may leave less than nothing to the bins."""
    frame = pd.DataFrame({"f": pd.Series([0.5, 1.0, 2.5][:size], dtype=float)})
    ends = {"column": "f", "min_value": None, "max_value": None}
    numbers = ("mean", "median", "min", "max", "sum", "stdev", "unique_value_count", "proportion_of_unique_values")
    asked: list[tuple[str, dict[str, Any]]] = [(f"expect_column_{name}_to_be_between", ends) for name in numbers]
    bins = {"bins": [0, 1, 2, 3], "weights": [0.25, 0.5, 0.25]}
    held = {"internal_weight_holdout": 0.9, "tail_weight_holdout": 0.5}
    asked.append(
        (
            "expect_column_kl_divergence_to_be_less_than",
            {**held, "column": "f", "partition_object": bins, "threshold": 0.5},
        )
    )
    found = zip(asked, ours(frame, asked, "auto"), oracle.verdicts(frame, asked), strict=True)
    assert [d for one in found for d in differences(*one)] == []


def test_counts_and_lists_of_types_as_the_model_reads_them() -> None:
    frame = pd.DataFrame({"i": [1, 2, 3, 4], "s": ["a", "bc", "d", "e"]})
    half = {"min_value": 4.5}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("expect_column_unique_value_count_to_be_between", {"column": "s", **half}),
        ("expect_column_unique_value_count_to_be_between", {"column": "s", "max_value": 4.5, "strict_max": True}),
        ("expect_column_value_lengths_to_be_between", {"column": "s", "min_value": 1.5}),
        ("expect_table_row_count_to_be_between", half),
        ("expect_column_values_to_be_in_type_list", {"column": "i", "type_list": []}),
        ("expect_column_values_to_be_in_type_list", {"column": "i", "type_list": None}),
    ]
    found = [bool(r["success"]) for r in oracle.verdicts(frame, asked)]
    assert [bool(r["success"]) for r in ours(frame, asked, "auto")] == found == [True, False, True, True, False, True]


def test_row_conditions_of_lists_and_times() -> None:
    """To pandas == beside a list is membership, `in` beside a text is equality, and a text never equals a time."""
    day = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"])
    frame = pd.DataFrame({"n": [-1.0, -2.0, -3.0, -4.0], "i": [1, 2, 3, 4], "s": ["a", "b", "c", "d"], "t": day})
    said = [
        "s == ['a', 'b']", "s != ['a', 'b']", "i == (1, 2)", "i != [1]", "s == []", "s in 'ab'", "s not in 'ab'",
        "s in ('a')", 't == "2020-01-02"', 't != "2020-01-02"', 't in ["2020-01-02"]', 't > "2020-01-02"',
    ]  # fmt: skip
    given: list[dict[str, Any]] = [{"row_condition": text, "condition_parser": "pandas"} for text in said]
    for name, op, value in (("s", "==", "a"), ("s", "NOT_IN", ["a"]), ("t", "!=", "2020-01-02"), ("i", "==", [1, 2])):
        compared = {"type": "comparison", "column": {"name": name}, "operator": op, "parameter": value}
        given.append({"row_condition": compared})
    asked = [("expect_column_values_to_be_between", {"column": "n", "min_value": 0, **one}) for one in given]
    found = zip(asked, ours(frame, asked, "auto"), oracle.verdicts(frame, asked), strict=True)
    assert [d for one in found for d in differences(*one)] == []


def test_text_that_looks_like_a_time_is_what_pandas_reads(tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    rows = ("1,2021-01-01,2021-01-01 10:00:00,true,2021-02-01", "2,2021-01-02,2021-01-02 11:00:00,false,2021-01-01")
    file.write_text("\n".join(["n,day,at,b,due", *rows, ""]))
    ask = "expect_column_values_to_"
    asked: list[tuple[str, dict[str, Any]]] = [
        (f"{ask}match_strftime_format", {"column": "day", "strftime_format": "%Y-%m-%d"}),
        (f"{ask}match_regex", {"column": "day", "regex": "-0[12]$"}),
        ("expect_column_value_lengths_to_equal", {"column": "at", "value": 19}),
        (f"{ask}be_in_set", {"column": "day", "value_set": ["2021-01-01"]}),
        (f"{ask}be_dateutil_parseable", {"column": "at"}),
        (f"{ask}be_of_type", {"column": "day", "type_": "str"}),
        (f"{ask}be_between", {"column": "n", "max_value": 1, "row_condition": 'due > "2021-01-15"'}),
        ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "due", "column_B": "day"}),
        (f"{ask}be_in_set", {"column": "b", "value_set": [True]}),
    ]
    text = json.dumps({"name": "drawn", "expectations": [{"type": k, "kwargs": a} for k, a in asked]})
    (tmp_path / "s.json").write_text(text)
    (tmp_path / "c.yaml").write_text("source: c\ninclude: [s.json]\n")
    theirs = oracle.verdicts(pd.read_csv(file), asked)
    for suite in ("s.json", "c.yaml"):
        mine = api.validate(file, tmp_path / suite, result_format="COMPLETE").to_gx()["results"]
        found = zip(asked, mine, theirs, strict=True)
        assert [d for one in found for d in differences(*one) if "index" not in d] == []
    assert [bool(r["success"]) for r in mine] == [True, True, True, False, True, True, True, False, False]
    (tmp_path / "c.yaml").write_text("source: c\ninclude: [s.json]\nchecks:\n  - {rule: 'day <= date(at)'}\n")
    judged = {c.id: c for c in api.validate(file, tmp_path / "c.yaml").checks}
    assert judged["table.rule"].status == "pass"  # of what a rule speaks of, too, that reads it as a time
    assert judged["day.type"].message == "type str does not hold: landed as date"


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_moments_of_the_run_and_ends_that_cross(engine: str) -> None:
    day = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    at = pd.Series([day - timedelta(days=n) for n in (1, 3, 400)], dtype="datetime64[us]")
    frame = pd.DataFrame({"at": at, "on": at.dt.tz_localize("UTC"), "s": ["a", "bc", "def"]})
    old, soon = ({"$PARAMETER": f"now() - timedelta({at})"} for at in ("weeks=52", "hours=2*24"))
    now = {"$PARAMETER": "now()"}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("expect_column_values_to_be_between", {"column": "at", "min_value": old}),
        ("expect_column_values_to_be_between", {"column": "at", "min_value": soon, "max_value": now}),
        ("expect_column_values_to_be_between", {"column": "at", "min_value": {"$PARAMETER": "datetime(2020, 1, 1)"}}),
        ("expect_column_values_to_be_between", {"column": "on", "min_value": old}),
        ("expect_column_max_to_be_between", {"column": "at", "min_value": soon}),
        ("expect_column_min_to_be_between", {"column": "at", "min_value": soon}),
        ("expect_column_value_lengths_to_be_between", {"column": "s", "min_value": 2, "max_value": 1}),
        ("expect_column_values_to_be_of_type", {"column": "on", "type_": "Timestamp"}),
    ]  # fmt: skip
    mine = ours(frame, asked, engine)
    found = zip(asked, mine, oracle.verdicts(frame, asked), strict=True)
    assert [d for one in found for d in differences(*one)] == []
    assert [bool(r["success"]) for r in mine] == [False, False, True, False, True, False, False, True]
    assert [r["result"].get("unexpected_count") for r in mine[:3]] == [1, 2, 0]


def test_gx_loads_and_judges_what_a_contract_became(tmp_path: Path) -> None:
    """The verdict of GX itself on two frames, of which the second breaks each check once."""
    columns = {
        "id": "{type: int64, required: true, unique: true, min: 1}",
        "state": "{allowed: [new, paid], matches: '^[a-z]+$', max_length: 4}",
    }
    text = "source: orders\ncolumns:\n" + "".join(f"  {n}: {spec}\n" for n, spec in columns.items())
    text += "checks:\n  - {row_count: '>= 2', where: \"state = 'new'\"}\n"
    file = tmp_path / "orders.yaml"
    file.write_text(text)
    made = convert(load_contract(file), "gx")
    assert [str(lost) for lost in made.lost] == []
    good = pd.DataFrame({"id": [1, 2, 3], "state": ["new", "new", "paid"]})
    bad = pd.DataFrame({"id": [0.0, 0.0, None], "state": ["NEW", "new", "lostlost"]})
    found = [oracle.judged(frame, json.loads(made.text)) for frame in (good, bad)]
    assert set(found[0].values()) == {True}
    assert {k for k, success in found[1].items() if success} == {
        "expect_table_row_count_to_be_between 1", "expect_column_to_exist 2", "expect_column_to_exist 7"
    }  # fmt: skip


def test_the_draws_cover_every_type() -> None:
    assert {kind for seed in SLICE for kind, _ in drawn(Random(seed))} == set(KINDS)


@pytest.mark.parametrize("way", ["passing", "failing"])
def test_gx_still_answers_as_the_gallery_has_it(way: str) -> None:
    """On pandas; whoever records anew asks SQLite too."""
    found = gallery()
    for case, answer in zip(found["cases"], on_pandas(found, way), strict=True):
        recorded = case["gx"]["pandas"][way]
        assert bool(answer["success"]) == recorded["success"]
        assert {k: answer["result"][k] for k in recorded["result"]} == recorded["result"]
