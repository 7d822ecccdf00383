"""Landing in a bucket that keeps versions: what is published is the version that was judged, copied or not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dq import api, config, pretrain
from dq.errors import ConfigError
from dq.history import History
from dq.stores.s3 import S3Store
from tests.conftest import make_bucket
from tests.s3 import servers
from tests.s3.place import CONTRACT, S3Place, before

Dq = Callable[..., Any]
REFERENCE = '[publish]\nmode = "reference"\n'


@pytest.fixture
def versioned(bucket: str) -> str:
    from dq.stores.s3.access import Access

    servers.needs("versions")
    Access().clients[0].put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def here(root: Path, bucket: str, more: str, contract: str = CONTRACT) -> S3Place:
    """History and quarantine lie on the disk."""
    return S3Place(root, bucket, contract, more, history=str(root / "history"), quarantine=str(root / "quarantine"))


def ids(place: S3Place, locations: list[str]) -> list[int]:
    """What readers who name versions read."""
    found: list[int] = []
    for location in locations:
        key, _, version = location.removeprefix(f"s3://{place.bucket}/").partition("?versionId=")
        body = place.client.get_object(Bucket=place.bucket, Key=key, VersionId=version)["Body"].read()
        found += pq.read_table(io.BytesIO(body))["id"].to_pylist()
    return sorted(found)


def test_the_version_that_was_judged_is_published_where_it_lies(tmp_path: Path, versioned: str, dq: Dq) -> None:
    place = here(tmp_path, versioned, REFERENCE + "[adapters.tags]\n")
    place.land("2026-03-01", 0)
    ran = dq("gate", "--config", place.settings, "--json")
    assert (ran.code, ran.documents[0]["published"]) == (0, f"s3://{versioned}/curated/trips/dt=2026-03-01")
    assert [k for k in place.objects("curated/") if "/.dq/" not in k] == ["curated/trips/dt=2026-03-01/_current.json"]
    assert not place.objects("curated/.dq/generations"), "nothing is copied"
    listed = dq("ls", "trips", "--config", place.settings).out.split()
    assert ids(place, listed) == list(range(40))
    out = place.root / "train.manifest"
    assert dq("ls", "trips", "--out", out, "--config", place.settings).code == 0
    (prefix, *keys) = json.loads(out.read_text())
    assert [prefix["prefix"] + key for key in keys] == [x.partition("?")[0] for x in listed]
    key, _, version = listed[0].removeprefix(f"s3://{versioned}/").partition("?versionId=")
    told = place.client.get_object_tagging(Bucket=versioned, Key=key, VersionId=version)["TagSet"]
    assert {"Key": "dq-verdict", "Value": "promote"} in told

    place.land("2026-03-01", 500, fare=-1.0)
    assert dq("gate", "--config", place.settings).code == 1
    assert dq("ls", "trips", "--config", place.settings).out.split() == listed
    assert ids(place, listed) == list(range(40)), "replaced in landing by something that is withheld"
    ran = dq("ls", "trips", "--out", out, "--config", place.settings)
    assert (ran.code, "is not the newest version, and a ManifestFile names no other one" in ran.err) == (3, True)
    suite = place.root / "suites" / "trips.yaml"
    ran = dq("validate", *listed, "--suite", suite, "--json", at=place.root)
    assert (ran.code, ran.documents[0]["rows"]) == (0, 40)

    found = pretrain(listed[0], test=listed[1], label="fare", config=place.config())
    assert [split["rows"] for split in found.document["splits"]] == [20, 20]

    place.land("2026-03-01", 700)
    assert dq("gate", "--config", place.settings).code == 0
    assert ids(place, api.published("trips", config=place.config())) == list(range(700, 740))
    assert place.gate() == []


def test_what_was_pointed_to_and_not_recorded_is_found(tmp_path: Path, versioned: str, monkeypatch: Any) -> None:
    place = here(tmp_path, versioned, REFERENCE)
    place.land("2026-03-01", 0)

    class Killed(BaseException):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(History, "publish", kill)
        with pytest.raises(Killed):
            place.gate()
    seen = api.published("trips", config=place.config())
    assert ids(place, seen) == list(range(40))
    place.gate()
    assert api.published("trips", config=place.config()) == seen


def test_an_object_replaced_before_it_is_pointed_to_is_judged_again(tmp_path: Path, versioned: str) -> None:
    place = here(tmp_path, versioned, REFERENCE)
    (key,) = place.land("2026-03-01", 0, files=1)
    replaced: list[str] = []

    def replace(request: Any) -> None:
        if "part-0" in request.url and not replaced:
            replaced.append(place.put(key, place.table(500, 20)))

    with before("HeadObject", replace):
        (document,) = place.gate()
    assert replaced
    assert document["verdict"] == "promote", document["reasons"]
    assert ids(place, api.published("trips", config=place.config())) == list(range(500, 520))


def test_of_a_split_the_good_rows_are_copied(tmp_path: Path, versioned: str) -> None:
    place = here(tmp_path, versioned, REFERENCE, CONTRACT + "policy: {on_fail: split}\n")
    place.land("2026-03-01", 0, n=100, bad=1, files=1)
    assert place.gate()[0]["rows_quarantined"] == 1
    (location,) = api.published("trips", config=place.config())
    assert "/curated/.dq/generations/" in location
    assert place.ids() == list(range(1, 100))


def test_a_manifest_of_several_buckets_is_refused(tmp_path: Path, versioned: str, dq: Dq) -> None:
    place = here(tmp_path, versioned, REFERENCE, CONTRACT + "policy: {on_fail: split}\n")
    split = f"s3://{make_bucket()}"
    place.settings.write_text(place.settings.read_text().replace(f"s3://{versioned}/curated", f"{split}/curated"))
    place.land("2026-03-01", 0)
    place.land("2026-03-02", 100, n=100, bad=1, files=1)
    place.gate()
    ran = dq("ls", "trips", "--out", tmp_path / "train.manifest", "--config", place.settings)
    found = f"published files lie in {' and '.join(sorted((f's3://{versioned}', split)))}, and a ManifestFile names one"
    assert (ran.code, found in ran.err, (tmp_path / "train.manifest").exists()) == (2, True, False), ran


def test_copies_are_of_the_version_that_was_judged(tmp_path: Path, versioned: str) -> None:
    place, named = here(tmp_path, versioned, ""), list[str]()
    place.land("2026-03-01", 0)
    with before("CopyObject", lambda r: named.append(r.headers["x-amz-copy-source"].decode())):
        place.gate()
    versions = place.client.list_object_versions(Bucket=versioned, Prefix="landing/")["Versions"]
    assert sorted(n.partition("?versionId=")[2] for n in named) == sorted(v["VersionId"] for v in versions)
    assert place.ids() == list(range(40))


def test_a_bucket_that_comes_to_keep_versions_is_noticed(bucket: str) -> None:
    servers.needs("versions")
    servers.needs("copied versions")
    store, named = S3Store(f"s3://{bucket}/zone"), list[bool]()
    store.put("a", b"1")

    def copy() -> None:
        entry = store.stat("a")
        assert entry is not None
        store.copy_in(store.location("a"), "b", entry.signature)

    with before("CopyObject", lambda r: named.append(b"?versionId=" in r.headers["x-amz-copy-source"])):
        copy()
        kept = {"Status": "Enabled"}
        store.access.clients[0].put_bucket_versioning(Bucket=bucket, VersioningConfiguration=kept)
        store.put("a", b"2")
        copy()
        copy()
    assert named == [False, False, True]


def test_a_zone_without_versions_is_refused_before_anything_is_done(tmp_path: Path, bucket: str, dq: Dq) -> None:
    place = here(tmp_path, bucket, REFERENCE)
    place.land("2026-03-01", 0, files=1)
    ran = dq("gate", "--config", place.settings)
    assert ran.code == 2
    told = f"needs a landing zone that keeps versions, s3://{bucket}/landing does not: switch versioning on"
    assert told in ran.err
    assert not (tmp_path / "history").exists()


@pytest.mark.parametrize("adapter", ["symlink", "manifest", "flat"])
def test_what_cannot_name_versions_is_refused(tmp_path: Path, adapter: str) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites/trips.yaml").write_text(CONTRACT)
    zones = 'landing = "s3://b/l"\ncurated = "s3://b/c"\nhistory = "h"\nquarantine = "q"\n'
    (tmp_path / "dq.toml").write_text(f"[zones]\n{zones}{REFERENCE}[adapters.{adapter}]\n")
    settings = config.load(tmp_path / "dq.toml", {})
    from dq import running

    with pytest.raises(ConfigError, match=f"adapters.{adapter} cannot tell of versions"):
        running.gate_run("trips", settings, landed=False)
