"""Data Docs of what the gate decided, rendered by Great Expectations from the document in history."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from dq import api, config, running, standing
from dq.cli import main
from dq.reports.gx import of_document
from tests.golden.gx.test_custom import PLUGIN

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations
EXPECTATIONS = [
    ("column_values_to_be_between", {"column": "fare", "max_value": 5}),
    ("column_mean_to_be_between", {"column": "fare", "max_value": 100}),
    ("column_quantile_values_to_be_between",
     {"column": "fare", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 9]]}}),
    ("column_most_common_value_to_be_in_set", {"column": "zone", "value_set": ["a"]}),
    ("column_distinct_values_to_be_in_set", {"column": "zone", "value_set": ["a"]}),
    ("column_pair_values_to_be_equal", {"column_A": "zone", "column_B": "name"}),
    ("compound_columns_to_be_unique", {"column_list": ["zone", "name"]}),
    ("column_values_to_be_increasing", {"column": "fare"}),
    ("column_to_exist", {"column": "nowhere"}),
    ("column_values_to_be_even", {"column": "fare"}),
]  # fmt: skip


@pytest.fixture
def gated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With an answer of GX's process without that process."""
    answer = json.dumps({"success": True, "result": {"element_count": 3, "unexpected_count": 0}})
    monkeypatch.setattr("dq.engines.gx.GreatExpectations.run", lambda _, __, asked: dict.fromkeys(asked, answer))
    monkeypatch.setenv("DQ_ISOLATED", "false")
    monkeypatch.chdir(tmp_path)
    listed = [{"type": f"expect_{k}", "kwargs": a} for k, a in EXPECTATIONS]
    (tmp_path / "suites" / "plugins").mkdir(parents=True)
    (tmp_path / "suites" / "plugins" / "mine.py").write_text(PLUGIN)
    (tmp_path / "suites" / "trips.json").write_text(json.dumps({"name": "trips", "expectations": listed}))
    (tmp_path / "suites" / "trips.yaml").write_text(
        "source: trips\nlayout: 'region={str}/dt={date:%Y-%m-%d}'\ninclude: [{suite: trips.json, plugins: plugins}]\n"
    )
    (tmp_path / "dq.toml").write_text("")
    for day, fare in (("01", 9.0), ("02", 2.0)):
        folder = tmp_path / "landing" / "trips" / "region=eu" / f"dt=2026-03-{day}"
        folder.mkdir(parents=True)
        frame = pl.DataFrame({"fare": [1.0, 4.0, fare], "zone": ["a", "b", None], "name": ["<b>a</b>", "b", "c"]})
        frame.write_parquet(folder / "part.parquet")
    return tmp_path


def test_pages_add_up_to_a_site(gated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate"]) == 1
    for day in ("2026-03-01", "2026-03-02"):
        assert main(["show", "trips", day, "--data-docs", "site"]) == 0
    told, complaints = capsys.readouterr()
    assert "QUARANTINE trips" in told
    assert "not on the page, since their classes are the suite's own: expect_column_values_to_be_even" in complaints
    pages = sorted((gated / "site" / "validations").rglob("*.html"))
    assert [p.name for p in pages] == ["region=eu%2Fdt=2026-03-01.html", "region=eu%2Fdt=2026-03-02.html"]
    page, index = pages[0].read_text(), (gated / "site" / "index.html").read_text()
    assert "values must be less than or equal to" in page
    assert "33.33" in page  # per cent of the fares
    assert "&lt;b&gt;a" in page or "<b>a</b>" not in page
    assert index.count("region=eu") >= 2
    assert f"Data Docs: file://{pages[0].parent.parent.parent}" in complaints


def test_the_document_gives_the_result_that_judging_gave(gated: Path) -> None:
    suite, data = gated / "suites" / "trips.yaml", next((gated / "landing").rglob("dt=2026-03-01"))
    fresh = api.validate(data / "part.parquet", suite, limits=config.Limits(isolated=False))
    again = of_document(json.loads(fresh.to_json()))
    here = json.loads(json.dumps(fresh.to_gx()))
    for mine in here["results"]:
        mine["result"].pop("partial_unexpected_index_list", None)  # of rows, which documents tell otherwise
    assert here["results"][:-1] == again["results"][:-1]
    assert again["results"][-1]["result"] == {"element_count": 3, "unexpected_count": 0}
    assert here["statistics"] == again["statistics"]


def test_without_the_extra(gated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    main(["gate"])
    monkeypatch.setattr("dq.docs.find_spec", lambda _: None)
    assert main(["show", "trips", "2026-03-01", "--data-docs", "site"]) == 2
    assert "install the extra: pip install 'dq-gate[gx]'" in capsys.readouterr().err


def test_usage(gated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (gated / "suites" / "trips.yaml").write_text("source: trips\nlayout: 'region={str}/dt={date:%Y-%m-%d}'\n")
    assert main(["gate"]) == 0
    assert standing.stored(running.gate_run("trips", config.load()), "2026-03-01")["checks"]
    assert main(["show", "trips", "2026-03-01", "--data-docs", "site"]) == 2
    assert "no check of trips is an expectation of Great Expectations" in capsys.readouterr().err
