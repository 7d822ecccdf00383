"""S3 as its documentation has it, in this process: one object after the other, at once for everybody, conditional
writes. What goes wrong is asked for before and after every request. `tests/conformance/test_stores.py` holds it against
what stores must do, as it does moto."""

from __future__ import annotations

import hashlib
import io
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from threading import RLock
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.response import StreamingBody

from dq.stores.s3.access import TRIES, Access

_PASSING = {500, 503, 409}
_PAGE = 1000


class Lost(Exception):
    """The answer does not arrive."""


def refused(status: int, code: str) -> ClientError:
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": {}}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "request")


@dataclass(frozen=True, slots=True)
class Object:
    content: bytes
    modified: datetime

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'

    @property
    def told(self) -> dict[str, Any]:
        return {"ETag": self.etag, "LastModified": self.modified, "ContentLength": len(self.content)}


@dataclass
class Bucket:
    """`faults(moment, operation, key)` may raise Lost, a ClientError, or whatever ends the client."""

    clock: Callable[[], float]
    faults: Callable[[str, str, str], None] | None = None
    objects: dict[str, Object] = field(default_factory=dict)
    guard: RLock = field(default_factory=RLock)

    def now(self) -> datetime:
        return datetime.fromtimestamp(int(self.clock()), UTC)

    def put(self, key: str, content: bytes) -> Object:
        self.objects[key] = Object(content, self.now())
        return self.objects[key]

    def found(self, key: str, **condition: Any) -> Object:
        one = self.objects.get(key)
        if one is None:
            raise refused(404, "NoSuchKey")
        if condition.get("IfMatch", one.etag) != one.etag:
            raise refused(412, "PreconditionFailed")
        return one


class Client:
    """As boto3's, which tries `tries` times where that is safe."""

    def __init__(self, bucket: Bucket, tries: int) -> None:
        self.bucket, self.tries = bucket, tries
        self.meta = SimpleNamespace(endpoint_url="model://s3")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda **asked: self._asked(name, **asked)

    def _asked(self, operation: str, **asked: Any) -> dict[str, Any]:
        key = asked.get("Key", asked.get("Prefix", ""))
        for left in reversed(range(self.tries)):
            try:
                self._fault("before", operation, key)
                with self.bucket.guard:
                    answer: dict[str, Any] = getattr(self, f"_{operation}")(**asked)
                self._fault("after", operation, key)
            except Lost:
                if not left:
                    raise ReadTimeoutError(endpoint_url=self.meta.endpoint_url) from None
            except ClientError as error:
                if not left or error.response["ResponseMetadata"]["HTTPStatusCode"] not in _PASSING:
                    raise
            else:
                date = format_datetime(self.bucket.now(), usegmt=True)
                return {**answer, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {"date": date}}}
        raise AssertionError

    def _fault(self, moment: str, operation: str, key: str) -> None:
        if self.bucket.faults is not None:
            self.bucket.faults(moment, operation, key)

    def _head_object(self, Key: str, **_: Any) -> dict[str, Any]:
        return self.bucket.found(Key).told

    def _get_object(self, Key: str, Range: str = "", **condition: Any) -> dict[str, Any]:
        one = self.bucket.found(Key, **condition)
        content = one.content[int(Range.removeprefix("bytes=").partition("-")[0] or 0) :]
        body = StreamingBody(io.BytesIO(content), len(content))
        return {**one.told, "ContentLength": len(content), "Body": body}

    def _put_object(self, Key: str, Body: bytes, IfNoneMatch: str = "", **condition: Any) -> dict[str, Any]:
        if IfNoneMatch and Key in self.bucket.objects:
            raise refused(412, "PreconditionFailed")
        if "IfMatch" in condition:
            self.bucket.found(Key, **condition)
        return {"ETag": self.bucket.put(Key, Body.read() if hasattr(Body, "read") else Body).etag}

    def _copy_object(self, Key: str, CopySource: dict[str, str], **asked: Any) -> dict[str, Any]:
        wanted = {"IfMatch": asked["CopySourceIfMatch"]} if "CopySourceIfMatch" in asked else {}
        content = self.bucket.found(CopySource["Key"], **wanted).content
        etag, told = self.bucket.put(Key, content).etag, b64encode(hashlib.sha256(content).digest()).decode()
        return {"CopyObjectResult": {"ETag": etag, "ChecksumSHA256": told}}

    def _list_multipart_uploads(self, **_: Any) -> dict[str, Any]:
        return {"IsTruncated": False}

    def _delete_objects(self, Delete: dict[str, Any], **_: Any) -> dict[str, Any]:
        for one in Delete["Objects"]:
            self.bucket.objects.pop(one["Key"], None)
        return {}

    def _list_objects_v2(
        self, Prefix: str = "", ContinuationToken: str = "", MaxKeys: int = _PAGE, **_: Any
    ) -> dict[str, Any]:
        keys = sorted(k for k in self.bucket.objects if k.startswith(Prefix) and k > ContinuationToken)
        page = [{"Key": k, "Size": len(self.bucket.objects[k].content), **self.bucket.objects[k].told} for k in keys]
        more = {"NextContinuationToken": keys[MaxKeys - 1]} if len(keys) > MaxKeys else {}
        return {"Contents": page[:MaxKeys], "IsTruncated": bool(more), **more}


class Modelled(Access):
    """Access to the model."""

    __slots__ = ("bucket",)

    def __init__(self, bucket: Bucket) -> None:
        super().__init__()
        object.__setattr__(self, "bucket", bucket)

    @property
    def clients(self) -> tuple[Any, Any]:
        return Client(self.bucket, TRIES), Client(self.bucket, 1)
