"""Objects of which only parts are read: every request names the ETag, so that all parts are of one object."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from dq.errors import SourceChanged, StoreError
from dq.ir.data import PINNED
from dq.stores.s3.access import TRIES
from dq.stores.s3.faults import CutOff, Refused

if TYPE_CHECKING:
    from dq.stores.s3 import S3Store


def read(store: S3Store, path: str, etag: str, start: int, end: int) -> bytes:
    for n in range(TRIES):
        try:
            answer = _asked(store, "get_object", path, etag, Range=f"bytes={start}-{end - 1}")
            if not str(answer.get("ContentRange", "")).startswith(f"bytes {start}-{end - 1}/"):
                raise StoreError(f"{store.location(path)}: {store.endpoint} does not answer with the range asked for")
            found = b"".join(store.chunks(answer, path))
            if len(found) == end - start:
                return found
        except CutOff:
            if n == TRIES - 1:
                raise
    raise StoreError(f"{store.location(path)}: less arrives of a range than it holds, {TRIES} times")


def identify(store: S3Store, path: str, etag: str) -> str:
    """SHA-256 where S3 keeps that of the whole object, else the ETag, told apart by PINNED."""
    told = _asked(store, "head_object", path, etag, ChecksumMode="ENABLED")
    whole = told.get("ChecksumSHA256") if told.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" else None
    return base64.b64decode(whole).hex() if whole and "-" not in whole else PINNED + etag.strip('"')


def _asked(store: S3Store, operation: str, path: str, etag: str, **asked: Any) -> dict[str, Any]:
    try:
        return store.ask(operation, path, IfMatch=etag, **asked)
    except Refused as error:
        if error.status == 412 or error.absent:
            what = "went" if error.absent else "changed"
            raise SourceChanged(f"{store.location(path)} {what} while it was judged") from error
        raise
