"""Contract, what landed and the clock in; late partitions out."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from dq.dialects.contract import load
from dq.due import due, late
from dq.ir.contract import Contract, Expected
from dq.ir.data import Partition
from dq.ir.layout import parse_layout

DAILY = 'layout: "dt={date:%Y-%m-%d}"\nexpected: {every: 1d, by: "06:00"}'
FILES = 'layout: "{date:%m-%d-%Y}.csv.gz"\nexpected: {every: 1d, by: "06:00", timezone: America/New_York}'
HOURLY = 'layout: "{year}/{month}/{day}/{hour}"\nexpected: {every: 1h, by: "00:15"}'
WEEKLY = 'layout: "dt={date}"\nexpected: {every: 1w}'
MONTHLY = 'layout: "year={int}/month={int}"\nexpected: {every: 30d}'
REGIONS = 'layout: "region={str}/dt={date:%Y-%m-%d}"\nexpected: {every: 1d, by: "06:00"}'


def contract(text: str) -> Contract:
    return load(f"source: s\n{text}\n", "s.yaml")


def partitions(held: Contract, keys: list[str]) -> list[Partition]:
    layout = parse_layout(held.layout or "")
    found = []
    for key in keys:
        values = layout.match(tuple(key.split("/"))) or {}
        found.append(Partition("s", key, tuple(values.items())))
    return found


@pytest.mark.parametrize(
    ("text", "landed", "now", "expected"),
    [
        (DAILY, ["dt=2026-03-01"], "2026-03-03T05:59:59+00:00", []),
        (DAILY, ["dt=2026-03-01"], "2026-03-03T06:00:00+00:00", ["dt=2026-03-02"]),
        (DAILY, ["dt=2026-03-01", "dt=2026-03-04"], "2026-03-05T00:00:00+00:00", ["dt=2026-03-02", "dt=2026-03-03"]),
        (DAILY, [], "2026-03-05T00:00:00+00:00", []),
        (DAILY, ["dt=2026-02-28"], "2026-03-02T07:00:00+00:00", ["dt=2026-03-01"]),
        (DAILY, ["dt=2026-03-01", "stray.csv"], "2026-03-02T07:00:00+00:00", []),
        (DAILY, ["dt=2026-03-05", "dt=2026-03-01"], "2026-03-01T00:00:00+00:00",
         ["dt=2026-03-02", "dt=2026-03-03", "dt=2026-03-04"]),
        (FILES, ["03-01-2020.csv.gz"], "2020-03-03T10:59:00+00:00", []),
        (FILES, ["03-01-2020.csv.gz"], "2020-03-03T11:00:00+00:00", ["03-02-2020.csv.gz"]),
        (FILES, ["07-01-2020.csv.gz"], "2020-07-03T10:00:00+00:00", ["07-02-2020.csv.gz"]),  # summer time
        (HOURLY, ["2026/03/01/22"], "2026-03-02T00:14:00+00:00", []),
        (HOURLY, ["2026/03/01/22"], "2026-03-02T00:15:00+00:00", ["2026/03/01/23"]),
        (HOURLY, ["2026/03/01/22"], "2026-03-02T01:15:00+00:00", ["2026/03/01/23", "2026/03/02/00"]),
        (WEEKLY, ["dt=2026-03-01", "dt=2026-03-09", "dt=2026-03-22"], "2026-03-23T00:00:00+00:00", ["dt=2026-03-16"]),
        (MONTHLY, ["year=2026/month=1", "year=2026/month=2", "year=2026/month=3"], "2026-03-31T00:00:00+00:00", []),
        (REGIONS, ["region=eu/dt=2026-03-01", "region=us/dt=2026-03-02"], "2026-03-03T06:00:00+00:00",
         ["region=eu/dt=2026-03-02"]),
        ('layout: "dt={date}"', ["dt=2026-03-01"], "2027-03-01T00:00:00+00:00", []),
        ('layout: "region={str}"\nexpected: {every: 1d}', ["region=eu"], "2027-03-01T00:00:00+00:00", []),
        (DAILY + "\nhistory: {window: 2}", ["dt=2026-03-01", "dt=2026-03-03", "dt=2026-03-04"],
         "2026-03-04T00:00:00+00:00", []),
    ],
)  # fmt: skip
def test_late_partitions(text: str, landed: list[str], now: str, expected: list[str]) -> None:
    held = contract(text)
    found = late(held, partitions(held, landed), datetime.fromisoformat(now))
    assert [one.key for gap in found for one in gap] == expected
    layout = parse_layout(held.layout or "")
    assert all(layout.match(tuple(one.key.split("/"))) == dict(one.values) for gap in found for one in gap)


def test_what_lies_before_the_start_is_not_expected() -> None:
    held = contract(DAILY)
    landed = partitions(held, ["dt=2026-03-01", "dt=2026-03-10", "dt=2026-03-12"])
    found = late(held, landed, datetime.fromisoformat("2026-03-12T00:00:00+00:00"), date(2026, 3, 10))
    assert [one.key for gap in found for one in gap] == ["dt=2026-03-11"]


@pytest.mark.parametrize(
    ("every_seconds", "by", "at", "when"),
    [
        (86400, "06:00", datetime(2026, 3, 1), "2026-03-02T06:00:00+01:00"),
        (86400, "00:00", datetime(2026, 3, 1), "2026-03-02T00:00:00+01:00"),
        (86400, "06:00", datetime(2026, 3, 1, 12), "2026-03-03T06:00:00+01:00"),
        (86400, "06:00", datetime(2026, 3, 28), "2026-03-29T06:00:00+02:00"),  # the clocks change that night
        (3600, "00:15", datetime(2026, 3, 1, 23), "2026-03-02T00:15:00+01:00"),
    ],
)
def test_when_a_partition_is_due(every_seconds: float, by: str, at: datetime, when: str) -> None:
    assert due(Expected(every_seconds, by, "Europe/Berlin"), at).isoformat() == when


def test_a_source_that_stopped_is_one_gap() -> None:
    held = contract(HOURLY)
    (gap,) = late(held, partitions(held, ["2016/03/01/22"]), datetime.fromisoformat("2026-03-02T00:15:00+00:00"))
    assert (gap.first.key, gap.last.key, gap.count) == ("2016/03/01/23", "2026/03/01/23", (10 * 365 + 2) * 24 + 1)
    assert gap.due.isoformat() == "2016-03-02T00:15:00+00:00"
