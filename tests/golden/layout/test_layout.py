"""Layout and path in, key values out. Matching is strict: what does not fit is no partition."""

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq.ir.data import Kind
from dq.ir.layout import moment, parse_layout

FITS: list[tuple[str, str, dict[str, Any]]] = [
    ("dt={date:%Y-%m-%d}", "dt=2026-03-01/part-0.parquet", {"dt": date(2026, 3, 1)}),
    ("region={str}/dt={date:%Y-%m-%d}", "region=eu/dt=2026-03-01/a/b.csv", {"region": "eu", "dt": date(2026, 3, 1)}),
    ("region={region}/{day:%Y%m%d}", "region=eu/20260301/x.csv", {"region": "eu", "day": date(2026, 3, 1)}),
    ("{date:%m-%d-%Y}.csv", "04-18-2020.csv", {"date": date(2020, 4, 18)}),
    ("{date:%m-%d-%y}.csv", "04-18-20.csv", {"date": date(2020, 4, 18)}),
    ("{date:%y%j}.csv", "99366.csv".replace("366", "365"), {"date": date(1999, 12, 31)}),
    ("sample_{month:%Y-%m}.csv.gz", "sample_2018-01.csv.gz", {"month": date(2018, 1, 1)}),
    ("year={year}/month={month}/day={day}", "year=2026/month=3/day=01/x", {"year": 2026, "month": 3, "day": 1}),
    ("{date}/{name}.csv", "2026-03-01/a.b.csv", {"date": date(2026, 3, 1), "name": "a.b"}),
    ("at={at:%Y-%m-%dT%H}", "at=2026-03-01T07/x", {"at": datetime(2026, 3, 1, 7)}),
    ("at={at:%Y-%m-%d %H:%M:%S}", "at=2026-03-01 07%3A08%3A09/x", {"at": datetime(2026, 3, 1, 7, 8, 9)}),
    ("run={int}/{n:int}.csv", "run=7/012.csv", {"run": 7, "n": 12}),
    ("n={int}", "n=-1/x", {"n": -1}),
    ("v1.0/region={str}", "v1.0/region=a/x.csv", {"region": "a"}),
    ("p={str}", "p=a%2Fb/x.csv", {"p": "a/b"}),
    ("{a}_{b:int}.csv", "x_y_3.csv", {"a": "x_y", "b": 3}),
    ("100%{date:%Y%%%m}.csv", "100%2026%03.csv", {"date": date(2026, 3, 1)}),
]  # fmt: skip


@pytest.mark.parametrize(("layout", "path", "keys"), FITS, ids=[f"{p} in {t}" for t, p, _ in FITS])
def test_fits(layout: str, path: str, keys: dict[str, Any]) -> None:
    found = parse_layout(layout).match(tuple(path.split("/")))
    assert found == keys
    assert found is not None
    assert {k: type(v) for k, v in found.items()} == {k: type(v) for k, v in keys.items()}


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        ("{date:%m-%d-%Y}.csv", "04-18-20.csv"),
        ("{date:%m-%d-%Y}.csv", "4-18-2020.csv"),
        ("{date:%m-%d-%Y}.csv", "02-30-2020.csv"),
        ("{date:%m-%d-%Y}.csv", "13-01-2020.csv"),
        ("{date:%m-%d-%Y}.csv", "04-18-2020.csv.gz"),
        ("{date:%m-%d-%Y}.csv", "04-18-2020.CSV"),
        ("{date:%m-%d-%Y}.csv", "x04-18-2020.csv"),
        ("{date:%m-%d-%Y}.csv", "04-18-2020.csv\n"),
        ("{date:%m-%d-%Y}.csv", "sub/04-18-2020.csv"),
        ("{date:%m-%d-%Y}.csv", "٠٤-18-2020.csv"),
        ("{date}.csv", "2026-3-1.csv"),
        ("{date:%Y%j}.csv", "2026366.csv"),
        ("{date:%Y%j}.csv", "2026000.csv"),
        ("{at:%Y-%m-%dT%H}.csv", "2026-03-01T24.csv"),
        ("dt={date:%Y-%m-%d}", "2026-03-01/x.csv"),
        ("dt={date:%Y-%m-%d}", "DT=2026-03-01/x.csv"),
        ("dt={date:%Y-%m-%d}", "dt=/x.csv"),
        ("region={str}", "region=__HIVE_DEFAULT_PARTITION__/x.csv"),
        ("region={str}", ""),
        ("month={month}", "month=0/x"),
        ("month={month}", "month=13/x"),
        ("hour={hour}", "hour=24/x"),
        ("n={int}", "n=--1/x"),
        ("n={int}", "n=1234567890123456789/x"),
        ("region={str}/dt={date}", "region=eu"),
    ],
)
def test_does_not_fit(layout: str, path: str) -> None:
    assert parse_layout(layout).match(tuple(path.split("/")) if path else ()) is None


@pytest.mark.parametrize(
    ("layout", "because"),
    [
        ("", "below the source"),
        ("/dt={date}", "below the source"),
        ("../dt={date}", "below the source"),
        ("a//dt={date}", "below the source"),
        ("data", "names no key"),
        ("dt={date", "a brace is open"),
        ("dt=date}", "a brace is open"),
        ("{a}{b}", "something between"),
        ("{a}/{a}", 'the key "a" twice'),
        ("{}", "is no name"),
        ("{a b}", "is no name"),
        ("{str}", "needs a name"),
        ("region={area}", '"area" is no kind'),
        ("{a:text}", '"text" is no kind'),
        ("{a:%Q}", "%Q is not known"),
        ("{a:%Y-%}", "incomplete"),
        ("{a:%Y%Y}", "doubled"),
        ("{a:%m-%d}", "needs one year"),
        ("{a:%Y%y}", "needs one year"),
        ("{a:%Y-%d}", "does not give a date"),
        ("{a:%Y-%m-%j}", "does not give a date"),
    ],
)
def test_no_layout(layout: str, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        parse_layout(layout)


@pytest.mark.parametrize(
    ("layout", "possible", "impossible"),
    [
        ("{date:%Y-%m-%d}.csv", ["2026-03-01", "2026-03-01.csv", "2026-03"], ["2026-13-45", "2026-02-30.csv", "x"]),
        ("{date:%m-%d-%Y}.csv", ["03-01-2026", "2026-03-01"], ["13-45-2026", "2026-13", "03-01-2026.txt"]),
        ("region={str}/dt={date}", ["region=eu/dt=2026-03-01", "dt=2026-03-01", "eu", "2026-03-01"],
         ["dt=2026-13-45", "2026-13-45", "region=eu/dt=2026-02-30"]),
        ("dt={at:%Y%m%dT%H}", ["20260301T05", "dt=20260301T05", "2026-03-01T05:00:00"],
         ["20260301T25", "2026-03-01T25"]),
        ("year={year}/month={month}", ["year=2026/month=03", "2026", "03"], ["year=2026/month=13", "x"]),
        ("b={n:int}", ["7", "b=7"], ["x", "b=x"]),
    ],
)  # fmt: skip
def test_names_that_a_partition_can_have(layout: str, possible: list[str], impossible: list[str]) -> None:
    for name in possible:
        parse_layout(layout).check_name(name)
    for name in impossible:
        with pytest.raises(ValueError, match=r"there is no such date|its layout is"):
            parse_layout(layout).check_name(name)


@pytest.mark.parametrize("name", ["dat", "dates", "dte", "daet", "yaer", "mont", "monht", "hours", "dya"])
def test_a_kind_but_for_a_letter_is_no_name(name: str) -> None:
    for text in (f"{{{name}}}", f"x_{{{name}:%Y-%m-%d}}.csv"):
        with pytest.raises(ValueError, match="did you mean"):
            parse_layout(text)
    assert [k.name for k in parse_layout(f"{name}={{str}}").keys] == [name]


def test_what_a_layout_says_of_itself() -> None:
    found = parse_layout("region={str}/{at:%Y%m%dT%H}/{n:int}.csv.gz")
    assert [(f.name, f.type.kind) for f in found.fields] == [
        ("region", Kind.STRING), ("at", Kind.TIMESTAMP), ("n", Kind.INT64),
    ]  # fmt: skip
    assert (found.depth, found.single_file, found.timed) == (3, True, True)
    for text, single in (
        ("dt={date}", False),
        ("v1.0/dt={date:%Y.%m.%d}", False),
        ("{a}", False),
        ("{a}.parquet", True),
    ):
        assert parse_layout(text).single_file is single
    assert not parse_layout("region={str}").timed


@pytest.mark.parametrize(
    ("keys", "when"),
    [
        ({"region": "eu", "dt": date(2026, 3, 1)}, date(2026, 3, 1)),
        ({"year": 2026}, date(2026, 1, 1)),
        ({"year": 2026, "month": 3, "day": 9}, date(2026, 3, 9)),
        ({"year": 2026, "month": 3, "day": 9, "hour": 7}, datetime(2026, 3, 9, 7)),
        ({"region": "eu"}, None),
        ({}, None),
    ],
)
def test_moment(keys: dict[str, Any], when: Any) -> None:
    assert moment(keys) == when


@settings(deadline=None, derandomize=True)
@given(st.dates(date(1000, 1, 1)), st.sampled_from(["%Y-%m-%d", "%m-%d-%Y", "%Y%j", "%d.%m.%Y", "%Y%m%d"]))
def test_every_date_is_read_back(day: date, form: str) -> None:
    text = day.strftime(form)
    assert parse_layout(f"d={{date:{form}}}").match((f"d={text}", "x")) == {"d": day}


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=20))
def test_any_text_is_a_layout_or_refused(text: str) -> None:
    try:
        parse_layout(text).match((text,))
    except ValueError:
        return
