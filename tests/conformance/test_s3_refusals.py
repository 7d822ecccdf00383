"""Answers as AWS words them: each becomes one line that says what to do, and whether it is of one object or of all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dq.config import S3
from dq.errors import ConfigError, StoreError, ZoneFault
from dq.stores.s3 import S3Store
from dq.stores.s3.access import Access

WHO = "User: arn:aws:sts::123456789012:assumed-role/gate/i-0 is not authorized to perform:"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
HERE = "arn:aws:s3:::some-bucket"
ANSWERS: dict[str, tuple[int, str, str, dict[str, str]]] = {
    "plain": (403, "AccessDenied", "Access Denied", {}),
    "role": (403, "AccessDenied", f'{WHO} s3:GetObject on resource: "{HERE}/role" because no identity-based policy'
             " allows the s3:GetObject action", {}),
    "list": (403, "AccessDenied", f'{WHO} s3:ListBucket on resource: "{HERE}" because no identity-based policy allows'
             " the s3:ListBucket action", {}),
    "deny": (403, "AccessDenied", f'{WHO} s3:PutObject on resource: "{HERE}/deny" with an explicit deny in a'
             " resource-based policy", {}),
    "kms": (403, "AccessDenied", f"{WHO} kms:Decrypt on resource: {KEY} because no identity-based policy allows the"
            " kms:Decrypt action", {}),
    "hidden": (403, "AccessDenied", f"{WHO} kms:GenerateDataKey on this resource because the resource does not exist in"
               " this Region, no resource-based policies allow access, or a resource-based policy explicitly denies"
               " access", {}),
    "disabled": (400, "KMS.DisabledException", f"{KEY} is disabled.", {}),
    "expired": (400, "ExpiredToken", "The provided token has expired.", {}),
    "skewed": (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large"
               ".", {}),
    "moved": (301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified"
              " endpoint.", {"x-amz-bucket-region": "eu-central-1"}),
    "signed": (400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'us-east-1' is"
               " wrong; expecting 'eu-central-1'</Message><Region>eu-central-1</Region><Message>", {}),
    "frozen": (403, "InvalidObjectState", "The operation is not valid for the object's storage class", {}),
    "tiered": (403, "InvalidObjectState", "The operation is not valid for the object's access tier</Message>"
               "<StorageClass>INTELLIGENT_TIERING</StorageClass><AccessTier>ARCHIVE_ACCESS</AccessTier><Message>", {}),
    "cold": (200, "", "", {"ETag": '"1"', "Last-Modified": "Sun, 01 Mar 2026 00:00:00 GMT",
             "x-amz-storage-class": "INTELLIGENT_TIERING", "x-amz-archive-status": "DEEP_ARCHIVE_ACCESS"}),
    "odd": (403, "AccessDenied", f"{WHO} s3:Get%Object on resource: secret", {}),
}  # fmt: skip


class Answerer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = self.path.partition("?")[0].rsplit("/", 1)[-1]
        status, code, message, headers = ANSWERS.get(asked, (200, "", "", {"x-amz-bucket-region": "us-east-1"}))
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/xml", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_GET = do_HEAD = do_PUT = do_POST = answer

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answerer)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


SAID = [
    ("plain", f"access denied (AccessDenied): allow s3:GetObject on {HERE}/plain"),
    ("role", f"access denied (AccessDenied): allow s3:GetObject on {HERE}/role"),
    ("list", f"access denied (AccessDenied): allow s3:ListBucket on {HERE}"),
    ("deny", f"access denied (AccessDenied): allow s3:PutObject on {HERE}/deny; a resource-based policy denies it"),
    ("kms", f"access denied (AccessDenied): allow kms:Decrypt on {KEY}"),
    ("hidden", f"access denied (AccessDenied): allow kms:GenerateDataKey on the key that encrypts {HERE}/hidden"),
    ("disabled", "the key of its encryption is refused (KMS.DisabledException): allow kms:Decrypt to read,"
     " kms:GenerateDataKey to write"),
    ("expired", "the AWS credentials have expired (ExpiredToken): renew them, then run it again"),
    ("skewed", "the clock here is minutes off (RequestTimeTooSkewed): set it, then run it again"),
    ("moved", "the bucket is in eu-central-1 (PermanentRedirect): set AWS_REGION, or region in [s3] of dq.toml"),
    ("signed", "the bucket is in eu-central-1 (AuthorizationHeaderMalformed): set AWS_REGION, or region in [s3] of"
     " dq.toml"),
    ("frozen", "archived (InvalidObjectState): aws s3api restore-object --bucket some-bucket --key frozen"
     " --restore-request Days=7  brings it back"),
    ("tiered", "archived (InvalidObjectState): aws s3api restore-object --bucket some-bucket --key tiered"
     " --restore-request '{}'  brings it back"),
    ("odd", f"access denied (AccessDenied): allow s3:GetObject on {HERE}/odd"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "told"), SAID, ids=[k for k, _ in SAID])
def test_what_aws_refuses_is_said_with_its_remedy(s3: str, endpoint: str, key: str, told: str) -> None:
    """Asked by GET, and by HEAD, whose answers say nothing but a number."""
    store = S3Store("s3://some-bucket", access=Access(endpoint=endpoint))
    for ask in (store.read, store.stat):
        with pytest.raises(StoreError) as raised:
            ask(key)
        assert str(raised.value).replace("(301)", "(PermanentRedirect)") == f"s3://some-bucket/{key}: {told}"


def test_what_denies_one_object_is_told_from_what_denies_all(s3: str, endpoint: str) -> None:
    """Landed objects are read while they are what was listed; nobody else's fault keeps a whole source waiting."""
    store = S3Store("s3://some-bucket", access=Access(endpoint=endpoint))
    faults = {}
    for key in (key for key, answer in ANSWERS.items() if answer[0] != 200):
        with pytest.raises(StoreError) as raised:
            store.fetch(key, '"etag"@1', lambda _: None)
        faults[key] = isinstance(raised.value, ZoneFault)
    assert {key for key, of_all in faults.items() if of_all} == {"expired", "skewed", "moved", "signed"}
    for key in ("plain", "deny", "kms", "disabled", "expired"):
        with pytest.raises(ZoneFault):
            store.put(key, b"x")


def test_a_redirect_that_leads_nowhere_is_said(s3: str) -> None:
    with pytest.raises(ZoneFault, match="sends everybody elsewhere: mend region or endpoint"):
        S3Store("s3://says-301-PermanentRedirect").read("a")


def test_a_key_that_nothing_is_encrypted_with_is_refused() -> None:
    with pytest.raises(ConfigError, match="kms_key is the key of"):
        S3(encryption="AES256", kms_key="alias/lake").access()
    assert S3(encryption="aws:kms", kms_key="alias/lake").access().kms_key == "alias/lake"


def test_an_object_in_an_archive_tier_says_how_to_bring_it_back(s3: str, endpoint: str) -> None:
    entry = S3Store("s3://some-bucket", access=Access(endpoint=endpoint)).stat("cold")
    assert entry is not None
    assert entry.archived
    assert entry.unreadable == (
        "s3://some-bucket/cold is archived (DEEP_ARCHIVE_ACCESS): aws s3api restore-object --bucket some-bucket"
        " --key cold --restore-request '{}'  brings it back"
    )


def test_a_region_that_nobody_names_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigError) as raised:
        Access(owner="of no other test: clients are made once a process").client("sqs")
    assert str(raised.value) == "SQS: no region: set `region` in [s3] of dq.toml, or AWS_REGION"
