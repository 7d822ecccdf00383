"""Large Parquet on S3 is read where it lies: only the columns that are asked for, and of one object only."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import EndpointConnectionError

from dq import api, config
from dq.errors import ConfigError, StoreError
from dq.stores.s3 import S3Store
from tests.conftest import make_bucket
from tests.s3.place import CONTRACT, S3Place, before

SUITE = "source: d\ncolumns:\n  c1: {unique: true}\n  c9: {unique: true}\n"


@pytest.fixture
def place(tmp_path: Path, bucket: str) -> S3Place:
    return S3Place(tmp_path, bucket, more="ranged_bytes = 100\n")


def table(rows: int, seed: int = 0, **written: Any) -> bytes:
    """16 columns of 8 bytes a row, all of them unique."""
    values = np.random.default_rng(seed).permutation(16 * rows).reshape(16, rows)
    sink = io.BytesIO()
    pq.write_table(
        pa.table({f"c{i}": v for i, v in enumerate(values)}), sink, use_dictionary=False, compression="none", **written
    )
    return sink.getvalue()


def weight(content: bytes, columns: tuple[int, ...]) -> int:
    """Bytes of these columns, as the footer says."""
    found = pq.ParquetFile(io.BytesIO(content)).metadata
    groups = [found.row_group(g) for g in range(found.num_row_groups)]
    return sum(g.column(c).total_compressed_size for g in groups for c in columns)


@contextmanager
def counted() -> Iterator[list[tuple[int, int]]]:
    """Ranges of what lies in `data/` that are asked for."""
    asked: list[tuple[int, int]] = []

    def see(request: Any) -> None:
        assert request.headers["If-Match"], "every range is of one object"
        start, _, last = request.headers["Range"].decode().removeprefix("bytes=").partition("-")
        asked.append((int(start), int(last) + 1))

    with before("GetObject", see, on="/data/"):
        yield asked


def test_two_of_sixteen_columns_cost_what_two_columns_weigh(place: S3Place) -> None:
    content = table(360_000, row_group_size=120_000, write_page_checksum=True)
    place.put("data/a.parquet", content)
    suite = place.root / "two.yaml"
    suite.write_text(SUITE)
    with counted() as asked:
        found = api.validate(f"s3://{place.bucket}/data", suite, config=place.config(), limits=place.config().limits)
    assert found.success, found
    needed, read = weight(content, (1, 9)), sum(end - start for start, end in asked)
    assert needed <= read < needed * 1.05, f"{read:,} bytes of {len(content):,} for {needed:,}"
    assert len(asked) == 2 + 2 * 3, "beginning, footer, and each column of each row group at once"
    assert found.document["scan"]["integrity"] == "page checksums, one object by its ETag"


def test_bloom_filters_are_not_fetched(place: S3Place) -> None:
    """Those of columns that are fetched anyway."""
    values = ", ".join(f"(i * {2 * k + 1} % 2_000)::bigint AS c{k}" for k in range(16))
    path = place.root / "a.parquet"
    duckdb.sql(f"SELECT {values} FROM range(1_000_000) r(i)").write_parquet(str(path))
    content = path.read_bytes()
    place.put("data/a.parquet", content)
    suite = place.root / "two.yaml"
    suite.write_text('source: d\ncolumns:\n  c1: {unique: {value: true, where: "c9 = 9"}, max: 9}\n')
    with counted() as asked:
        found = api.validate(f"s3://{place.bucket}/data", suite, config=place.config(), limits=place.config().limits)
    needed, read = weight(content, (1, 9)), sum(end - start for start, end in asked)
    assert needed <= read < needed * 1.05, f"{read:,} bytes of {len(content):,} for {needed:,}"
    assert found.document["checks"] == api.validate(path, suite).document["checks"]


def test_what_is_read_in_ranges_is_what_is_read_from_a_copy(place: S3Place) -> None:
    contents = [table(3_000, 1, row_group_size=1_000), table(2_000, 2)]
    (place.root / "here").mkdir()
    for name, content in zip("ab", contents, strict=True):
        (place.root / "here" / name).write_bytes(content)  # no name says that it is Parquet
        place.put(f"data/{name}", content)
    limits, suite = config.Limits(ranged_bytes=100), place.root / "suite.yaml"
    suite.write_text(SUITE.replace("unique: true", "unique: true, min: 9"))
    there = api.validate(f"s3://{place.bucket}/data", suite, limits=limits)
    here = api.validate(place.root / "here", suite, limits=limits)
    crowded = api.validate(f"s3://{place.bucket}/data", suite, limits=config.Limits(spool_bytes=100))
    assert there.checks == here.checks == crowded.checks
    assert sum(c.failed_rows or 0 for c in there.checks) > 0
    engines = [found.document["scan"]["engine"] for found in (here, there, crowded)]
    assert engines == ["polars", "polars", "duckdb"], "only where there is no room for them are ranges read one by one"
    assert there.document["scan"]["integrity"] == "one object by its ETag"
    assert api.profile(f"s3://{place.bucket}/data", limits=limits).rows == 5_000


@pytest.mark.parametrize("isolated", [True, False])
def test_an_object_replaced_while_it_is_read_is_judged_again(tmp_path: Path, bucket: str, isolated: bool) -> None:
    """At the fourth range: the footer is of the first object, columns would be of the second."""
    place = S3Place(tmp_path, bucket, more="spool_bytes = 100\n")  # nothing is kept
    if isolated:
        place.settings.write_text(place.settings.read_text().replace("isolated = false", ""))
    (key, _) = place.land("2026-03-01", 0)
    seen, sent = list[int](), list[str]()

    def replace(_: Any) -> None:
        seen.append(1)
        if len(seen) == 4:
            place.put(key, place.table(500, 20, fare=7.0 + len(sent)))
            sent.append(key)

    with before("GetObject", replace, on="landing/"):
        (found,) = place.gate()
    assert found["verdict"] == "promote", found["reasons"]
    del seen[:]
    with before("GetObject", replace, on="landing/"):
        held = api.validate(f"s3://{bucket}/landing", place.root / "suites/trips.yaml", limits=place.config().limits)
    assert (held.document["verdict"], len(held.document["reasons"])) == ("hold", 1)
    assert "part-0.parquet changed while it was judged" in held.document["reasons"][0]["message"]
    assert place.ids() == [*range(20, 40), *range(500, 520)]
    assert not place.objects("quarantine/trips/")


def test_a_range_that_does_not_come_is_a_hold(tmp_path: Path, bucket: str) -> None:
    """It says nothing of the data, whatever an engine makes of it."""
    place = S3Place(tmp_path, bucket, more="spool_bytes = 100\n")
    place.land("2026-03-01", 0)
    seen: list[int] = []

    def cut(_: Any) -> None:
        seen.append(1)
        if len(seen) > 5:
            raise EndpointConnectionError(endpoint_url="http://there")

    with before("GetObject", cut, on="landing/"):
        (found,) = place.gate()
    assert found["verdict"] == "hold"
    assert "does not answer" in found["reasons"][0]["message"]
    assert place.gate()[0]["verdict"] == "promote"


def test_what_is_not_read_whole_is_told_by_its_etag_and_published(place: S3Place) -> None:
    keys = place.land("2026-03-01", 0)
    place.client.put_object(Bucket=place.bucket, Key=keys[1], Body=place.table(20, 20), ChecksumAlgorithm="SHA256")
    sent: list[int] = []
    with before("", lambda r: sent.append(len(r.body or b"") if "curated/.dq/gen" in r.url else 0)):
        (found,) = place.gate()
    landed = place.objects("landing/")
    etag = hashlib.md5(landed[keys[0]], usedforsecurity=False).hexdigest()
    assert [f["digest"] for f in found["files"]] == [f"etag:{etag}", hashlib.sha256(landed[keys[1]]).hexdigest()]
    assert place.ids() == list(range(40))
    assert sum(sent) == 0, "S3 copies by itself"
    lasting = place.lasting()
    assert place.gate() == []
    assert place.lasting() == lasting


def test_a_store_that_copies_whatever_is_there_publishes_nothing_else(tmp_path: Path, s3: str) -> None:
    place = S3Place(tmp_path, make_bucket("blind"), more="ranged_bytes = 100\n")
    (key,) = place.land("2026-03-01", 500, files=1)
    with before("CopyObject", lambda _: place.put(key, place.table(500, 20, fare=-1.0))):
        (found,) = place.gate()
    assert found["verdict"] == "quarantine", "of what was judged nothing is there to be copied"
    assert place.ids() == []


def test_what_does_not_fit_here_is_read_in_ranges(tmp_path: Path, bucket: str) -> None:
    place = S3Place(tmp_path, bucket, more="spool_bytes = 100\n")
    place.land("2026-03-01", 0, n=3_000)
    (found,) = place.gate()
    assert (found["verdict"], found["rows"]) == ("promote", 6_000)
    assert place.ids() == list(range(6_000))


def test_what_is_split_or_published_on_a_disk_is_copied_here(tmp_path: Path, bucket: str) -> None:
    """Its rows pass through this machine anyway."""
    split = S3Place(tmp_path / "split", bucket, CONTRACT + "policy: {on_fail: split}\n", more="ranged_bytes = 100\n")
    split.land("2026-03-01", 0, n=400, bad=3)
    (found,) = split.gate()
    assert (found["verdict"], found["rows_quarantined"]) == ("promote", 6)
    assert len(split.ids()) == 794
    disk = str(tmp_path / "curated")
    local = S3Place(tmp_path / "local", bucket, more="ranged_bytes = 100\n", curated=disk, history=str(tmp_path / "h"))
    (found,) = local.gate()
    assert len(found["files"][0]["digest"]) == 64


def test_a_key_of_the_customer_goes_with_every_request(tmp_path: Path, s3: str) -> None:
    """To a bucket that refuses what comes without the key that the object has."""
    bucket, key = make_bucket("sealed"), tmp_path / "lake.key"
    key.write_bytes(bytes(range(32)))
    settings = f"ranged_bytes = 100\n[s3]\ncustomer_key_file = {json.dumps(str(key))}\n"
    place = S3Place(tmp_path / "place", bucket, more=settings)
    lake = S3Store(f"s3://{bucket}", access=place.config().s3.access())
    lake.put("landing/trips/dt=2026-03-01/a.parquet", place.table(0, 20))
    (found,) = place.gate()
    assert found["verdict"] == "promote", found["reasons"]
    (published,) = api.published("trips", config=place.config())
    assert lake.read(published.removeprefix(f"{lake.url}/")) == place.table(0, 20)
    assert "customer_key=" not in repr(lake.access)

    place.settings.write_text(place.settings.read_text().partition("[s3]")[0])
    with pytest.raises(StoreError, match="customer_key_file"):
        place.gate()


@pytest.mark.parametrize("content", [b"short", b"A" * 44, b"!" * 44, None])
def test_what_is_no_key_is_said_and_not_quoted(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "lake.key"
    if content is not None:
        file.write_bytes(content)
    settings = config.S3(customer_key_file=str(file))
    if content == b"A" * 44:
        file.write_bytes(base64.b64encode(bytes(32)) + b"\n")
        assert settings.access().customer_key == bytes(32)
        return
    with pytest.raises(ConfigError, match="customer_key_file: ") as told:
        settings.access()
    assert not content or content.decode() not in str(told.value)
