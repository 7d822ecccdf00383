"""What is wrong with a whole zone on S3 is no fault of what landed; what rests in an archive is asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from dq import api
from dq.history import History
from dq.stores.local import LocalStore
from dq.stores.s3 import S3Store
from tests.conftest import make_bucket
from tests.s3 import servers
from tests.s3.place import CONTRACT, S3Place, before
from tests.s3.proxy import proxy

Dq = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path, bucket: str) -> S3Place:
    return S3Place(tmp_path, bucket)


def test_a_zone_that_denies_everything_holds_the_source_and_parks_nothing(tmp_path: Path, s3: str, dq: Dq) -> None:
    servers.needs("policies")
    locked = make_bucket()
    on_disk = {zone: str(tmp_path / zone) for zone in ("history", "quarantine")}
    place = S3Place(tmp_path, make_bucket(), curated=f"s3://{locked}/curated", **on_disk)
    for day in range(1, 4):
        place.land(f"2026-03-0{day}", day * 100, files=1)
    S3Store(f"s3://{locked}/curated").put_if_absent("seen", b"1")  # so that it is known to conform
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{locked}/*"}
    place.client.put_bucket_policy(Bucket=locked, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    ran = dq("gate", "--config", place.settings)
    assert ran.code == 3
    (line,) = ran.err.strip().splitlines()
    assert "allow s3:PutObject on " in line, line
    assert f"arn:aws:s3:::{locked}/curated/.dq/generations/trips/dt=2026-03-03/" in line
    assert "3 partitions in a row ended so: the others are left for the next run" in line
    tried = History(LocalStore(on_disk["history"])).attempts("trips")
    assert [a.counts for attempts in tried.values() for a in attempts] == [False] * 3
    place.client.delete_bucket_policy(Bucket=locked)
    assert dq("gate", "--config", place.settings).code == 0
    assert len(api.published("trips", config=place.config())) == 3


def test_an_upload_that_is_open_keeps_its_partition_waiting(
    place: S3Place, dq: Dq, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where it is of no data, nor of the source."""
    monkeypatch.setattr("dq.inventory._ABANDONED_SECONDS", 1e10)  # moto says that all were begun in 2010
    place.land("2026-03-01", 0)
    key = "landing/trips/dt=2026-03-02/part-0.parquet"
    keys = (key, "landing/trips/dt=2026-03-01/_log", "landing/taxis/dt=2026-03-01/a.parquet")
    begun = [place.client.create_multipart_upload(Bucket=place.bucket, Key=k)["UploadId"] for k in keys]
    assert [d["partition"] for d in place.gate()] == ["dt=2026-03-01"]
    place.put("landing/trips/dt=2026-03-02/part-1.parquet", place.table(120, 20))
    assert place.gate() == []
    said = dq("gate", "trips", "--partition", "2026-03-02", "--config", place.settings)
    assert said.code == 3
    assert "the upload of dt=2026-03-02/part-0.parquet is there: somebody is still writing" in said.out

    of = {"Bucket": place.bucket, "Key": key, "UploadId": begun[0]}
    etag = place.client.upload_part(PartNumber=1, Body=place.table(100, 20), **of)["ETag"]
    place.client.complete_multipart_upload(**of, MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]})
    assert [d["rows"] for d in place.gate()] == [40]


def test_an_upload_of_another_day_keeps_nothing_waiting(place: S3Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.land("2026-03-01", 0)
    of = {"Bucket": place.bucket, "Key": "landing/trips/dt=2026-03-01/part-9.parquet"}
    upload = place.client.create_multipart_upload(**of)["UploadId"]
    monkeypatch.setattr("dq.inventory._ABANDONED_SECONDS", 1e10)
    assert place.gate() == []
    monkeypatch.setattr("dq.inventory._ABANDONED_SECONDS", -60.0)
    assert [d["verdict"] for d in place.gate()] == ["promote"]
    place.client.abort_multipart_upload(**of, UploadId=upload)


def test_a_zone_that_does_not_tell_of_uploads_is_said_to(tmp_path: Path, s3: str, bucket: str, dq: Dq) -> None:
    with proxy(s3) as between:
        between.start(lambda asked: "403" if "uploads" in asked.url else "")
        place = S3Place(tmp_path, bucket, more=f'[s3]\nendpoint = "{between.url}"\n')
        place.land("2026-03-01", 0)
        ran = dq("gate", "--config", place.settings)
    assert ran.code == 0
    assert "uploads that are still open are not seen: " in ran.err
    assert f"allow s3:ListBucketMultipartUploads on arn:aws:s3:::{bucket}\n" in ran.err


def test_archived_objects_are_asked_for_once_and_only_where_they_are_needed(
    tmp_path: Path, bucket: str, dq: Dq
) -> None:
    servers.needs("archives")
    on_disk = {zone: str(tmp_path / zone) for zone in ("history", "quarantine")}
    place = S3Place(tmp_path, bucket, CONTRACT + "ready: {restore: true}\n", **on_disk)
    place.land("2026-03-01", 0, files=1)
    place.gate()
    for key in (*place.land("2026-03-02", 100), *place.land("2026-03-01", 0, files=1)):
        place.put(key, place.objects(key)[key], StorageClass="GLACIER")
    asked: list[str] = []

    def see(request: Any) -> None:
        asked.append(unquote(request.url).rsplit("/", 2)[1])

    with before("RestoreObject", see):
        assert place.gate(dry=True) == []
        assert asked == []
        said = dq("gate", "trips", "--partition", "2026-03-02", "--config", place.settings)
        assert said.code == 3
        assert "and 1 more are: asked for, to be read within hours" in " ".join(said.out.split())
        assert asked == ["dt=2026-03-02"] * 2
        place.gate()
    assert place.ids() == [*range(20), *range(100, 140)]


def test_what_rests_in_an_archive_tier_is_seen_before_it_is_read_and_asked_for(tmp_path: Path, s3: str, dq: Dq) -> None:
    on_disk = {zone: str(tmp_path / zone) for zone in ("curated", "history")}
    place = S3Place(tmp_path, make_bucket("tiered"), **on_disk)
    for key in place.land("2026-03-01", 0):
        place.put(key, place.objects(key)[key], StorageClass="INTELLIGENT_TIERING")
    with before("GetObject", lambda _: pytest.fail("read"), on="landing/trips/dt="):
        assert place.gate() == []
    assert not History(LocalStore(on_disk["history"])).attempts("trips"), "waiting is no try"
    said = dq("gate", "trips", "--partition", "2026-03-01", "--config", place.settings)
    told = "part-0.parquet is archived (ARCHIVE_ACCESS): aws s3api restore-object"
    assert (said.code, told in " ".join(said.out.split())) == (3, True)
    (place.root / "suites" / "trips.yaml").write_text(CONTRACT + "ready: {restore: true}\n")
    assert place.gate() == []
    assert [d["rows"] for d in place.gate()] == [40]
    with before("HeadObject", lambda _: pytest.fail("asked again"), on="landing/trips/dt="):
        assert place.gate() == []


def test_whether_a_partition_was_quiet_the_clock_of_s3_says(place: S3Place) -> None:
    suite = place.root / "suites" / "trips.yaml"
    suite.write_text(CONTRACT + "ready: {quiet: 5m}\n")
    place.land("2026-03-01", 0, files=1)
    day = timedelta(days=1)
    for skew in (-day, day):
        assert api.gate("trips", config=place.config(), now=datetime.now(UTC) + skew) == []
    suite.write_text(CONTRACT + "ready: {quiet: 1s}\n")
    time.sleep(2)
    (found,) = api.gate("trips", config=place.config(), now=datetime.now(UTC) - day)
    assert found["verdict"] == "promote"
