"""A contract that refers to another source's published data: it holds without it, and says what it compared with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import dq as package
from dq import config
from dq.errors import SuiteError, UsageError
from tests.journeys.conftest import Ran
from tests.journeys.landing import Place

ZONES = "columns: {zone_id: {type: int64, required: true, unique: true}}\n"
TRIPS = "columns: {zone: {references: zones.zone_id}}\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path, zones=ZONES, trips=TRIPS)
    made.put("zones/z.csv", "zone_id,name\n1,a\n2,b\n")
    return made


def trips(place: Place, *zones: int | None, name: str = "a.parquet") -> None:
    place.put(f"trips/{name}", pl.DataFrame({"zone": zones}, schema={"zone": pl.Int32}))


def test_a_partition_is_held_until_the_other_source_has_published(place: Place) -> None:
    trips(place, 1, 2, None)
    (held,) = place.gate()
    assert held["verdict"] == "hold"
    (reason,) = held["reasons"]
    assert (reason["cause"], reason["id"], reason["message"]) == (
        "gate",
        "zone.references",
        "zones has published nothing",
    )
    assert reason["next"].startswith("dq gate zones")
    assert held["references"] == []
    place.gate("zones")
    (promoted,) = place.gate()  # at once: what it waited for has changed
    assert promoted["verdict"] == "promote"


def test_rows_without_a_counterpart_fail_with_evidence_and_the_digest_compared_with(place: Place) -> None:
    place.gate("zones")
    trips(place, 1, 7, None, 7, 2)
    (document,) = place.gate()
    assert document["verdict"] == "quarantine"
    (check,) = [c for c in document["checks"] if c["id"] == "zone.references"]
    assert (check["failed_rows"], check["total_rows"], check["dimension"]) == (2, 5, "consistency")
    assert [(e["row"], e["values"]) for e in check["evidence"]] == [(2, {"zone": 7}), (4, {"zone": 7})]
    assert "have no counterpart in zones.zone_id" in check["message"]
    assert check["origin"]["line"] == 2
    (compared,) = document["references"]
    assert (compared["name"], compared["place"], compared["files"], compared["rows"]) == ("zones", "dq://zones", 1, 2)
    assert len(compared["digest"]) == 64


def test_what_is_published_anew_is_compared_with_anew(place: Place) -> None:
    place.gate("zones")
    trips(place, 3)
    (before,) = place.gate()
    place.put("zones/z.csv", "zone_id,name\n1,a\n3,c\n")
    place.gate("zones")
    (after,) = place.gate(again=True)
    assert [before["verdict"], after["verdict"]] == ["quarantine", "promote"]
    assert before["references"][0]["digest"] != after["references"][0]["digest"]


def test_tolerance_severity_and_scope(place: Place) -> None:
    form = "{value: zones.zone_id, fails: '<= 50%', where: 'zone > 1', severity: warn}"
    (place.root / "suites" / "trips.yaml").write_text(f"source: trips\ncolumns: {{zone: {{references: {form}}}}}\n")
    place.gate("zones")
    trips(place, 2, 9, 1, name="half.parquet")
    trips(place, 9, 9, 2, name="most.parquet")
    found = {d["partition"]: next(c for c in d["checks"] if c["id"] == "zone.references") for d in place.gate()}
    assert [(c["status"], c["failed_rows"], c["total_rows"], c["severity"]) for c in found.values()] == [
        ("pass", 1, 2, "warn"),
        ("fail", 2, 3, "warn"),
    ]


def test_a_split_withholds_rows_without_a_counterpart(place: Place) -> None:
    text = "columns: {zone: {references: zones.zone_id}}\npolicy: {on_fail: split, split_max: 50%}\n"
    (place.root / "suites" / "trips.yaml").write_text(f"source: trips\n{text}")
    place.gate("zones")
    trips(place, 1, 9, 2)
    (document,) = place.gate()
    assert (document["verdict"], document["rows_quarantined"]) == ("promote", 1)
    (published,) = package.published("trips", config=package_config(place))
    assert pl.read_parquet(published)["zone"].to_list() == [1, 2]


def package_config(place: Place) -> config.Config:
    return config.load(place.root / "dq.toml", environment={})


def test_other_data_that_cannot_be_read_holds(place: Place) -> None:
    place.gate("zones")
    (published,) = (place.root / "curated" / "zones").glob("*.csv")
    published.chmod(0o644)
    published.write_text('zone_id,name\n1,a\n2,"b\n')
    trips(place, 1)
    (document,) = place.gate()
    assert document["verdict"] == "hold"
    assert '"zones" (dq://zones) cannot be read' in document["reasons"][0]["message"]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("zones.zone", 'no column "zone" (did you mean "zone_id"?)'),
        ("zones.name", "which is int32, never equals zones.name"),
    ],
)
def test_a_reference_that_cannot_be_meant_is_the_suites_fault(place: Place, reference: str, said: str) -> None:
    (place.root / "suites" / "trips.yaml").write_text(
        f"source: trips\ncolumns: {{zone: {{references: {reference}}}}}\n"
    )
    place.gate("zones")
    trips(place, 1)
    (document,) = place.gate()
    assert document["verdict"] == "hold"
    assert document["reasons"][0]["cause"] == "suite"
    assert said in document["reasons"][0]["message"]


def test_a_source_that_is_none_is_told_with_its_line(place: Place) -> None:
    (place.root / "suites" / "trips.yaml").write_text("source: trips\ncolumns:\n  zone: {references: zonez.zone_id}\n")
    with pytest.raises(SuiteError, match=r'trips.yaml:3: .*no contract for source zonez \(did you mean "zones"\?\)'):
        place.gate()


def test_data_is_named_by_path_on_the_command_line(dq: Callable[..., Ran], place: Place) -> None:
    trips(place, 1, 7)
    arguments = ("validate", "landing/trips", "--suite", "suites/trips.yaml", "--json")
    held = dq(*arguments, at=place.root)
    assert held.code == 3
    assert "has published nothing" in held.out
    ran = dq(*arguments, "--reference", "zones=landing/zones/z.csv")
    assert ran.code == 1
    (document,) = ran.documents
    assert document["references"] == [
        {"name": "zones", "place": "landing/zones/z.csv", "digest": "", "files": 1, "rows": 2}
    ]
    wrong = dq(*arguments, "--reference", "zone=landing/zones/z.csv")
    assert (wrong.code, 'no check compares with "zone" (did you mean "zones"?)' in wrong.err) == (2, True)
    assert dq(*arguments, "--reference", "zones").code == 2
    assert dq(*arguments, "--reference", "zones=nowhere.csv").code == 2


@pytest.mark.parametrize("as_frame", [False, True])
def test_frames_are_compared_with_frames_and_files(place: Place, as_frame: bool) -> None:
    trips(place, 1, 7)
    data = pl.DataFrame({"zone": [1, 7]}) if as_frame else place.root / "landing" / "trips"
    suite = place.root / "suites" / "trips.yaml"
    good, bad = (pl.DataFrame({"zone_id": ids}) for ids in ([1, 7], [1, 2]))
    assert package.validate(data, suite, references={"zones": good}).verdict == "promote"
    assert package.validate(data, suite, references={"zones": bad}).verdict == "quarantine"
    with pytest.raises(UsageError):
        package.validate(data, suite, references={"zones": 7})
    assert package.validate(data, suite).verdict == "hold"


def test_many_text_keys_on_either_side(place: Place) -> None:
    """Landed text lies on another connection than Parquet does; the other data is text too."""
    place.put("zones/z.csv", "zone_id,name\n" + "".join(f"{i},n{i}\n" for i in range(0, 3000, 3)))
    place.gate("zones")
    place.put("trips/t.csv", "zone\n" + "".join(f"{i}\n" for i in range(3000)))
    (document,) = place.gate()
    (check,) = [c for c in document["checks"] if c["id"] == "zone.references"]
    assert (check["failed_rows"], check["total_rows"]) == (2000, 3000)
    assert json.dumps(document)


def test_explain_opens_what_is_compared_with(dq: Callable[..., Ran], place: Place) -> None:
    place.gate("zones")
    trips(place, 1)
    ran = dq("explain", "trips", "a.parquet", at=place.root)
    assert (ran.code, "published nothing" in ran.out) == (0, False)


def test_explain_takes_what_validate_takes(dq: Callable[..., Ran], place: Place) -> None:
    trips(place, 1, 7)
    arguments = ("explain", "landing/trips", "--suite", "suites/trips.yaml")
    assert "has published nothing" in dq(*arguments, at=place.root).out
    ran = dq(*arguments, "--reference", "zones=landing/zones/z.csv")
    assert (ran.code, "published nothing" in ran.out) == (0, False)
    assert dq(*arguments, "--reference", "zones").code == 2
    assert dq("explain", "trips", "a.parquet", "--reference", "zones=landing/zones/z.csv").code == 2


def test_sources_are_gated_behind_those_that_they_refer_to(dq: Callable[..., Ran], place: Place) -> None:
    """One command suffices for both, in whatever order their names stand."""
    trips(place, 1, 2)
    ran = dq("gate", "--json", at=place.root)
    assert (ran.code, [d["source"] for d in ran.documents]) == (0, ["zones", "trips"])
    assert {d["verdict"] for d in ran.documents} == {"promote"}


def test_sources_that_refer_to_each_other_hold(dq: Callable[..., Ran], tmp_path: Path) -> None:
    each = "columns: {zone: {references: %s.zone}}\n"
    place = Place(tmp_path, zones=each % "trips", trips=each % "zones")
    for source in ("zones", "trips"):
        place.put(f"{source}/a.parquet", pl.DataFrame({"zone": [1]}))
    ran = dq("gate", "--json", at=place.root)
    assert (ran.code, {d["verdict"] for d in ran.documents}) == (3, {"hold"})
