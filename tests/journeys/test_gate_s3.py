"""Land, gate, publish on S3: what works on a disk works in a bucket, on the bytes that were judged."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from dq import api
from dq import pretrain as api_pretrain
from dq.opening import find_files
from tests.conftest import make_bucket
from tests.s3 import servers
from tests.s3.place import CONTRACT, S3Place, before
from tests.survival import invariants

Dq = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path, bucket: str) -> S3Place:
    return S3Place(tmp_path, bucket)


def verdicts(documents: list[dict[str, Any]]) -> dict[str, str]:
    return {d["partition"]: d["verdict"] for d in documents}


def test_a_day_is_judged_and_published(place: S3Place, dq: Dq) -> None:
    place.land("2026-03-01", 0)
    place.land("2026-03-02", 100, fare=-1.0)
    ran = dq("gate", "--config", place.settings, "--json")
    assert ran.code == 1, ran.err
    assert verdicts(ran.documents) == {"dt=2026-03-01": "promote", "dt=2026-03-02": "quarantine"}
    assert place.ids() == list(range(40))
    pointer = json.loads(place.objects("curated/trips/")["curated/trips/dt=2026-03-01/_current.json"])
    listed = dq("ls", "trips", "--config", place.settings).out.split()
    assert listed == [f"s3://{place.bucket}/curated/{pointer['generation']}/{f['path']}" for f in pointer["files"]]
    invariants.at_any_moment(place.world())

    lasting = place.lasting()
    assert dq("gate", "--config", place.settings).code == 0
    assert place.lasting() == lasting
    assert not [k for k in place.objects() if "/locks/" in k], "leases are given back"


def test_every_command_that_looks_finds_it(place: S3Place, dq: Dq) -> None:
    place.land("2026-03-01", 0)
    place.land("2026-03-02", 100, fare=-1.0)
    dq("gate", "--config", place.settings)
    status = dq("status", "trips", "--config", place.settings, "--json").documents[0]
    assert (status["counts"]["promoted"], status["counts"]["quarantined"]) == (1, 1)
    assert dq("status", "--check", "--config", place.settings).code == 1
    shown = dq("show", "trips", "2026-03-01", "--config", place.settings, "--json").documents[0]
    assert shown["published"].startswith(f"s3://{place.bucket}/curated/.dq/generations/trips/dt=2026-03-01/")
    assert shown["landing"] == f"s3://{place.bucket}/landing/trips/dt=2026-03-01"
    doctor = dq("doctor", "--config", place.settings, "--json")
    assert doctor.code == 0, doctor.out
    zones = {z["zone"]: (z["readable"], z["writable"]) for z in doctor.documents[0]["zones"]}
    assert zones == {"landing": (True, None)} | dict.fromkeys(("curated", "quarantine", "history"), (True, True))
    assert dq("release", "trips", "2026-03-02", "--reason", "known", "--config", place.settings).code == 0
    assert place.ids() == [*range(40), *range(100, 140)]


def test_a_revision_takes_the_place_of_the_first_and_gc_removes_it(
    place: S3Place, dq: Dq, monkeypatch: pytest.MonkeyPatch
) -> None:
    for start in (0, 200, 400):
        place.land("2026-03-01", start)
        assert verdicts(place.gate()) == {"dt=2026-03-01": "promote"}
        assert place.ids() == list(range(start, start + 40))
    assert len(place.objects("curated/.dq/generations/")) == 6
    monkeypatch.setattr("dq.sweep.SAFE_SECONDS", -60.0)
    (place.root / "dq.toml").write_text((place.root / "dq.toml").read_text() + "[publish]\nkeep = 1\n")
    assert dq("gc", "--config", place.settings).code == 0
    assert len(place.objects("curated/.dq/generations/")) == 4
    assert place.ids() == list(range(400, 440))
    invariants.at_any_moment(place.world())


def test_bytes_are_copied_by_the_server(place: S3Place) -> None:
    """What is promoted is read once, to be judged; nothing of it is sent."""
    place.land("2026-03-01", 0, n=20_000)
    sent: list[int] = []
    with before("", lambda r: sent.append(int(r.headers.get("Content-Length", 0)))):
        place.gate()
    landed = sum(map(len, place.objects("landing/").values()))
    assert landed > 200_000
    assert max(sent) < 50_000


def test_rows_are_split(tmp_path: Path, bucket: str) -> None:
    place = S3Place(tmp_path, bucket, CONTRACT + "policy: {on_fail: split}\n")
    place.land("2026-03-01", 0, n=100, bad=1)
    (document,) = place.gate()
    assert (document["verdict"], document["rows_quarantined"]) == ("promote", 2)
    assert place.ids() == [*range(1, 100), *range(101, 200)]
    assert [k for k in place.objects("quarantine/") if k.endswith(".parquet")]
    invariants.at_any_moment(place.world())


@pytest.mark.parametrize("here", ["curated", "landing"])
def test_zones_may_lie_on_a_disk_and_in_a_bucket(tmp_path: Path, bucket: str, here: str) -> None:
    contract = CONTRACT + "quarantine_copy: true\n"
    place = S3Place(tmp_path, bucket, contract, **{here: str(tmp_path / here), "quarantine": str(tmp_path / "bad")})
    place.land("2026-03-01", 0)
    place.land("2026-03-02", 100, fare=-1.0)
    for key, content in place.objects("landing/").items():
        file = tmp_path / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert verdicts(place.gate()) == {"dt=2026-03-01": "promote", "dt=2026-03-02": "quarantine"}
    published = api.published("trips", config=place.config())
    assert all(p.startswith("s3://" if here == "landing" else str(tmp_path)) for p in published)
    assert len(published) == 2
    assert len(list((tmp_path / "bad").rglob("*.parquet"))) == 2


def test_without_a_curated_zone_there_are_verdicts_only(tmp_path: Path, bucket: str, dq: Dq) -> None:
    place = S3Place(tmp_path, bucket, curated=None, quarantine=str(tmp_path / "q"), history=str(tmp_path / "h"))
    place.land("2026-03-01", 0)
    landed = place.objects()
    ran = dq("gate", "--config", place.settings, "--json")
    assert (ran.code, ran.documents[0]["success"], ran.documents[0]["published"]) == (0, True, None)
    assert place.objects() == landed


def test_the_judge_process_reads_what_was_brought(place: S3Place) -> None:
    text = place.settings.read_text()
    place.settings.write_text(text.replace("isolated = false\n", ""))
    place.land("2026-03-01", 0)
    place.land("2026-03-02", 100, fare=-1.0)
    assert verdicts(place.gate()) == {"dt=2026-03-01": "promote", "dt=2026-03-02": "quarantine"}


def test_validate_and_profile_take_urls(place: S3Place, dq: Dq) -> None:
    place.land("2026-03-01", 0)
    place.land("2026-03-02", 100, fare=-1.0)
    suite = place.root / "suites" / "trips.yaml"
    base = f"s3://{place.bucket}/landing/trips"
    for data, code, rows in (
        (f"{base}/dt=2026-03-01", 0, 40), (f"{base}/dt=2026-03-01/", 0, 40), (f"{base}/**/*.parquet", 1, 80),
        (f"{base}/dt=2026-03-0[2-9]/part-1.parquet", 1, 20), (f"{base}/dt=2026-03-01/part-0.parquet", 0, 20),
    ):  # fmt: skip
        ran = dq("validate", data, "--suite", suite, "--json", at=place.root)
        assert (ran.code, ran.documents[0]["rows"]) == (code, rows), data
    named, (landed,) = find_files(f"{base}/dt=2026-03-01/part-0.parquet"), place.config().s3.access().clients[:1]
    head = landed.head_object(Bucket=place.bucket, Key="landing/trips/dt=2026-03-01/part-0.parquet")
    assert [f.modified for f in named] == [head["LastModified"].timestamp()], "when it landed, not when it was read"
    ran = dq("profile", f"{base}/dt=2026-03-01", "--json", at=place.root)
    assert ran.documents[0]["rows"] == 40
    ran = dq("diff", f"{base}/dt=2026-03-01", f"{base}/dt=2026-03-02", at=place.root)
    assert (ran.code, "(40 rows)" in ran.out) == (0, True)
    ran = dq("validate", f"{base}/dt=2026-04-01", "--suite", suite, at=place.root)
    assert ran.code == 2
    assert "no such file" in ran.err


def test_more_keys_than_one_listing_holds(tmp_path: Path, s3: str) -> None:
    place = S3Place(tmp_path, make_bucket("few"))
    for n in range(25):
        place.put(f"landing/trips/dt=2026-03-01/part-{n:04}.csv", f"id,fare\n{n},1\n".encode())
    (document,) = place.gate()
    assert (document["verdict"], document["rows"]) == ("promote", 25)
    assert len(api.published("trips", config=place.config())) == 25


def test_odd_keys_are_strays_that_lead_nowhere_else(place: S3Place) -> None:
    servers.needs("odd keys")
    place.land("2026-03-01", 0)
    odd = ["../out.csv", "./a.csv", "//b.csv", "a//c.csv", "%2E%2E/d.csv", "t\tab/[*].csv",
           "x" * 1006 + ".csv", "d/" * 500 + "e.csv"]  # fmt: skip
    for n, key in enumerate(odd):
        place.put(f"landing/trips/{key}", f"id,fare\n{n},1\n".encode())
    place.put("landing/trips/folder/", b"")
    place.put("landing/trips/dt=2026-03-02/../x.csv", b"id,fare\n1,1\n")
    found = place.gate()
    strays = [d for d in found if d["verdict"] == "quarantine"]
    assert verdicts(found)["dt=2026-03-01"] == "promote"
    assert len(strays) == len(odd)
    assert {d["reasons"][0]["id"] for d in strays} == {"table.layout"}
    assert place.ids() == list(range(40))
    assert place.gate() == []
    (held,) = place.gate(keys=frozenset({"dt=2026-03-02"}))
    assert "is not read" in held["reasons"][0]["message"]


def test_a_name_that_is_too_long_where_it_is_published_is_said(place: S3Place, dq: Dq) -> None:
    servers.needs("front")
    place.land("2026-03-01", 0)
    place.put(f"landing/trips/dt=2026-03-02/{'x' * 980}.csv", b"id,fare\n1,1\n")
    ran = dq("gate", "--config", place.settings)
    assert ran.code == 3
    assert "no key of S3 is longer than 1,024 bytes (KeyTooLongError)" in " ".join(
        dq("gate", "trips", "--partition", "2026-03-02", "--config", place.settings).out.split()
    )
    assert place.ids() == list(range(40))


def test_a_bucket_that_is_not_there_is_to_be_named_otherwise(place: S3Place, tmp_path: Path, dq: Dq) -> None:
    """2 where nothing was done; what was judged, and has nowhere to go, is held."""
    servers.needs("front")
    suite = place.root / "suites" / "trips.yaml"
    for url, told in (
        ("s3://nowhere-at-all/a.csv", "no such bucket"), ("s3://arn:aws:s3:eu-west-1:1:accesspoint/a/b", "its alias"),
    ):  # fmt: skip
        for command in (["validate", url, "--suite", suite], ["profile", url], ["init", url]):
            ran = dq(*command, at=tmp_path)
            assert (ran.code, told in ran.err, ran.err.count("\n")) == (2, True, 1), ran.err
    place.land("2026-03-01", 0)
    for zone, code in (("landing", 2), ("curated", 3), ("history", 3)):
        there = S3Place(tmp_path / zone, place.bucket, **{zone: "s3://nowhere-at-all/x"})
        ran = dq("gate", "--config", there.settings)
        assert (ran.code, "no such bucket" in " ".join((ran.out + ran.err).split())) == (code, True), ran.err


def test_an_archived_object_is_not_ready_and_says_how_to_bring_it_back(place: S3Place, dq: Dq) -> None:
    place.land("2026-03-01", 0)
    content = place.objects("landing/")["landing/trips/dt=2026-03-01/part-0.parquet"]
    key = place.put("landing/trips/dt=2026-03-01/part-0.parquet", content, StorageClass="GLACIER")
    assert dq("gate", "--config", place.settings).code == 0
    said = dq("gate", "trips", "--partition", "2026-03-01", "--config", place.settings)
    assert said.code == 3
    status = dq("status", "trips", "--config", place.settings)
    assert f"waiting: dt=2026-03-01: s3://{place.bucket}/{key} is archived" in status.out
    assert f"aws s3api restore-object --bucket {place.bucket} --key {key}" in " ".join(said.out.split())
    suite = place.root / "suites" / "trips.yaml"
    ran = dq("validate", f"s3://{place.bucket}/{key}", "--suite", suite, at=place.root)
    assert (ran.code, "is archived (GLACIER)" in ran.err) == (3, True)


@pytest.mark.parametrize("kind", ["plain", "blind"])
@pytest.mark.parametrize("operation", ["GetObject", "CopyObject"])
def test_an_object_replaced_on_the_way_is_judged_again(tmp_path: Path, s3: str, kind: str, operation: str) -> None:
    """Between listing and reading, and between judging and copying; where the condition of a copy is ignored the digest
    of the copy tells."""
    place = S3Place(tmp_path, make_bucket(kind))
    (key,) = place.land("2026-03-01", 0, files=1)
    other, replaced = place.table(500, 20), []

    def replace(request: Any) -> None:
        if not replaced and key in unquote(f"{request.url} {request.headers.get('x-amz-copy-source')}"):
            replaced.append(key)
            place.put(key, other)

    with before(operation, replace):
        (document,) = place.gate()
    assert replaced
    assert document["verdict"] == "promote"
    assert place.ids() == list(range(500, 520))
    invariants.at_any_moment(place.world())
    assert len(place.objects("curated/.dq/generations/")) == 1, "what was copied of it is removed"


def test_an_object_replaced_by_a_bad_one_after_it_was_judged_is_not_published(place: S3Place) -> None:
    keys = place.land("2026-03-01", 0)
    replaced: list[str] = []

    def replace(request: Any) -> None:
        if not replaced:
            replaced.append(place.put(keys[1], place.table(500, 20, fare=-1.0)))

    with before("CopyObject", replace):
        (document,) = place.gate()
    assert document["verdict"] == "quarantine"
    assert not place.objects("curated/trips/")
    invariants.at_any_moment(place.world())


def test_a_store_without_conditional_writes_takes_landings_and_nothing_else(tmp_path: Path, s3: str, dq: Dq) -> None:
    """One line says why; what lands there is judged, and kept on a disk."""
    bucket = make_bucket("plain" if servers.chosen().refused else "lax")
    place = S3Place(tmp_path / "all", bucket)
    place.land("2026-03-01", 0)
    place.land("2026-03-02", 100, fare=-1.0)
    ran = dq("gate", "--config", place.settings)
    assert ran.code == 3
    (line,) = ran.err.strip().splitlines()
    assert (servers.chosen().refused or "though told not to (If-None-Match)") in line
    assert not place.objects("curated/")

    here = {zone: str(tmp_path / zone) for zone in ("curated", "quarantine", "history")}
    place = S3Place(tmp_path / "landing", bucket, **here)
    assert verdicts(place.gate()) == {"dt=2026-03-01": "promote", "dt=2026-03-02": "quarantine"}
    assert place.gate() == []
    published = [Path(p) for p in api.published("trips", config=place.config())]
    assert [p.read_bytes() for p in published] == list(place.objects("landing/trips/dt=2026-03-01").values())


def test_no_secret_is_in_anything_said_or_written(place: S3Place, dq: Dq) -> None:
    place.land("2026-03-01", 0)
    said = ""
    for command in (["gate"], ["status"], ["doctor"], ["show", "trips", "2026-03-01"], ["ls", "trips"]):
        ran = dq(*command, "--config", place.settings, *(["--json"] if command != ["ls", "trips"] else []))
        said += ran.out + ran.err
    said += b"".join(place.objects("history/").values()).decode()
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in said
    assert "X-Amz-Signature" not in said


def test_no_url_is_said_with_what_signs_it(tmp_path: Path, dq: Dq) -> None:
    url = "https://lake.s3.amazonaws.com/raw/x.parquet?X-Amz-Credential=canary&X-Amz-Signature=canary"
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "trips.yaml").write_text(CONTRACT)
    (tmp_path / "signed.toml").write_text(f'[zones]\nlanding = "{url}"\n[s3]\nendpoint = "https://me:canary@s3.test"\n')
    suite = "suites/trips.yaml"
    for command in (
        ["validate", url, "--suite", suite], ["validate", "s3://me:canary@lake/x", "--suite", suite],
        ["profile", url], ["init", url], ["diff", url, url], ["validate", suite, "--suite", url],
        ["gate", "--config", url], ["gate", "--config", "signed.toml"], ["doctor", "--config", "signed.toml"],
        ["watch", "--queue", f"ftp{url}"], ["gate", "s3://lake/raw/x.parquet?X-Amz-Credential=canary"],
    ):  # fmt: skip
        ran = dq(*command, at=tmp_path)
        said = ran.out + ran.err
        assert ran.code in (2, 3), said
        assert "canary" not in said
        assert "lake" in said or "s3.test" in said


def test_a_bucket_nobody_described_gets_contracts(place: S3Place, tmp_path: Path, dq: Dq) -> None:
    for day in range(1, 6):
        place.land(f"2026-03-{day:02}", day * 100)
        place.put(f"landing/trips/dt=2026-03-{day:02}/_SUCCESS", b"")
        place.put(f"landing/zones/2026-03-{day:02}.csv", f"zone,name\n{day},north\n{day + 9},south\n".encode())
    (home := tmp_path / "new").mkdir()
    read: list[str] = []
    with before("GetObject", lambda request: read.append(unquote(request.url))):
        ran = dq("init", f"s3://{place.bucket}/landing/", at=home)
    assert ran.code == 0, ran.err
    assert "trips: 5 partitions, layout dt={date:%Y-%m-%d}; reading the newest 3" in ran.err
    assert len(read) == 12  # the newest three, and the oldest
    assert not [url for url in read if "2026-03-02" in url]
    assert "ready: {marker: _SUCCESS}" in (home / "suites" / "trips.yaml").read_text()
    settings = (home / "dq.toml").read_text()
    assert f'landing = "s3://{place.bucket}/landing"' in settings
    assert "\ncurated" not in settings
    landed = place.objects()
    ran = dq("gate", "--json", at=home)
    assert {(d["verdict"], d["success"]) for d in ran.documents} == {("promote", True)}
    assert (ran.code, len(ran.documents)) == (0, 10)
    assert place.objects() == landed


def test_a_source_may_lie_in_another_bucket(tmp_path: Path, s3: str) -> None:
    place, other = S3Place(tmp_path / "a", make_bucket()), S3Place(tmp_path / "b", make_bucket())
    other.land("2026-03-01", 0)
    with place.settings.open("a") as settings:
        settings.write(f'[sources.trips]\nlanding = "s3://{other.bucket}/landing/trips"\n')
    place.gate()
    assert place.ids() == list(range(40))


def test_splits_of_a_training_run_may_lie_there(place: S3Place, tmp_path: Path) -> None:
    """Named by URL, or as what is published; a record of them knows them wherever they lie."""
    place.land("2026-03-01", 0, n=60)
    place.land("2026-03-02", 500, n=60)
    place.gate()
    for key, content in place.objects("landing/").items():
        file = tmp_path / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    days = ("dt=2026-03-01", "dt=2026-03-02")
    told = []
    for base in (f"s3://{place.bucket}/landing/trips", str(tmp_path / "landing" / "trips")):
        train, test = (f"{base}/{day}" for day in days)
        found = api_pretrain(train, test=test, label="id", config=place.config(), out=tmp_path / "record.json")
        told.append([(c["id"], c["status"], c["message"]) for c in found.checks])
    url = "dq://trips?since=2026-03-0{0}&until=2026-03-0{0}"
    found = api_pretrain(url.format(1), test=url.format(2), label="id", config=place.config())
    told.append([(c["id"], c["status"], c["message"]) for c in found.checks])
    assert told[0] == told[1] == told[2]
    assert len(told[0]) > 5


def test_what_does_not_fit_here_is_held(place: S3Place, dq: Dq) -> None:
    place.settings.write_text(place.settings.read_text() + "spool_bytes = 100\n")
    place.put("landing/trips/dt=2026-03-01/a.csv", b"id,fare\n" + b"1,1\n" * 100)
    ran = dq("gate", "--config", place.settings)
    assert ran.code == 3
    assert "bytes are to be read from elsewhere, and 100 fit here" in " ".join(ran.out.split())
    assert not place.objects("curated/trips/")


def test_published_data_of_another_source_is_compared_with(place: S3Place, tmp_path: Path, dq: Dq) -> None:
    suites = place.root / "suites"
    suites.joinpath("zones.yaml").write_text("source: zones\nlayout: '{date:%Y-%m-%d}.csv'\ncolumns: {zone: {}}\n")
    suites.joinpath("trips.yaml").write_text(CONTRACT + "  zone: {references: zones.zone}\n")
    place.put("landing/zones/2026-03-01.csv", b"zone\n1\n2\n")
    for day, zone in (("2026-03-01", 2), ("2026-03-02", 3)):
        place.put(f"landing/trips/dt={day}/a.csv", f"id,fare,zone\n{day[-1]},1,{zone}\n".encode())
    ran = dq("gate", "--config", place.settings, "--json")
    found = {f"{d['source']} {d['partition']}": d["verdict"] for d in ran.documents}
    wanted = {"zones 2026-03-01.csv": "promote", "trips dt=2026-03-01": "promote", "trips dt=2026-03-02": "quarantine"}
    assert found == wanted, ran.out
    url = f"s3://{place.bucket}/landing"
    data, suite = f"{url}/trips/dt=2026-03-02", suites / "trips.yaml"
    assert dq("validate", data, "--suite", suite, "--reference", f"zones={url}/zones", at=place.root).code == 1
    assert dq("status", "--config", place.settings).code == 0


def test_a_manifest_for_a_training_job_names_what_is_published(place: S3Place, dq: Dq) -> None:
    """As SageMaker reads it: the prefix and each entry make a key."""
    place.land("2026-03-01", 0)
    place.land("2026-03-02", 100)
    out = place.root / "train.manifest"
    place.gate()
    assert dq("ls", "trips", "--out", out, "--config", place.settings).code == 0
    (prefix, *entries) = json.loads(out.read_text())
    assert prefix.keys() == {"prefix"}
    assert prefix["prefix"].endswith("/")
    named = [prefix["prefix"] + entry for entry in entries]
    assert named == api.published("trips", config=place.config())
    assert place.ids(named) == [*range(40), *range(100, 140)]
