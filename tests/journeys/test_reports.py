"""`--html`, `--junit` and `--markdown` as they are typed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.journeys.conftest import Ran
from tests.journeys.landing import Place

Dq = Callable[..., Ran]
SUITE = """source: people
columns:
  mail: {pii: true, matches: "@"}
  age: {max: 90}
"""
ROWS = pl.DataFrame({"mail": ["ann@example.org", "nobody"], "age": [17, 99]})
ALL = ("--html", "a.html", "--junit", "a.xml", "--markdown", "a.md")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DQ_ISOLATED", "false")
    Path("people.yaml").write_text(SUITE)
    ROWS.write_csv("people.csv")
    return tmp_path


def test_what_is_asked_for_is_written_and_nothing_personal_in_it(place: Path, dq: Dq) -> None:
    plain = dq("validate", "people.csv", "--suite", "people.yaml")
    ran = dq("validate", "people.csv", "--suite", "people.yaml", *ALL)
    assert (ran.code, ran.out) == (1, plain.out)
    assert sorted(p.name for p in place.iterdir()) == ["a.html", "a.md", "a.xml", "people.csv", "people.yaml"]
    for name in ("a.html", "a.md", "a.xml"):
        text = Path(name).read_text()
        assert "people.csv" in text
        assert "•••" in text
        assert "nobody" not in text
        assert "ann@" not in text
    (suite,) = ET.parse("a.xml").getroot()
    assert (suite.get("failures"), suite.get("name")) == ("2", "people people.csv")
    assert {e.get("name") for e in suite.iter("testcase") if e.find("failure") is not None} == {
        "mail.matches", "age.range"
    }  # fmt: skip


@pytest.mark.parametrize(("flag", "start"), [("--html", "<!doctype"), ("--junit", "<?xml"), ("--markdown", "## ")])
def test_stdout_is_a_place_too(place: Path, dq: Dq, flag: str, start: str) -> None:
    ran = dq("validate", "people.csv", "--suite", "people.yaml", flag, "-")
    assert ran.code == 1
    assert ran.out.startswith(start)
    assert "QUARANTINE people people.csv\n  " not in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--html", "no/a.html"), "--html no/a.html: name a file in a folder that is there"),
        (("--junit", "."), "--junit .: name a file in a folder that is there"),
        (("--html", "-", "--markdown", "-"), "--html - and --markdown - both write to stdout"),
        (("--html", "-", "--json"), "--json and --html - both write to stdout"),
        (("--html", "-", "--gx", "-"), "--gx - and --html - both write to stdout"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_read(
    place: Path, dq: Dq, arguments: tuple[str, ...], said: str
) -> None:
    Path("people.csv").unlink()
    ran = dq("validate", "people.csv", "--suite", "people.yaml", *arguments)
    assert (ran.code, ran.out, ran.err) == (2, "", f"dq: {said}\n")


def test_a_run_of_the_gate_is_one_page(tmp_path: Path, dq: Dq) -> None:
    place = Place(tmp_path, trips='layout: "dt={date:%Y-%m-%d}"\ncolumns: {id: {unique: true}}\n')
    for day, ids in (("01", [1, 2]), ("02", [1, 1]), ("03", [3, 4])):
        place.put(f"trips/dt=2026-03-{day}/a.parquet", pl.DataFrame({"id": ids}))
    ran = dq("gate", *ALL, at=tmp_path)
    assert ran.code == 1
    page = Path("a.html").read_text()
    assert [page.count(f">{w}<") for w in ("PROMOTE", "QUARANTINE")] == [2, 2]  # a line each, one told in full
    assert [s.get("failures") for s in ET.parse("a.xml").getroot()] == ["0", "1", "0"]
    shown = dq("show", "trips", "2026-03-02", "--markdown", "-")
    assert shown.out.startswith("## QUARANTINE trips dt=2026-03-02\n")
    assert "| fail | id.unique | 2 rows" in shown.out


def test_before_training_it_is_a_page_too(place: Path, dq: Dq) -> None:
    rows = pl.DataFrame({"a": range(400), "y": ["x", "<b>"] * 200})
    rows[:300].write_csv("train.csv")
    rows[290:].write_csv("test.csv")
    ran = dq("pretrain", "--train", "train.csv", "--test", "test.csv", "--label", "y", *ALL)
    assert ran.code == 1
    assert "row_overlap" in Path("a.md").read_text()
    assert "answered from memory" in Path("a.html").read_text()
    assert "<b>&lt;b&gt;" not in Path("a.html").read_text()
    assert ET.parse("a.xml").getroot()[0].get("failures") == "1"


def test_published_data_is_named_by_its_source(tmp_path: Path, dq: Dq) -> None:
    """Wherever data is named: a partition, a time, beside other data; and what is not there is said."""
    place = Place(tmp_path, trips='layout: "dt={date:%Y-%m-%d}"\ncolumns: {id: {unique: true}}\n')
    for day in (1, 2, 3):
        place.put(f"trips/dt=2026-03-0{day}/a.parquet", pl.DataFrame({"id": range(10 * day, 10 * day + day)}))
    place.gate("trips")
    asked = ("--suite", "suites/trips.yaml", "--json")
    for name, rows in (
        ("trips", 6),
        ("trips/2026-03-02", 2),
        ("trips/dt=2026-03-03", 3),
        ("trips?until=2026-03-02", 3),
    ):
        (document,) = dq("validate", f"dq://{name}", *asked, at=tmp_path).documents
        assert (document["rows"], document["landing"], document["success"]) == (rows, f"dq://{name}", True)
    (document,) = dq("validate", "dq://trips/2026-03-02", "landing/trips/dt=2026-03-02", *asked).documents
    assert (document["rows"], [r["id"] for r in document["reasons"]]) == (4, ["id.unique"])
    (found,) = dq("profile", "dq://trips?since=2026-03-03", "--json").documents
    assert found["rows"] == 3
    assert dq("diff", "dq://trips/2026-03-01", "dq://trips/2026-03-03").code == 0
    assert "nothing is read" not in dq("explain", "dq://trips", "--suite", "suites/trips.yaml").out
    for name, said in (
        ("trips/2026-04-01", "trips has published nothing as 2026-04-01"),
        ("trips?sinc=2026-01-01", 'unknown sinc (did you mean "since"?)'),
        ("trips?since=", '"": write it like 2026-03-01'),
        ("trip", "no contract for source trip"),
    ):
        ran = dq("validate", f"dq://{name}", *asked)
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err
