"""Bytes into a bucket: from another object without passing through here, or from a local file. What arrived is what was
meant: the digest returned is of the bytes that the bucket holds."""

from __future__ import annotations

import base64
import hashlib
import logging
import math
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from dq.errors import SourceChanged, StoreError
from dq.ir.data import PINNED
from dq.stores.base import Entry, answers
from dq.stores.s3.faults import Refused
from dq.stores.s3.keys import SCHEME, parts_of_url, path_of, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.stores.s3 import S3Store

_PART_BYTES = 64 << 20
_COPIED_PART_BYTES = 1 << 30
_MOST_PARTS = 10_000  # of an upload
_UNTOLD = {403, 405, 501}  # denied, or not known to the store
_TOO_LARGE = {"InvalidRequest", "EntityTooLarge"}  # to be copied in one piece: over 5 GB
log = logging.getLogger("dq")


def copy(store: S3Store, location: str, path: str, etag: str, judged: str) -> str:
    """Copy the object while it still has the ETag; SHA-256 of the copy, or what was `judged` where that is the ETag.
    Raises SourceChanged."""
    location, version = _pinned(store, location, etag)
    bucket, key = parts_of_url(location)
    source = {"CopySource": {"Bucket": bucket, "Key": key, **version}, **({"CopySourceIfMatch": etag} if etag else {})}
    try:
        try:
            answer = store.ask(
                "copy_object", path, **source, ChecksumAlgorithm="SHA256", TaggingDirective="REPLACE"
            )  # fmt: skip
        except Refused as error:
            if error.code not in _TOO_LARGE:
                raise
            _in_parts(store, path, lambda upload: _copied(store, path, upload, location, source))
            return _digest(store, location, path, judged)
    except Refused as error:
        raise _gone(error, location) from error
    if "CopySourceVersionId" in answer:  # it keeps them by now
        store.unversioned.discard(bucket)
    told = str(answer.get("CopyObjectResult", {}).get("ChecksumSHA256") or "")
    known = told and "-" not in told and not judged.startswith(PINNED)
    return base64.b64decode(told).hex() if known else _digest(store, location, path, judged)


def _pinned(store: S3Store, location: str, etag: str) -> tuple[str, dict[str, str]]:
    """The object, and in a bucket that keeps versions the one that is to be copied. Raises SourceChanged."""
    plain, version = version_of(location)
    bucket, _ = parts_of_url(plain)
    if version or bucket in store.unversioned:
        return plain, version
    try:
        told = store.head_at(location)
    except Refused as error:
        raise _gone(error, location) from error
    if "VersionId" not in told:
        store.unversioned.add(bucket)
        return plain, {}
    if etag and told["ETag"] != etag:
        raise SourceChanged(f"{location} changed after it was judged: judged again next time")
    return plain, {"VersionId": told["VersionId"]}


def _gone(error: Refused, location: str) -> Exception:
    """What a refusal means for who judged the object."""
    if error.status not in (404, 412) or error.code == "NoSuchBucket":
        return error
    what = "changed" if error.status == 412 else "went"
    return SourceChanged(f"{location} {what} after it was judged: judged again next time")


def _digest(store: S3Store, location: str, path: str, judged: str) -> str:
    """SHA-256 of the copy, read back. Where nobody knows that of the original: what was judged, if the original still
    has the ETag, since some stores do not look at the condition of a copy. Raises SourceChanged."""
    if not judged.startswith(PINNED):
        return store.digest(path)
    if PINNED + str(store.head_at(location)["ETag"]).strip('"') != judged:
        raise SourceChanged(f"{location} changed after it was judged: judged again next time")
    return judged


def _copied(store: S3Store, path: str, upload: str, location: str, source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    size = int(store.head_at(location)["ContentLength"])
    step = max(_COPIED_PART_BYTES, math.ceil(size / _MOST_PARTS))

    def copied(start: int) -> dict[str, Any]:
        n, last = start // step + 1, min(start + step, size) - 1
        answer = store.ask(
            "upload_part_copy", path, UploadId=upload, PartNumber=n, CopySourceRange=f"bytes={start}-{last}", **source
        )  # fmt: skip
        return {"PartNumber": n, "ETag": answer["CopyPartResult"]["ETag"]}

    yield from answers(store, copied, range(0, size, step))


def upload(store: S3Store, stream: IO[bytes], path: str) -> str:
    """SHA-256 of what was sent."""
    digest = hashlib.sha256()
    first = stream.read(_PART_BYTES)
    digest.update(first)
    if len(first) < _PART_BYTES:
        store.put(path, first)
        return digest.hexdigest()

    def sent(upload: str) -> Iterator[dict[str, Any]]:
        chunk, n = first, 0
        while chunk:
            n += 1
            answer = store.ask("upload_part", path, UploadId=upload, PartNumber=n, Body=chunk)
            yield {"PartNumber": n, "ETag": answer["ETag"]}
            chunk = stream.read(_PART_BYTES)
            digest.update(chunk)

    _in_parts(store, path, sent)
    return digest.hexdigest()


def uploads(store: S3Store, prefix: str) -> Iterator[Entry]:
    """Uploads in parts below the prefix whose writer has not said that they are complete; their id is the signature.
    A zone that does not tell has none, with a warning."""
    top, inside, after = f"{store.location(prefix)}/", store.location("").rstrip("/"), dict[str, str]()
    below = parts_of_url(top)[1]
    while True:
        try:
            answer = store.ask("list_multipart_uploads", None, Prefix=below, **after)
        except Refused as error:
            if error.status in _UNTOLD:
                log.warning("uploads that are still open are not seen: %s", error)
            elif not error.absent:  # NoSuchUpload: there are none, as rclone says it
                raise
            return
        for one in answer.get("Uploads", ()):
            if one["Key"].startswith(below):
                path = path_of(f"{SCHEME}{store.bucket}/{one['Key']}".removeprefix(f"{inside}/"))
                yield Entry(path, 0, one["UploadId"], one["Initiated"].timestamp())
        if not answer["IsTruncated"]:
            return
        after = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}


def _in_parts(store: S3Store, path: str, parts: Any) -> None:
    """Nothing is to be seen of it before it is complete."""
    upload = store.ask("create_multipart_upload", path)["UploadId"]
    try:
        done = list(parts(upload))
        store.ask("complete_multipart_upload", path, UploadId=upload, MultipartUpload={"Parts": done})
    except BaseException:
        with suppress(StoreError):  # dq gc removes it
            store.ask("abort_multipart_upload", path, UploadId=upload)
        raise
