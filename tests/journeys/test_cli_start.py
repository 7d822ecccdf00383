"""The first minutes: `dq init` writes contracts that hold for the newest data; `dq demo` keeps to itself."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from shutil import copy2

import polars as pl
import pytest
import yaml

from dq import opening
from dq.dialects.contract import load
from dq.layouts import layouts_of
from tests.journeys.conftest import Ran
from tests.journeys.real import ROOT

Dq = Callable[..., Ran]


def test_the_demo_never_mixes_with_other_files(tmp_path: Path, dq: Dq) -> None:
    (tmp_path / "mine.txt").write_text("x")
    ran = dq("demo", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert list(tmp_path.iterdir()) == [tmp_path / "mine.txt"]
    assert dq("demo", tmp_path / "mine.txt").code == 2


@pytest.mark.parametrize(
    ("paths", "layout"),
    [
        (["04-01-2020.csv.gz", "04-13-2020.csv.gz"], "{date:%m-%d-%Y}.csv.gz"),
        (["01-04-2020.csv", "13-04-2020.csv", "30-04-2020.csv"], "{date:%d-%m-%Y}.csv"),
        (["01-02-2020.csv"], "{date:%m-%d-%Y}.csv"),
        (["sales_2020-04-01_v1.json"], "sales_{date:%Y-%m-%d}_v1.json"),
        (["s20200401.csv", "s20200402.csv"], "s{date:%Y%m%d}.csv"),
        (["trips_2019-01.csv", "trips_2019-02.csv"], "trips_{month:%Y-%m}.csv"),
        (["dt=2026-01-01/region=eu/a.parquet"], "dt={date:%Y-%m-%d}/region={str}"),
        (["dt=20260101/hour=03/a.parquet", "dt=20260101/hour=23/a.parquet"], "dt={date:%Y%m%d}/hour={hour}"),
        (["year=2026/month=01/day=02/a.parquet"], "year={year}/month={month}/day={day}"),
        (["year=2026/2026-01-02.csv", "year=2026/2026-01-03.csv"], "year={year}"),
        (["device=a/2026-01-02.csv", "device=b/2026-01-02.csv"], "device={str}/{date:%Y-%m-%d}.csv"),
        (["region=eu/2026-01-02_0.csv", "region=eu/2026-01-02_1.csv", "region=us/2026-01-02_2.csv"], "region={str}"),
        (["batch=17/a.parquet", "batch=9/b.parquet"], "batch={int}"),
        (["2026/01/02/part-0.json", "2026/01/03/part-0.json"], "{year}/{month}/{day}"),
        (["2026-01-02/a.csv", "2026-01-03/b.csv"], "{date:%Y-%m-%d}"),
        (["zones.csv", "rates.csv"], None),
        (["zones.csv", "rates.csv", "x_2020-01-01.csv"], None),
        (["123456789.csv", "2020-13-45.csv"], None),
        (["{2020-01-01}.csv"], None),
        (["export_202601.csv", "export_202612.csv"], "export_{month:%Y%m}.csv"),
        (["x_202613.csv", "x_201001.csv", "x_209999.csv"], None),
        (["31.01.2026.csv", "01.02.2026.csv"], "{date:%d.%m.%Y}.csv"),
        (["app.2026-01-01-03.log", "app.2026-01-02-23.log"], "app.{time:%Y-%m-%d-%H}.log"),
        (["e-20260101T030000.json", "e-20260101T040509.json"], "e-{time:%Y%m%dT%H%M%S}.json"),
        (["dump_2026-01-01_000000.csv", "dump_2026-01-02_000000.csv"], "dump_{time:%Y-%m-%d_%H%M%S}.csv"),
        ([f"s_2026-01-01_{n:05d}.csv" for n in range(5000)], None),
    ],
)
def test_layouts_are_seen_in_paths(paths: list[str], layout: str | None) -> None:
    assert layouts_of(paths)[0] == layout


@pytest.fixture
def land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "land").mkdir()
    return tmp_path / "land"


def trips(folder: Path, day: int, **columns: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame({
        "trip id": range(200), "fare": [1.5, None] * 100, "pay": ["cash", "card"] * 100, "yes": [True, False] * 100,
        "a.b": ["x"] * 200, "mail": [f"u{i}@example.com" for i in range(200)], "none": [None] * 200,
        "delta": [-1, 1] * 100, "at": [dt.datetime(2026, 3, day)] * 200, "price": [Decimal("1.00")] * 200, **columns,
    }, schema_overrides={"price": pl.Decimal(9, 2)})  # fmt: skip
    frame.write_parquet(folder / "part-0.parquet")


def test_sources_get_contracts_that_hold_for_the_newest_data(land: Path, dq: Dq) -> None:
    for day in (1, 2, 3, 4, 5):
        trips(land / "trips" / f"dt=2026-03-0{day}", day)
    trips(land / "trips" / "dt=2026-02-28", 1, delta=[3] * 200)
    (land / "jhu").mkdir()
    for day in ("04-01-2020", "04-02-2020", "04-03-2020", "04-04-2020"):
        copy2(ROOT / "dq" / "demo" / "landing" / "jhu" / f"{day}.csv.gz", land / "jhu")
    (land / "vendor" / "acme data").mkdir(parents=True)
    (land / "vendor" / "acme data" / "zones.csv").write_text("id;name\n1;Z\u00fcrich\n2;Gen\u00e8ve\n")
    (land / "README.md").write_text("not data")
    ran = dq("init", "land")
    assert ran.code == 0
    assert ran.out.splitlines()[:-1] == [f"wrote {f}" for f in ("dq.toml", *WRITTEN)]
    assert "trips: 6 partitions, layout dt={date:%Y-%m-%d}; reading the newest 3 and the oldest (" in ran.err
    assert Path("suites/trips.yaml").read_text().split("columns:\n")[1] == TRIPS
    assert 'csv: {delimiter: ";", quote: "\\"", encoding: "utf-8", header: true}' in Path(WRITTEN[2]).read_text()
    for file in WRITTEN:
        load(Path(file).read_text(), file)
    verdicts = {(d["source"], d["partition"]): d for d in dq("gate", "--json").documents}
    newest = [("trips", "dt=2026-03-05"), ("jhu", "04-04-2020.csv.gz"), ("acme_data", "zones.csv")]
    assert {k: verdicts[k]["reasons"] for k in newest} == {k: [] for k in newest}
    assert len(verdicts) == 11


def test_rows_may_fall_as_they_do_every_week(land: Path, dq: Dq) -> None:
    for n in range(28):
        day, rows = dt.date(2026, 1, 5) + dt.timedelta(days=n), 300 if n % 7 < 5 else 90
        for source, count in (("shop", rows), ("meter", 100 if n == 9 else 300)):
            (land / source).mkdir(exist_ok=True)
            (land / source / f"{day}.csv").write_text("id,x\n" + "".join(f"{n * 1000 + i},1\n" for i in range(count)))
    assert dq("init", "land").code == 0
    assert Path("suites/shop.yaml").read_text().endswith('{row_count: ">= 15% of previous"}\n')
    assert Path("suites/meter.yaml").read_text().endswith('{row_count: ">= 50% of previous"}\n')


WRITTEN = ("suites/jhu.yaml", "suites/trips.yaml", "suites/acme_data.yaml")
TRIPS = """\
  "trip id": {type: int64, required: true, min: 0}
  fare: {type: double, min: 0}
  pay: {type: string, required: true, allowed: {value: [card, cash], severity: warn}}
  "yes": {type: bool, required: true}
  "`a.b`": {type: string, required: true, allowed: {value: [x], severity: warn}}
  mail: {type: string, required: true, pii: true}
  none: {}
  delta: {type: int64, required: true}
  at: {type: "timestamp(us)", required: true}
  price: {type: "decimal(9,2)", required: true, min: 0}
checks:
  - {row_count: ">= 50% of previous"}
"""


def test_drafts_hold_for_what_people_export(land: Path, dq: Dq) -> None:
    """Doubled and empty names, Excel's first line, decimal commas, long numbers, days that could be months."""
    exports = {
        "twins": "a,a,,\n" + "".join(f"{n},{n},{n},x\n" for n in range(30)),
        "excel": "sep=;\r\nid;fare\r\n9007199254740993;1.234,50\r\n2;-0,5\r\n",
        "long": "id,code,huge\n-9223372036854775808,0123,123456789012345678901234\n1,0124,1\n",
    }
    for name, content in exports.items():
        (land / name).mkdir()
        for day in ("01", "02", "03"):
            (land / name / f"{day}-03-2026.csv").write_text(content.replace("2", day.removeprefix("0")), newline="")
    assert dq("init", "land").code == 0
    written = {name: Path(f"suites/{name}.yaml").read_text() for name in exports}
    assert "  a_2: {type: int64, required: true, min: 0}\n  column2: {type: int64" in written["twins"]
    assert (
        'delimiter: ";", quote: "\\"", encoding: "utf-8", header: true, decimal: ",", thousands: "."}'
        in written["excel"]
    )
    assert "  id: {type: int64, required: true, min: 0}\n  fare: {type: double, required: true}\n" in written["excel"]
    assert '  code: {type: string, required: true}\n  huge: {type: "decimal(38,0)"' in written["long"]
    asked = "# Day before month or month before day? Every path also reads as {date:%m-%d-%Y}.csv\n"
    assert all(asked + 'layout: "{date:%d-%m-%Y}.csv"\n' in text for text in written.values())
    assert {d["verdict"] for d in dq("gate", "--json").documents} == {"promote"}


def test_a_change_of_layout_is_the_newest_ones(land: Path, dq: Dq) -> None:
    trips(land / "trips" / "dt=2026-03-01", 1, old=["x"] * 200, delta=[0] * 200)
    trips(land / "trips" / "dt=2026-03-02", 2)
    assert dq("init", "land").code == 0
    text = Path("suites/trips.yaml").read_text()
    assert text.startswith("# Written by dq init from 1 partition with 200 rows")
    assert text.split("columns:\n")[1] == TRIPS


def test_columns_that_older_partitions_lack_are_optional_for_a_backfill(land: Path, dq: Dq) -> None:
    for day in range(1, 6):
        tip = {} if day == 1 else {"tip": [day] * 200}
        trips(land / "trips" / f"dt=2026-03-0{day}", day, id=range(day, 200 + day), **tip)
    assert dq("init", "land").code == 0
    text = Path("suites/trips.yaml").read_text()
    assert text.startswith("# Written by dq init from 3 partitions with 600 rows")
    assert "  tip: {optional: true, type: int64, required: true, min: 0" in text
    (line,) = (line for line in text.splitlines() if "optional" in line)
    assert line.endswith("  # not in dt=2026-03-01")
    assert dq("gate", "trips").code == 0


@pytest.mark.parametrize(
    ("name", "text", "drafted"),
    [
        ("app-2026-03-01.log.gz", '{"a": 1, "b": "x"}\n' * 30, "format: ndjson"),
        ("app-2026-03-01.log", '[{"a": 1},\n {"a": 2}]\n', "format: json"),
        ("app-2026-03-01.txt", '{\n  "a": 1\n}\n', "format: json"),
        ("2026-03-01", "a\tb\n" + "1\tx\n" * 9, 'csv: {delimiter: "\\t"'),
        ("2026-03-01.dat.gz", "2026-03-01|x|1\n" * 9, 'csv: {delimiter: "|"'),
        ("2026-03-01.log", "2026-03-01 10:00:00,123 INFO started\n" * 9, None),
        ("2026-03-01.log", "just words\nand more of them, here\n" * 9, None),
        ("2026-03-01.bin", "a,b\0\n" * 9, None),
    ],
)
def test_files_of_unknown_endings_are_known_by_what_is_in_them(
    land: Path, dq: Dq, name: str, text: str, drafted: str | None
) -> None:
    (land / "app").mkdir()
    content = text.encode()
    (land / "app" / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    ran = dq("init", "land")
    if drafted is None:
        assert ran.code == 2
        assert "no data files in a known format" in ran.err
    else:
        assert ran.code == 0, ran.err
        assert drafted in Path("suites/app.yaml").read_text()
        assert dq("gate", "app").code == 0


def test_what_people_export_gets_a_draft_that_says_what_is_odd(land: Path, dq: Dq) -> None:
    rows = [f"{i},name {i},{i * 1.5},2026-03-{i % 28 + 1:02}" for i in range(1, 31)]
    table = "\n".join(["id,name,price,day", *rows]) + "\n"
    numbers = {"percent": "{}%", "currency": "${}.50", "credit": "({}.00)"}
    texts = {
        "titled": "Report of sales,,,\n" + table, "remarks": "# by a tool\n# in EUR\n" + table,
        "unnamed": ",name\nx,bob\ny,ann\n", "total": table + "Total,,675,\n",
        "units": table.replace("\n", "\nint,text,EUR,date\n", 1),
        "fixed": "".join(f"{i:06}  some text  {i:>8}\n" for i in range(30)),
        "missing": "id,a\n" + "".join(f"{i},{i if i % 4 else 'NA'}\n" for i in range(30)),
        "days": "id,d\n" + "".join(f"{i},{DAYS[i % 5].format(i % 28 + 1)}\n" for i in range(30)),
        **{k: "id,v\n" + "".join(f"{i},{v.format(i)}\n" for i in range(1, 31)) for k, v in numbers.items()},
    }  # fmt: skip
    for name, text in texts.items():
        (land / name).mkdir()
        (land / name / "2026-03-01.csv").write_text(text)
    (land / "book").mkdir()
    (land / "book" / "2026-03-01.xlsx").write_bytes(b"PK\x03\x04" + b"x" * 99)
    ran = dq("init", "land")
    assert ran.code == 0, ran.err
    assert "dq: book/2026-03-01.xlsx: no known format, passed over" in ran.err
    drafted = {name: Path(f"suites/{name}.yaml").read_text() for name in texts}
    for name, above in (("titled", 1), ("remarks", 2)):
        assert f"skip: {above}, header: true" in drafted[name]
        assert "  price: {type: double, required: true}\n  day: {type: date, required: true}" in drafted[name]
    assert "skip" not in "".join(text for name, text in drafted.items() if name not in ("titled", "remarks"))
    assert '  id: {type: string, required: true}  # numbers, but for "Total": ' in drafted["total"]
    assert '  price: {type: string, required: true}  # numbers, but for "EUR": ' in drafted["units"]
    assert '  a: {type: string, required: true}  # numbers, but for "NA": ' in drafted["missing"]
    assert "# dates, written in 5 ways: kept as text" in drafted["days"]
    assert "# One column: no delimiter parts the lines" in drafted["fixed"]
    for name in numbers:
        assert re.search(r"  v: {type: string, required: true}  # numbers, as \".*\" writes them", drafted[name])
    gated = dq("gate", "titled", "remarks", "--json")
    assert [json.loads(line)["rows"] for line in gated.out.splitlines()] == [30, 30]


DAYS = ("2026-03-{:02}", "{:02}.03.2026", "03/{:02}/2026", "202603{:02}", "{:02} March 2026")


def test_a_folder_can_be_the_source_itself(land: Path, dq: Dq) -> None:
    for day in (1, 2):
        trips(land / f"dt=2026-03-0{day}", day, id=range(day, 200 + day))
    assert dq("init", land).code == 0
    assert dq("gate", "land", "--json").code == 0
    assert len(dq("ls", "land").out.splitlines()) == 2


def test_sources_in_sources_markers_and_strays_are_seen(land: Path, dq: Dq) -> None:
    for day in (1, 2):
        trips(land / f"dt=2026-03-0{day}", day)
        trips(land / "re funds" / f"dt=2026-03-0{day}", day)
        (land / "re funds" / f"dt=2026-03-0{day}" / "_SUCCESS").touch()
    (land / "re funds" / "names.parquet").write_bytes(b"PAR1 no date")
    (land / "README.txt").write_text("what this is")
    (land / "re funds" / "LICENCE.txt").write_text("may be used")
    ran = dq("init", "land")
    said = "2 partitions, layout dt={date:%Y-%m-%d}"
    assert f"dq: land: {said} (1 path of no known layout or format); reading the newest 2" in ran.err
    assert f"dq: re_funds: {said} (2 paths of no known layout or format); reading the newest 2" in ran.err
    assert Path("suites/re_funds.yaml").read_text().count("ready: {marker: _SUCCESS}\n") == 1
    assert "ready" not in Path("suites/land.yaml").read_text()
    assert '[sources.re_funds]\nlanding = "land/re funds"' in Path("dq.toml").read_text()
    found = {(d["source"], d["partition"]): d["verdict"] for d in dq("gate", "--json").documents}
    assert [k for k, v in found.items() if v == "quarantine"] == [
        ("land", "README.txt"), ("re_funds", "LICENCE.txt"), ("re_funds", "names.parquet"),
    ]  # fmt: skip
    assert len(found) == 7


def test_where_nothing_says_that_all_files_have_come_a_draft_says_how_to_wait(land: Path, dq: Dq) -> None:
    for day in (1, 2):
        trips(land / "trips" / f"dt=2026-03-0{day}", day)
        folder = land / "trips" / f"dt=2026-03-0{day}"
        (folder / "part-1.parquet").write_bytes((folder / "part-0.parquet").read_bytes())
    dq("init", "land")
    contract = Path("suites/trips.yaml")
    assert "\n# ready: {quiet: 10m}\n" in contract.read_text()
    contract.write_text(contract.read_text().replace("# ready:", "ready:"))
    assert dq("gate", "trips", "--json").documents == []
    assert dq("status", "trips").out.count("quiet for 600 s is asked") == 2


def test_nothing_is_ever_overwritten(land: Path, dq: Dq) -> None:
    trips(land / "trips" / "dt=2026-03-01", 1)
    Path("suites").mkdir()
    Path("suites/trips.yaml").write_text("source: trips\n")
    ran = dq("init", "land")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "dq: suites/trips.yaml: already there and not overwritten; nothing is written\n"
    assert Path("suites/trips.yaml").read_text() == "source: trips\n"
    assert not Path("dq.toml").exists()


def test_nothing_is_written_where_data_lands(land: Path, dq: Dq) -> None:
    trips(land / "trips" / "dt=2026-03-01", 1)
    ran = dq("init", ".", at=land / "trips")
    assert ran.code == 2
    assert "is where trips lands; run dq init in another folder" in ran.err
    assert [p.name for p in (land / "trips").iterdir()] == ["dt=2026-03-01"]


def test_what_cannot_be_read_among_the_newest_is_said_and_passed_over(land: Path, dq: Dq) -> None:
    trips(land / "trips" / "dt=2026-03-01", 1)
    (land / "trips" / "dt=2026-03-02").mkdir()
    (land / "trips" / "dt=2026-03-02" / "a.parquet").write_bytes(b"PAR1 torn")
    assert dq("init", "land").code == 0
    text = Path("suites/trips.yaml").read_text()
    assert text.startswith("# Written by dq init from 1 partition with ")
    assert "# dt=2026-03-02 could not be read: a.parquet: the file begins as Parquet and does not end so" in text
    assert load(text, "trips.yaml").layout == "dt={date:%Y-%m-%d}"


def test_what_cannot_be_read_gets_no_contract(land: Path, dq: Dq) -> None:
    trips(land / "trips" / "dt=2026-03-01", 1)
    (land / "torn").mkdir()
    (land / "torn" / "2026-03-01.parquet").write_bytes(b"PAR1 torn")
    ran = dq("init", "land")
    assert ran.code == 0
    assert "dq: torn: no contract: 2026-03-01.parquet could not be read: the file begins as Parquet and" in ran.err
    assert [p.name for p in Path("suites").iterdir()] == ["trips.yaml"]


def test_folders_without_data_are_usage(land: Path, dq: Dq) -> None:
    (land / "README.md").write_text("not data")
    assert dq("init", "land").err == "dq: land: no data files in a known format below it\n"
    assert dq("init", "nowhere") == Ran(2, "", "dq: nowhere: no such folder\n")


def test_names_of_sources_are_distinct_and_plain(land: Path) -> None:
    for folder in ("a/x", "b/x", "b/.hidden", "caf\u00e9"):
        trips(land / folder / "dt=2026-03-01", 1)
    found, landing, _ = opening.drafts("land")
    assert ({d.source: d.folder for d in found}, landing) == ({"x": "a/x", "b_x": "b/x", "caf_": "caf\u00e9"}, "land")


def test_a_contract_is_suggested_for_data_that_lies_anywhere(land: Path, dq: Dq) -> None:
    trips(land, 1)
    ran = dq("suggest", land / "part-0.parquet", "--source", "trips")
    assert ran.code == 0
    assert "\nsource: trips\nformat: parquet\ncolumns:\n" in ran.out
    assert "layout" not in ran.out
    assert dq("suggest", land / "part-0.parquet", "--out", land.parent / "first.yaml").code == 0
    assert dq("validate", land / "part-0.parquet", "--suite", land.parent / "first.yaml").code == 0
    again = dq("suggest", land / "part-0.parquet", "--out", land.parent / "first.yaml")
    assert (again.code, "already there" in again.err) == (2, True)


def test_dates_written_in_any_way_are_drafted_as_dates(land: Path, dq: Dq) -> None:
    rows = ["03.04.2026;03/04/2026;25/04/2026;2026-04-03 10:00:00.5 x;never"]
    rows += ["13.04.2026;04/04/2026;03/04/2026;2026-04-03 10:00:00.5 x;13.04.2026"]
    (land / "d.csv").write_text("a;either;day;text;mixed\n" + "\n".join(rows * 30) + "\n")
    ran = dq("suggest", land / "d.csv")
    assert '  a: {type: date, formats: ["%d.%m.%Y"], required: true}' in ran.out
    assert '  # dates: formats: ["%m/%d/%Y"] or ["%d/%m/%Y"]?' in ran.out
    assert '  day: {type: date, formats: ["%d/%m/%Y"], required: true}' in ran.out
    assert "  text: {type: string, required: true" in ran.out
    assert "  mixed: {type: string, required: true" in ran.out
    (land.parent / "d.yaml").write_text(ran.out)
    assert dq("validate", land / "d.csv", "--suite", land.parent / "d.yaml").code == 0


def test_a_draft_is_kept_by_the_data_it_was_drafted_from(tmp_path: Path, dq: Dq) -> None:
    """Parquet says of what type a column is; names may be anything."""
    odd, long = "[a](b): c, `d`", "l" * 3_000
    frame = pl.DataFrame({"at": ["2026-03-01T00:00:00", "2026-03-02T00:00:00"], odd: [{odd: 1}] * 2, long: [1, 2]})
    frame.write_parquet(tmp_path / "part-0.parquet")
    ran = dq("suggest", tmp_path / "part-0.parquet", "--source", "odd")
    (tmp_path / "odd.yaml").write_text(ran.out)
    assert "  at: {type: string, required: true}  # dates in text\n" in ran.out
    assert {*yaml.safe_load(ran.out)["columns"]} == {"at", f"`{odd.replace('`', '``')}`", long}
    assert dq("validate", tmp_path / "part-0.parquet", "--suite", tmp_path / "odd.yaml").code == 0


def test_no_minimum_is_drafted_where_numbers_are_nan(tmp_path: Path, dq: Dq) -> None:
    frame = pl.DataFrame({"whole": [0.5, 1.5], "holed": [0.5, math.nan]})
    frame.write_parquet(tmp_path / "part-0.parquet")
    drafted = yaml.safe_load(dq("suggest", tmp_path / "part-0.parquet").out)["columns"]
    assert (drafted["whole"]["min"], drafted["holed"].get("min")) == (0, None)
