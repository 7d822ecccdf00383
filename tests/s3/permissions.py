"""What is asked of AWS, seen at botocore, and what a policy allows of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import pytest
from botocore.client import BaseClient

Asked = tuple[str, str, str | None]  # action, resource, and the prefix that is listed
_WRITES = {
    "PutObject",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
    "CopyObject",
}
_LISTS = {"ListObjectsV2": "ListBucket", "ListMultipartUploads": "ListBucketMultipartUploads"}
_ACTIONS = {"HeadObject": "GetObject"} | _LISTS | dict.fromkeys(_WRITES, "PutObject")
_BATCHES = {
    "DeleteMessageBatch": "DeleteMessage", "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "PublishBatch": "Publish",
}  # fmt: skip


class Recorder:
    def __init__(self) -> None:
        self.asked: set[Asked] = set()
        self._mine = threading.local()

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What a test does itself here is not what the gate asks."""
        self._mine.apart = True
        try:
            yield
        finally:
            self._mine.apart = False

    def see(self, service: str, operation: str, given: dict[str, Any]) -> None:
        if not getattr(self._mine, "apart", False):
            self.asked.update(_needed(service, operation, given))


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Every request of any client of AWS in this process."""
    found = Recorder()
    call: Callable[..., Any] = BaseClient._make_api_call

    def seen(client: Any, operation: str, given: dict[str, Any]) -> Any:
        found.see(client.meta.service_model.service_name, operation, given)
        return call(client, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", seen)
    return found


def _needed(service: str, operation: str, given: dict[str, Any]) -> Iterator[Asked]:
    if service != "s3":
        yield f"{service}:{_BATCHES.get(operation, operation)}", "", None
        return
    bucket, version = f"arn:aws:s3:::{given['Bucket']}", "Version" if "VersionId" in given else ""
    action = f"s3:{_ACTIONS.get(operation, operation)}"
    if operation == "DeleteObjects":
        yield from (("s3:DeleteObject", f"{bucket}/{o['Key']}", None) for o in given["Delete"]["Objects"])
    elif "Key" not in given:
        yield action, bucket, given.get("Prefix", "")
    else:
        yield action + (version if action == "s3:GetObject" else ""), f"{bucket}/{given['Key']}", None
    if source := given.get("CopySource"):
        copied = f"arn:aws:s3:::{source['Bucket']}/{source['Key']}"
        yield "s3:GetObjectVersion" if "VersionId" in source else "s3:GetObject", copied, None
        if operation == "CopyObject" and given.get("TaggingDirective") != "REPLACE":
            yield "s3:GetObjectTagging", copied, None


def allows(statement: dict[str, Any], action: str, asked: Asked) -> bool:
    """As IAM reads it. Of other services than S3 the resource is not looked at."""
    wanted, resource, prefix = asked
    if action != wanted:
        return False
    if not action.startswith("s3:"):
        return True
    prefixes = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix")
    fits = prefixes is None or any(fnmatchcase(prefix or "", one) for one in prefixes)
    return fits and any(fnmatchcase(resource, one) for one in listed(statement["Resource"]))


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
