"""A suite in, the same suite in other words out, and what they do not say."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dq.cli import main
from dq.converting import Converted, convert
from dq.converting.patterns import translated
from dq.dialects import contract, gx
from dq.dialects.saying import Unsayable
from dq.ir.contract import Contract
from dq.suite import load_contract

HERE = Path(__file__).parent / "suites"
CASES = [
    ("trips.gx.json", "contract"), ("orders.yaml", "gx"), ("lost.yaml", "gx"), ("rules.dqdl", "contract"),
    ("rules.dqdl", "gx"), ("orders.odcs.yaml", "contract"), ("orders.odcs.yaml", "gx"),
    ("orders_schema.py:Orders", "contract"),
]  # fmt: skip


def converted(name: str, to: Any, monkeypatch: pytest.MonkeyPatch) -> Converted:
    monkeypatch.chdir(HERE)
    return convert(load_contract(name), to)


def shown(found: Converted, to: str) -> str:
    """Of GX's JSON a line an expectation."""
    text = found.text
    if to == "gx":
        text = "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in json.loads(text)["expectations"])
    return "\n".join([text, *map(str, found.lost)]) + "\n"


@pytest.mark.parametrize(("name", "to"), CASES)
def test_what_becomes_of_a_suite(name: str, to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = HERE / f"{name.partition(':')[0]}.to_{to}.txt"
    assert shown(converted(name, to, monkeypatch), to) == answer.read_text()


@pytest.mark.parametrize("pattern", [r"\ba\b", r"\Ba", r"a\B", r"^\b.", r"\w+\b-", r"(?i)\bz\b"])
def test_edges_of_words_are_those_of_ascii(pattern: str) -> None:
    texts = ["".join(t) for size in range(4) for t in product("aZ_9 \u00e9-", repeat=size)]
    asked = "SELECT regexp_matches(t, ?) FROM (SELECT unnest(?) AS t)"
    found = [held for (held,) in duckdb.execute(asked, [pattern, texts]).fetchall()]
    wanted = translated(pattern, "re2", "python")
    assert [bool(re.search(wanted, t)) for t in texts] == found
    assert 0 < sum(found) < len(found)


WITH_OUTER_EDGES = [r"\ba", r"a\b", r"\ba\b", r"(?i)\bz\b", r"\b\w+\b", r"\ba|9\b"]


@pytest.mark.parametrize("pattern", WITH_OUTER_EDGES)
def test_edges_of_words_at_the_ends_of_a_pattern_are_those_of_the_library_it_comes_from(pattern: str) -> None:
    texts = ["".join(t) for size in range(4) for t in product("aZ_9 \u00e9-", repeat=size)]
    asked = "SELECT regexp_matches(t, ?) FROM (SELECT unnest(?) AS t)"
    found = [held for (held,) in duckdb.execute(asked, [translated(pattern, "python", "re2"), texts]).fetchall()]
    assert found == [bool(re.search(pattern, t)) for t in texts]
    assert 0 < sum(found) < len(found)


@pytest.mark.parametrize("pattern", [r"\ba*", r"^\ba", r"a\b.", r"\Ba", r"a?\b", r"\b"])
def test_other_edges_of_words_are_not_said(pattern: str) -> None:
    with pytest.raises(Unsayable):
        translated(pattern, "python", "re2")


def test_a_contract_there_and_back_asks_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It becomes the same suite once more, but for the order of its checks."""
    there = converted("orders.yaml", "gx", monkeypatch)
    assert [str(lost) for lost in there.lost] == []
    suite = gx.load(there.text, "orders.json")
    back = convert(Contract(suite.source, suite, file="orders.json"), "contract")
    assert [str(lost) for lost in back.lost] == []
    again = convert(contract.load(back.text, str(written(tmp_path / "back.yaml", back.text))), "gx")
    assert listed(again) == listed(there)


def listed(found: Converted) -> list[str]:
    return sorted(
        json.dumps(e, sort_keys=True).replace(".0}", "}").replace(".0,", ",")
        for e in json.loads(found.text)["expectations"]
    )


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_command_lists_what_is_lost(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "lost.json"
    assert main(["convert", str(HERE / "lost.yaml"), "--to", "gx", "--out", str(out)]) == 1
    told = capsys.readouterr().err
    assert f"dq: {HERE}/lost.yaml:5: tip.range: left out: of the values up to a share may fail, not <= 3" in told
    assert "dq: 7 checks as they were, 1 changed, 12 left out" in told
    assert len(json.loads(out.read_text())["expectations"]) == 9


def test_what_is_no_check_is_told_and_no_loss(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = written(
        tmp_path / "t.yaml", 'source: t\nlayout: "dt={date}"\npolicy: {on_fail: warn}\ncolumns: {a: {required: true}}\n'
    )
    assert main(["convert", str(place), "--to", "gx"]) == 0
    told = capsys.readouterr().err
    assert f"{place}:2: layout: no check, it stays with the gate" in told
    assert "0 changed, 0 left out" in told
    place.write_text(f"{place.read_text()}csv: {{delimiter: ';'}}\n")
    assert main(["convert", str(place), "--to", "gx"]) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["lost.yaml", "--to", "gx", "--out", "orders.yaml"], "orders.yaml: already there and not overwritten"),
        (["lost.yaml", "--to", "pandera"], '--to "pandera": contract or gx'),
        (["lost.yaml", "--to", "contract"], "lost.yaml is a contract: name a suite that it includes"),
        (["nowhere.json", "--to", "contract"], "nowhere.json: No such file or directory"),
    ],
)
def test_what_cannot_be_converted_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HERE)
    assert main(["convert", *arguments]) == 2
    assert f"dq: {told}" in capsys.readouterr().err


def test_what_a_contract_includes_of_gx_keeps_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kwargs = {"column": "fare", "partition_object": {"values": ["a"], "weights": [1]}, "threshold": 0.1}
    kept = {"type": "expect_column_kl_divergence_to_be_less_than", "kwargs": kwargs, "meta": {"by": "us"}}
    monkeypatch.chdir(tmp_path)
    Path("fares.json").write_text(json.dumps({"name": "fares", "expectations": [kept]}))
    Path("trips.yaml").write_text("source: trips\ncolumns:\n  fare: {}\ninclude: [fares.json]\n")
    found = convert(load_contract("trips.yaml"), "gx")
    assert found.lost == ()
    there = {"type": "expect_column_to_exist", "kwargs": {"column": "fare"}}
    assert json.loads(found.text)["expectations"][1:] == [there, kept]


def test_a_column_called_anything_and_values_of_any_script_survive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kwargs = {"column": "a.b 😀", "value_set": ["😀", "no", "12", "a'b", 'q"', "\u2028"]}
    written = {"name": "x y", "expectations": [{"type": "expect_column_values_to_be_in_set", "kwargs": kwargs}]}
    monkeypatch.chdir(tmp_path)
    Path("odd.json").write_text(json.dumps(written))
    text = convert(load_contract("odd.json"), "contract").text
    Path("odd.yaml").write_text(text)
    back = json.loads(convert(load_contract("odd.yaml"), "gx").text)
    assert back["expectations"][-1]["kwargs"] == kwargs
