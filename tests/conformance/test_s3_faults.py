"""What S3 refuses is told in one line; what it breaks off is gone on with, and what it may have done is read back."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from dq.errors import ConfigError, PublishUnknown, SourceChanged, StoreError
from dq.stores.s3 import S3Store, faults
from dq.stores.s3.access import Access
from dq.stores.s3.keys import key_of, path_of
from tests.conftest import make_bucket
from tests.s3 import servers
from tests.s3.place import before
from tests.s3.proxy import Proxy, proxy

CONTENT = bytes(range(256))
KEYS = st.text(st.sampled_from("%25E.a/é"), max_size=12) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)


@settings(deadline=None, derandomize=True)
@given(KEYS)
def test_every_key_has_a_path_of_its_own(key: str) -> None:
    path = path_of(key)
    assert key_of(path) == key
    assert not {"", ".", ".."} & set(path.split("/"))


@settings(deadline=None, derandomize=True)
@given(st.text(st.sampled_from("%25E.a"), min_size=1, max_size=9))
def test_every_path_has_a_key_of_its_own(segment: str) -> None:
    if segment not in (".", ".."):
        assert path_of(key_of(segment)) == segment or "%" in segment


REFUSALS = [
    ("403-AccessDenied", "access denied (AccessDenied): allow s3:GetObject on arn:aws:s3:::{bucket}/zone/a"),
    ("403-ExpiredToken", "the AWS credentials have expired (ExpiredToken): renew them"),
    ("403-InvalidAccessKeyId", "the AWS credentials are not valid here"),
    ("403-InvalidObjectState", "aws s3api restore-object --bucket {bucket} --key zone/a --restore-request Days=7"),
    ("400-KMS.DisabledException", "the key of its encryption is refused"),
    ("503-SlowDown", "AWS does not manage it now (SlowDown): run it again later"),
    ("404-NoSuchBucket", "no such bucket"),
    ("400-KeyTooLongError", "no key of S3 is longer than 1,024 bytes (KeyTooLongError)"),
    ("418-Teapot", "get_object was refused (Teapot)"),
]


@pytest.mark.parametrize(("answer", "told"), REFUSALS, ids=[a for a, _ in REFUSALS])
def test_a_refusal_is_one_line_that_says_what_to_do(s3: str, answer: str, told: str) -> None:
    servers.needs("front")
    bucket = f"says-{answer}"
    with pytest.raises(StoreError) as raised:
        S3Store(f"s3://{bucket}/zone").read("a")
    assert str(raised.value).startswith(f"s3://{bucket}")
    assert told.format(bucket=bucket) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_else_is_denied_like_a_missing_permission_is_said(s3: str) -> None:
    servers.needs("front")
    access = Access(owner="123456789012", customer_key=bytes(32))
    with pytest.raises(StoreError) as raised:
        S3Store("s3://says-403-AccessDenied/zone", access=access).read("a")
    assert str(raised.value).endswith(
        "zone/a, unless the bucket is not of account 123456789012 ([s3] owner) or the object has another key than"
        " [s3] customer_key_file"
    )


def test_what_a_server_writes_is_not_repeated() -> None:
    class Told(Exception):
        response = {"Error": {"Code": "Odd\x1b[31m", "Message": "row 7: secret"}, "ResponseMetadata": {}}

    said = str(faults.said(Told(), "get_object", "b", "a\nb"))
    assert said == "s3://b/a\\nb: get_object was refused (Error)"


def test_the_region_of_a_bucket_elsewhere_is_said() -> None:
    class Elsewhere(Exception):
        response = {
            "Error": {"Code": "AuthorizationHeaderMalformed"},
            "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {"x-amz-bucket-region": "eu-west-1"}},
        }

    assert "the bucket is in eu-west-1" in str(faults.said(Elsewhere(), "list_objects_v2", "b", ""))


def test_a_missing_bucket_is_said(s3: str) -> None:
    with pytest.raises(StoreError, match="s3://nowhere-at-all: no such bucket"):
        list(S3Store("s3://nowhere-at-all/x").list())


def test_a_missing_bucket_is_said_where_only_one_object_is_asked_for(s3: str) -> None:
    for ask in (S3Store("s3://nowhere-at-all/x").stat, S3Store("s3://nowhere-at-all/x").exists_object):
        with pytest.raises(StoreError, match="s3://nowhere-at-all: no such bucket"):
            ask("a")


def test_an_endpoint_that_is_down_is_said_in_seconds(s3: str) -> None:
    started = time.monotonic()
    with pytest.raises(StoreError, match=r"http://127.0.0.1:9.* does not answer"):
        S3Store("s3://some-bucket", access=Access(endpoint="http://127.0.0.1:9")).read("a")
    assert time.monotonic() - started < 10


def test_no_credentials_are_said(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"AWS_{name}")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StoreError, match="no AWS credentials are found"):
        S3Store("s3://some-bucket", access=Access(region="eu-west-2")).read("a")


def test_a_profile_that_is_not_there_is_a_setting_to_mend(s3: str) -> None:
    with pytest.raises(ConfigError, match="nobody"):
        S3Store("s3://some-bucket", access=Access(profile="nobody")).read("a")


@pytest.mark.parametrize(("url", "layout"), [("s3://", None), ("s3://b", "flat")])
def test_a_zone_that_cannot_be_is_a_setting_to_mend(url: str, layout: Any) -> None:
    with pytest.raises(ConfigError):
        S3Store(url, layout)


def test_what_breaks_off_is_gone_on_with(s3: str, tmp_path: Path) -> None:
    store, content = S3Store(f"s3://{make_bucket('cut')}"), bytes(range(256)) * 4000
    store.put("a", content)
    found = bytearray()
    assert store.fetch("a", "", found.extend) == hashlib.sha256(content).hexdigest()
    assert found == content


@pytest.fixture
def between(s3: str) -> Iterator[Proxy]:
    with proxy(s3) as one:
        yield one


@pytest.fixture
def arriving(bucket: str, between: Proxy) -> Callable[[str], S3Store]:
    """An object `a`, with a checksum or without, on the other side of a network."""

    def put(checksums: Any) -> S3Store:
        client = boto3.client("s3", config=Config(request_checksum_calculation=checksums))
        client.put_object(Bucket=bucket, Key="a", Body=CONTENT)
        return S3Store(f"s3://{bucket}", access=Access(endpoint=between.url))

    return put


@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
def test_bytes_that_arrive_damaged_are_no_content(
    arriving: Callable[[str], S3Store], between: Proxy, checksums: str
) -> None:
    """With a checksum boto3 finds out; without one the ETag tells, where it is an MD5."""
    store = arriving(checksums)
    between.start(lambda asked: "" if asked.n else "damaged")
    with pytest.raises(StoreError, match=r"cut off or damaged|other bytes arrive each time"):
        store.digest("a")
    assert store.digest("a") == hashlib.sha256(CONTENT).hexdigest()


def test_an_etag_that_only_looks_like_an_md5_is_read_twice(arriving: Callable[[str], S3Store], between: Proxy) -> None:
    servers.needs("edited requests")
    store = arriving("when_required")
    between.start(lambda _: "no md5")
    assert store.digest("a") == hashlib.sha256(CONTENT).hexdigest()
    assert len(between.seen) == 2


def test_what_is_replaced_while_it_is_read_is_no_mixture(s3: str) -> None:
    store = S3Store(f"s3://{make_bucket('cut')}")
    store.put("a", b"1" * 100_000)

    def replace(request: Any) -> None:
        if "Range" in request.headers:
            store.put("a", b"2" * 100_000)

    with before("GetObject", replace), pytest.raises(SourceChanged, match="changed while it was judged"):
        store.fetch("a", "", lambda _: None)


def lost(acts: int, store: S3Store, then: Callable[[], object] = lambda: None) -> Callable[[Any], Any]:
    """Sends the first conditional writes to what is no probe, and loses their answers."""
    seen: list[Any] = []

    def act(request: Any) -> None:
        if ".dq/" in request.url or len(seen) == acts:
            return
        seen.append(store.access.clients[1]._endpoint.http_session.send(request))
        then()
        raise ReadTimeoutError(endpoint_url=request.url)

    return act


def test_a_lost_answer_is_no_lost_write(bucket: str) -> None:
    store = S3Store(f"s3://{bucket}/zone")
    with before("PutObject", lost(1, store), client=1):
        assert store.put_if_absent("a", b"1")
    with before("PutObject", lost(1, store), client=1):
        assert not store.put_if_absent("a", b"2")
    with before("PutObject", lost(1, store), client=1):
        assert store.swap("a", b"3", b"1")
    assert store.read("a") == b"3"


def test_what_may_have_happened_and_was_written_over_is_unknown(bucket: str) -> None:
    store = S3Store(f"s3://{bucket}/zone")
    store.put_if_absent("a", b"1")
    with before("PutObject", lost(1, store, lambda: store.put("a", b"9")), client=1), pytest.raises(PublishUnknown):
        store.swap("a", b"2", b"1")
    assert store.read("a") == b"9"


def test_large_objects_are_copied_in_parts_while_they_are_what_was_judged(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dq.stores.s3.copying._COPIED_PART_BYTES", 5 << 20)
    store, content = S3Store(f"s3://{make_bucket('small')}/zone"), bytes(range(256)) * (12 << 12)
    store.put("from", content)
    entry = store.stat("from")
    assert entry is not None
    assert store.copy_in(store.location("from"), "to", entry.signature) == hashlib.sha256(content).hexdigest()
    assert store.read("to") == content
    together, asked = threading.Barrier(3), list[str]()

    def meet(request: Any) -> None:
        asked.append(request.headers["x-amz-copy-source-range"].decode())
        together.wait(20)

    with before("UploadPartCopy", meet):
        store.copy_in(store.location("from"), "at once", entry.signature)
    assert len(asked) == 3
    monkeypatch.setattr("dq.stores.s3.copying._MOST_PARTS", 2)
    with before("UploadPartCopy", lambda request: asked.append(request.url)):
        store.copy_in(store.location("from"), "as many as may be", entry.signature)
    assert len(asked) == 3 + 2
    assert store.read("as many as may be") == content
    store.put("from", content[::-1])
    with pytest.raises(SourceChanged):
        store.copy_in(store.location("from"), "other", entry.signature)
    assert not store.exists("other")
    assert not store.access.clients[0].list_multipart_uploads(Bucket=store.bucket).get("Uploads")


def test_large_objects_of_a_customers_key_are_copied_in_parts(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dq.stores.s3.copying._COPIED_PART_BYTES", 5 << 20)
    store = S3Store(f"s3://{make_bucket('sealed-small')}", access=Access(customer_key=bytes(range(32))))
    content = bytes(range(256)) * (7 << 12)
    store.put("from", content)
    assert store.copy_in(store.location("from"), "to") == hashlib.sha256(content).hexdigest()


def test_large_files_are_sent_in_parts(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dq.stores.s3.copying._PART_BYTES", 5 << 20)
    store, file = S3Store(f"s3://{bucket}/zone"), tmp_path / "file"
    for size in (0, 1, 5 << 20, 11 << 20):
        file.write_bytes(b"x" * size)
        assert store.copy_in(str(file), "to") == hashlib.sha256(b"x" * size).hexdigest()
        assert store.read("to") == b"x" * size


def test_who_owns_the_bucket_and_how_it_is_encrypted_goes_with_every_request(bucket: str) -> None:
    servers.needs("kms")
    access = Access(owner="123456789012", requester_pays=True, encryption="aws:kms", kms_key="alias/mine")
    store, sent = S3Store(f"s3://{bucket}/zone", access=access), list[Any]()
    for client in access.clients:
        client.meta.events.register("before-send.s3", lambda request, **_: sent.append(request))
    store.put_if_absent("a", b"1")
    store.copy_in(store.location("a"), "b")
    store.read("a")
    list(store.list())
    store.remove("a")
    assert all(r.headers["x-amz-expected-bucket-owner"] == b"123456789012" for r in sent)
    assert all(r.headers["x-amz-request-payer"] == b"requester" for r in sent)
    written = [r for r in sent if r.method == "PUT"]
    assert {r.headers["x-amz-server-side-encryption"] for r in written} == {b"aws:kms"}
    copied = [r for r in written if "x-amz-copy-source" in r.headers]
    assert [r.headers["x-amz-source-expected-bucket-owner"] for r in copied] == [b"123456789012"]


def test_a_lease_that_is_not_renewed_is_taken_over(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = S3Store(f"s3://{bucket}/zone")
    store.put_if_absent("locks/trips", b"of one that was killed")
    assert store.is_locked("trips")
    monkeypatch.setattr("dq.stores.s3.lease.SECONDS", 0.5)
    time.sleep(2)  # S3 tells seconds
    assert not store.is_locked("trips")
    with store.lock("trips"):
        assert store.read("locks/trips") != b"of one that was killed"
    assert store.read("locks/trips") is None


def test_a_lease_is_renewed_through_faults_until_it_is_given_back(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dq.stores.s3.lease.RENEW_SECONDS", 0.05)
    store, failed = S3Store(f"s3://{bucket}/zone"), list[str]()

    def fail(request: Any) -> None:
        if "locks" in request.url and len(failed) < 6:
            failed.append(request.method)
            raise ReadTimeoutError(endpoint_url=request.url)

    with store.lock("trips"):
        taken = store.read("locks/trips")
        with before("", fail, client=1):
            until = time.monotonic() + 20
            while (now := store.read("locks/trips")) == taken and time.monotonic() < until:
                time.sleep(0.1)
        assert now is not None
        assert taken is not None
        assert failed
        assert (now.split()[0], now != taken) == (taken.split()[0], True)
    assert store.read("locks/trips") is None
