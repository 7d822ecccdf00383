"""Objects that are read whole: of one object only, gone on with where they break off, and arrived as they were sent."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from dq.errors import SourceChanged, StoreError
from dq.stores.s3.access import TRIES
from dq.stores.s3.faults import CutOff, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq.stores.s3 import S3Store

_COMPARED = ("ChecksumCRC32", "ChecksumCRC32C", "ChecksumSHA1", "ChecksumSHA256")  # by boto3, with what arrives
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')


def fetch(store: S3Store, path: str, signature: str, write: Callable[[bytes], object]) -> str:
    """Stream the content that has the signature (whatever is there, where it is empty) to `write`; its SHA-256.
    Raises SourceChanged where it is another one, at the beginning or on the way."""
    digest, etag, sound = _streamed(store, path, signature, write)
    if not sound and _streamed(store, path, f"{etag}@", lambda _: None)[0] != digest:
        raise StoreError(f"{store.location(path)}: other bytes arrive each time it is read: run it again")
    return digest


def _streamed(store: S3Store, path: str, signature: str, write: Callable[[bytes], object]) -> tuple[str, str, bool]:
    """SHA-256 and ETag, and whether nothing says that other bytes were sent."""
    digest, md5, done, whole = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0, -1
    etag = signature.rpartition("@")[0]
    for n in range(TRIES):
        asked = {"IfMatch": etag} if etag else {}
        asked |= {"Range": f"bytes={done}-"} if done else {}
        try:
            answer = store.ask("get_object", path, **asked)
            etag, whole, compared = answer["ETag"], done + answer["ContentLength"], not done and _is_compared(answer)
            for chunk in store.chunks(answer, path):
                for sink in (digest.update, md5.update, write):
                    sink(chunk)
                done += len(chunk)
            if done == whole:
                return digest.hexdigest(), etag, compared or _fits(answer, md5.hexdigest())
        except Refused as error:
            if error.status == 412 or (error.absent and signature):
                what = "went" if error.absent else "changed"
                raise SourceChanged(f"{store.location(path)} {what} while it was judged") from error
            raise
        except CutOff:
            if n == TRIES - 1 or done == whole:
                raise
    raise StoreError(f"{store.location(path)}: less arrives than it holds, {TRIES} times")


def _is_compared(answer: dict[str, Any]) -> bool:
    return any("-" not in str(answer.get(name, "-")) for name in _COMPARED)


def _fits(answer: dict[str, Any], md5: str) -> bool:
    """An ETag may be the MD5 of the content; encrypted, or sent in parts, it is not."""
    told = _MD5.fullmatch(answer["ETag"])
    encrypted = "SSECustomerAlgorithm" in answer or str(answer.get("ServerSideEncryption", "")).startswith("aws:")
    return told is None or encrypted or told[1] == md5
