"""What is wrong with a whole zone on S3 is no fault of what landed; what rests in an archive is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dq import api
from dq.history import History
from dq.stores.local import LocalStore
from dq.stores.s3 import S3Store
from tests.conftest import make_bucket
from tests.s3 import servers
from tests.s3.place import CONTRACT, S3Place, before

Dq = Callable[..., Any]


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
    assert not History(LocalStore(on_disk["history"])).attempts("trips")
    place.client.delete_bucket_policy(Bucket=locked)
    assert dq("gate", "--config", place.settings).code == 0
    assert len(api.published("trips", config=place.config())) == 3


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
