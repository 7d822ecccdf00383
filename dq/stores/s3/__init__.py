"""A zone in a bucket, `s3://bucket/prefix`. Every write is durable and visible at once; several objects never are at
once, so what belongs together is published through a pointer. There are no folders: only keys that begin alike."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dq.errors import ConfigError, PublishUnknown, SourceChanged, StoreError, ZoneFault
from dq.ir.data import VERSION
from dq.stores import posix
from dq.stores.base import Entry, Layout, parts_of
from dq.stores.s3 import copying, lease, ranges, whole
from dq.stores.s3.access import TRIES, Access
from dq.stores.s3.faults import RESTORED_DAYS, CutOff, Refused, code_of, is_whole, restore, said, status_of, unreadable
from dq.stores.s3.keys import SCHEME, key_of, parts_of_url, path_of, version_of
from dq.stores.s3.probe import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

_CHUNK = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
_READS = {"get_object", "head_object"}
_TIERED = "INTELLIGENT_TIERING"
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE", "ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"}
_PAUSES = (0.1, 0.4, 1.0)  # between tries of a conditional write


class S3Store:
    layout: Layout = "generations"
    renames, at_once = False, 16

    def __init__(self, url: str, layout: Layout | None = None, access: Access | None = None) -> None:
        self.bucket, prefix = parts_of_url(url)
        self.prefix = prefix.strip("/")
        if not _NAME.fullmatch(self.bucket):
            raise ConfigError(f"{url}: no bucket has this name: write s3://bucket/prefix, of an access point its alias")
        if layout == "flat":
            raise ConfigError(
                f'{url}: layout "flat" needs folders that change places; [adapters.flat] copies files there'
            )
        self.url = f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")
        self.access = access or Access()
        self.reached = False  # whether the bucket is known to be there
        self.unversioned: set[str] = set()  # buckets that kept no versions when they were looked at

    def _key(self, path: str) -> str:
        """Inside the zone by construction."""
        if "\0" in path or path.startswith("/"):
            raise StoreError(f"path {path!r} leaves the zone {self.url}")
        key = key_of("/".join(parts_of(path, self.url)))
        return "/".join(p for p in (self.prefix, key) if p)

    def ask(self, operation: str, path: str | None, **asked: Any) -> dict[str, Any]:
        """One request, tried again where that is safe; without `path` about the bucket. Raises Refused, StoreError."""
        if path is None:
            return self._ask(0, operation, None, **asked)
        plain, version = version_of(path)
        return self._ask(0, operation, self._key(plain), **asked, **version)

    def _ask(self, client: int, operation: str, key: str | None, **asked: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        target, where = {"Bucket": self.bucket, **({} if key is None else {"Key": key})}, key or asked.get("Prefix", "")
        try:
            call = getattr(self.access.clients[client], operation)
            answer: dict[str, Any] = call(**target, **asked, **self.access.asked(operation))
        except (ClientError, BotoCoreError, RecursionError) as error:
            pinned = {"IfMatch": asked["IfMatch"]} if operation in _READS and "IfMatch" in asked else {}
            self.reached |= code_of(error) == "NoSuchKey"
            if operation == "head_object" and status_of(error) in (400, 403, *([] if self.reached else [404])):
                # an answer with no room for the reason
                self._ask(client, "get_object", key, Range="bytes=0-0", **pinned)
            raise said(error, operation, self.bucket, where, self.access.doubts(), pinned=bool(pinned)) from error
        except UnicodeError:
            raise StoreError(f"{self.url}: no key can be called {key!r}: it is no Unicode text") from None
        except (ResponseParserError, ValueError) as error:  # botocore's own, of what it cannot read
            raise unreadable(operation, self.bucket, where) from error
        if not is_whole(operation, answer):
            getattr(answer.get("Body"), "close", lambda: None)()
            raise unreadable(operation, self.bucket, where)
        self.reached = True
        return answer

    @property
    def endpoint(self) -> str:
        return str(self.access.clients[0].meta.endpoint_url)

    def clock(self) -> float:
        inside = f"{self.prefix}/".lstrip("/")
        return self._answered(self._ask(0, "list_objects_v2", None, MaxKeys=1, Prefix=inside)).timestamp()

    def _answered(self, answer: dict[str, Any]) -> datetime:
        """When, by the clock of S3."""
        from email.utils import parsedate_to_datetime

        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date is None:
            raise unreadable("a request", self.bucket, self.prefix)
        return parsedate_to_datetime(date)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Sorted here: not every store lists by key, nor do directory buckets."""
        yield from sorted(self._entries(prefix), key=lambda entry: entry.path)

    def _entries(self, prefix: str) -> Iterator[Entry]:
        top = self._key(prefix)
        for found in self._listed(f"{top}/" if top else ""):
            key, size = found["Key"], found["Size"]
            if key.endswith("/") and size == 0:
                continue  # what a console makes for a folder
            inside = key.removeprefix(f"{self.prefix}/") if self.prefix else key
            at, path = int(found["LastModified"].timestamp()), path_of(inside)
            odd, (away, archived) = self._odd(path, inside), self._archived(found)
            tiered = found.get("StorageClass") == _TIERED
            yield Entry(path, size, _signature(found), at, odd or away, archived and not odd, tiered)

    def _listed(self, prefix: str, **asked: Any) -> Iterator[dict[str, Any]]:
        token: dict[str, str] = {}
        while True:
            answer = self._ask(
                0, "list_objects_v2", None, Prefix=prefix, OptionalObjectAttributes=["RestoreStatus"], **asked, **token
            )  # fmt: skip
            yield from answer.get("Contents", ())
            if not answer.get("IsTruncated") or asked:
                return
            token = {"ContinuationToken": answer["NextContinuationToken"]}

    def _odd(self, path: str, key: str) -> str:
        """Such a key names another place for whoever copies it to a disk."""
        odd = path != key or VERSION in key
        return f"{self.location(path)}: a key with an empty part, ., .. or {VERSION} in it is not read" if odd else ""

    def _archived(self, found: dict[str, Any]) -> tuple[str, bool]:
        """Why it cannot be read, and whether nobody has asked for it yet."""
        restored = found.get("RestoreStatus", {})
        # a tier of S3 Intelligent-Tiering has a status of its own
        rests = found.get("ArchiveStatus") or found.get("StorageClass")
        if rests not in _ARCHIVES or restored.get("RestoreExpiryDate"):
            return "", False
        if restored.get("IsRestoreInProgress"):
            return f"{SCHEME}{self.bucket}/{found['Key']} is being restored from its archive", False
        said = restore(self.bucket, found["Key"], tiered="ArchiveStatus" in found)
        return f"{SCHEME}{self.bucket}/{found['Key']} is archived ({rests}): {said}", True

    def restore(self, path: str) -> None:
        try:
            tiered = "ArchiveStatus" in self.ask("head_object", path)  # what a tier gives back stays
            self.ask("restore_object", path, RestoreRequest={} if tiered else {"Days": RESTORED_DAYS})
        except Refused as error:
            if error.code != "RestoreAlreadyInProgress":
                raise

    def unfinished(self, prefix: str = "") -> Iterator[Entry]:
        return copying.uploads(self, prefix)

    def abandon(self, entry: Entry) -> None:
        self.ask("abort_multipart_upload", entry.path, UploadId=entry.signature)

    def irregular(self, prefix: str = "") -> Iterator[str]:
        yield from ()

    def stat(self, path: str) -> Entry | None:
        try:
            found = self.ask("head_object", path)
        except Refused as error:
            if error.absent:
                return None
            raise
        at, restored = int(found["LastModified"].timestamp()), found.get("Restore", "")
        status = {"RestoreExpiryDate": "expiry-date" in restored, "IsRestoreInProgress": '"true"' in restored}
        away = self._archived({"Key": self._key(path), "RestoreStatus": status, **found})
        return Entry(path, found["ContentLength"], _signature(found), at, *away)

    def location(self, path: str) -> str:
        return f"{SCHEME}{self.bucket}/{self._key(path)}"

    def head_at(self, location: str) -> dict[str, Any]:
        """What is told of an object anywhere."""
        bucket, key = parts_of_url(location)
        return S3Store(f"{SCHEME}{bucket}", access=self.access).ask("head_object", path_of(key))

    def keeps_versions(self) -> bool:
        return self.ask("get_bucket_versioning", None).get("Status") == "Enabled"

    def pin(self, location: str, signature: str) -> str:
        path = self._inside(location)
        try:
            told = self.ask("head_object", path)
        except Refused as error:
            if not error.absent:
                raise
            told = {}
        if not told or _signature(told) != signature:
            raise SourceChanged(
                f"{location} {'changed' if told else 'went'} after it was judged: judged again next time"
            )
        version = told.get("VersionId", "null")
        if version == "null":
            raise ZoneFault(f"{location} has no version that stays: land it again with versioning on, or copy instead")
        return f"{location}{VERSION}{version}"

    def _get(self, path: str) -> dict[str, Any] | None:
        """The answer with its content; None when absent."""
        for n in range(TRIES):
            try:
                answer = self.ask("get_object", path)
                return {**answer, "content": b"".join(self.chunks(answer, path))}
            except CutOff:
                if n == TRIES - 1:
                    raise
            except Refused as error:
                if error.absent:
                    return None
                raise
        raise AssertionError

    def chunks(self, answer: dict[str, Any], path: str) -> Iterator[bytes]:
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        try:
            yield from answer["Body"].iter_chunks(_CHUNK)
        except (BotoCoreError, HTTPError, OSError) as error:
            raise CutOff(
                f"{self.location(path)}: what arrived is cut off or damaged ({type(error).__name__})"
            ) from error

    def read(self, path: str) -> bytes | None:
        found = self._get(path)
        return None if found is None else found["content"]

    def aged(self, path: str) -> tuple[bytes, float] | None:
        """Content, and seconds since it was written, by the clock of S3."""
        found = self._get(path)
        if found is None:
            return None
        return found["content"], (self._answered(found) - found["LastModified"]).total_seconds()

    def digest(self, path: str) -> str:
        return self.fetch(path, "", lambda _: None)

    def fetch_at(self, location: str, signature: str, write: Callable[[bytes], object]) -> str:
        """`fetch`, of an object in this zone."""
        return self.fetch(self._inside(location), signature, write)

    def range_at(self, location: str, signature: str, start: int, end: int) -> bytes:
        """Of an object in this zone that has the signature. Raises SourceChanged."""
        return ranges.read(self, self._inside(location), signature.rpartition("@")[0], start, end)

    def identify_at(self, location: str, signature: str) -> str:
        """What tells the content without reading it: `DataFile.digest`. Raises SourceChanged."""
        return ranges.identify(self, self._inside(location), signature.rpartition("@")[0])

    def _inside(self, location: str) -> str:
        return path_of(location.removeprefix(f"{self.url}/"))

    def fetch(self, path: str, signature: str, write: Callable[[bytes], object]) -> str:
        return whole.fetch(self, path, signature, write)

    def exists(self, path: str) -> bool:
        return (path != "" and self.exists_object(path)) or self._exists_below(self._key(path))

    def exists_object(self, path: str) -> bool:
        return self.stat(path) is not None

    def _exists_below(self, key: str) -> bool:
        return next(self._listed(f"{key}/" if key else "", MaxKeys=1), None) is not None

    def put(self, path: str, content: bytes, **condition: str) -> str:
        """Whatever stands there, but for the condition; the ETag. One try where there is one. Raises Refused."""
        answer = self._ask(1 if condition else 0, "put_object", self._key(path), Body=content, **condition)
        return str(answer["ETag"])

    @cached_property
    def _conforms(self) -> bool:
        probe(self)
        return True

    def put_if_absent(self, path: str, content: bytes) -> bool:
        self._key(path)
        return self._written(path, content, IfNoneMatch="*")

    def swap(self, path: str, content: bytes, expected: bytes | None) -> bool:
        if expected is None:
            return self._written(path, content, IfNoneMatch="*")
        found = self._get(path)
        if found is None or found["content"] != expected:
            return False
        return self._written(path, content, IfMatch=found["ETag"])

    def _written(self, path: str, content: bytes, **condition: str) -> bool:
        """Whether this very write happened. After a lost answer the same request may find what it did itself: read back
        before it is said. Asked again where something is said to be there, and is not. Raises PublishUnknown where even
        that does not tell."""
        assert self._conforms
        doubt = False
        for pause in (*_PAUSES, None):
            try:
                self.put(path, content, **condition)
                return True
            except Refused as error:
                told = error.status == 412 or (error.absent and "IfMatch" in condition)
                wrongly = told and not doubt and "IfNoneMatch" in condition and self.stat(path) is None
                if told and not (wrongly and pause is not None):
                    return doubt and self._is_mine(path, content, condition)
                doubt |= error.unknown
                if not (error.passing or wrongly) or pause is None:
                    if doubt and self._is_mine(path, content, condition):
                        return True
                    raise
            time.sleep(pause)
        raise AssertionError

    def _is_mine(self, path: str, content: bytes, condition: dict[str, str]) -> bool:
        unknown = f"write {self.location(path)}: no answer came; whether it happened is read back next time"
        try:
            found = self.read(path)
        except StoreError as error:
            raise PublishUnknown(unknown) from error
        if found != content and "IfMatch" in condition:  # it may have been, and somebody wrote since
            raise PublishUnknown(unknown)
        return found == content

    def takes(self, location: str) -> bool:
        return location.startswith(SCHEME) or "://" not in location

    def copy_in(self, location: str, path: str, signature: str = "", judged: str = "") -> str:
        if location.startswith(SCHEME):
            return copying.copy(self, location, path, signature.rpartition("@")[0], judged)
        self._key(path)
        try:
            with open(location, "rb", opener=posix.open_regular) as stream:
                return copying.upload(self, stream, path)
        except OSError as error:
            raise StoreError(f"cannot copy {location}: {error.strerror}") from error

    def move(self, staged: str, target: str) -> None:
        """Object by object: half done until it returns."""
        source, goal = self._key(staged), self._key(target)
        moving = [f for f in self._listed(source) if f["Key"] == source or f["Key"].startswith(f"{source}/")]
        if not moving or self.exists(target):
            what = "nothing is there" if not moving else f"{self.location(target)} is there already"
            raise StoreError(f"cannot move {self.location(staged)}: {what}")
        for found in moving:
            copied = {"CopySource": {"Bucket": self.bucket, "Key": found["Key"]}, "CopySourceIfMatch": found["ETag"]}
            self._ask(0, "copy_object", goal + found["Key"].removeprefix(source), **copied)
        self.remove(staged)

    def commit(self, staged: str, target: str, superseded: str) -> None:
        raise StoreError(f"{self.url}: objects cannot be exchanged in one step")

    def settle(self, path: str) -> None:
        self._key(path)

    def tags(self, path: str) -> dict[str, str]:
        return {t["Key"]: t["Value"] for t in self.ask("get_object_tagging", path)["TagSet"]}

    def tag(self, path: str, tags: dict[str, str]) -> None:
        """These and no others."""
        self.ask("put_object_tagging", path, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in tags.items()]})

    def remove(self, path: str) -> None:
        key = self._key(path)
        keys = [f["Key"] for f in self._listed(key) if f["Key"] == key or f["Key"].startswith(f"{key}/") or not key]
        for n in range(0, len(keys), 1000):
            objects = [{"Key": k} for k in keys[n : n + 1000]]
            answer = self._ask(0, "delete_objects", None, Delete={"Objects": objects, "Quiet": True})
            for fault in answer.get("Errors", ()):
                raise Refused(f"{SCHEME}{self.bucket}/{fault['Key']}: not removed ({fault['Code']})", 403)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        held = lease.Lease(self, f"locks/{name}")
        held.take()
        try:
            yield
        finally:
            held.give_back()

    def is_locked(self, name: str) -> bool:
        found = self.aged(f"locks/{name}")
        return found is not None and found[1] <= lease.SECONDS


def _signature(told: dict[str, Any]) -> str:
    return f"{told['ETag']}@{int(told['LastModified'].timestamp())}"
