"""moto as a server of its own: one request at a time, as conditional writes are on S3, where moto has no lock. It ends
with whoever started it.

What moto leaves out is put in front of it. Buckets are told by their names: a `lax-` one ignores the conditions of
writes, a `blind-` one those of copies, as some stores do; a `small-` one copies no object over 1,000 bytes in one
piece, as S3 none over 5 GB; a `cut-` one breaks off in the middle of what it sends; a `few-` one lists ten keys at
once; `says-403-Code` answers only that; a `sealed-` one refuses what comes without the key of a customer, or with
another one than the object has; of a `tiered-` one what is INTELLIGENT_TIERING rests in an archive tier, of which no
listing tells, until it is asked for. Listings say what is back from its archive, and no key is longer than 1,024 bytes.

`/-/objects/BUCKET` tells all objects at once, `/-/keep/BUCKET` remembers them, and `/-/restore/BUCKET` brings that
state back: a scene is made once and used up many times.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from moto import backends
from moto.core import serialize
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

Start = Callable[..., Any]
RESTORED = b"""<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>
<RestoreExpiryDate>2099-01-01T00:00:00Z</RestoreExpiryDate></RestoreStatus></Contents>"""
_OF_AN_OBJECT = ("last_modified", "checksum_algorithm", "checksum_value")
CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH")


class Server:
    def __init__(self) -> None:
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.keys: dict[str, str] = {}  # of sealed objects, by path
        self.thawed: set[str] = set()  # objects of tiers, by path
        self.kept: dict[str, dict[str, tuple[bytes, dict[str, Any]]]] = {}

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        bucket, *rest = environ["PATH_INFO"].strip("/").split("/")
        if bucket == "-":
            return self.asked_by_a_test(start, *rest)
        if environ["REQUEST_METHOD"] == "PUT" and bucket.startswith("lax-"):
            for name in CONDITIONS:
                environ.pop(name, None)
        if bucket.startswith("says-"):
            _, status, code = bucket.split("-")
            return refuse(start, f"{status} Refused", code)
        if len("/".join(rest).encode("latin-1")) > 1024:
            return refuse(start, "400 Bad Request", "KeyTooLongError")
        if bucket.startswith("sealed-") and (why := self.unsealed(environ)):
            return refuse(start, *why)
        if bucket.startswith("tiered-") and rest:
            return self.tiered(environ, start, "/".join([bucket, *rest]))
        reads_object = environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].strip("/").count("/") > 0
        if bucket.startswith("cut-") and reads_object and "HTTP_RANGE" not in environ:
            body = b"".join(self.moto(environ, start))
            return [body[: len(body) // 2]]
        if bucket.startswith("few-") and "list-type=2" in environ["QUERY_STRING"]:
            environ["QUERY_STRING"] += "&max-keys=10"
        if "HTTP_X_AMZ_OPTIONAL_OBJECT_ATTRIBUTES" in environ:
            return self.listed(environ, start, bucket)
        source = environ.get("HTTP_X_AMZ_COPY_SOURCE")
        if source:
            found = self.object(source)
            wanted = environ.get("HTTP_X_AMZ_COPY_SOURCE_IF_MATCH") if not bucket.startswith("blind-") else None
            if found and wanted and wanted.strip('"') != found.etag.strip('"'):
                return refuse(start, "412 Precondition Failed", "PreconditionFailed")
            whole = "HTTP_X_AMZ_COPY_SOURCE_RANGE" not in environ
            if found and "small" in bucket.split("-") and whole and found.size > 1000:
                return refuse(start, "400 Bad Request", "InvalidRequest")
        return self.moto(environ, start)  # type: ignore[no-any-return]

    def unsealed(self, environ: dict[str, Any]) -> tuple[str, str] | None:
        """As S3 does with SSE-C: every request about content says the key."""
        bucket, _, key = unquote(environ["PATH_INFO"]).strip("/").partition("/")
        begins = environ["REQUEST_METHOD"] == "POST" and environ["QUERY_STRING"].startswith("uploads")
        if not key or not (begins or environ["REQUEST_METHOD"] in ("GET", "HEAD", "PUT")):
            return None
        sides = {f"{bucket}/{key}": "HTTP_X_AMZ_SERVER_SIDE"}
        if source := environ.get("HTTP_X_AMZ_COPY_SOURCE"):
            sides[unquote(source).strip("/")] = "HTTP_X_AMZ_COPY_SOURCE_SERVER_SIDE"
        for path, side in sides.items():
            given = environ.get(f"{side}_ENCRYPTION_CUSTOMER_KEY")
            if given is None:
                return "400 Bad Request", "InvalidRequest"
            written = environ["REQUEST_METHOD"] in ("PUT", "POST") and path == f"{bucket}/{key}"
            if not written and self.keys.get(path, given) != given:
                return "403 Forbidden", "AccessDenied"
            self.keys[path] = given
        return None

    def tiered(self, environ: dict[str, Any], start: Start, path: str) -> Iterable[bytes]:
        """Of what is brought back for good no lifetime may be asked for."""
        method, found = environ["REQUEST_METHOD"], self.object(path)
        rests = getattr(found, "storage_class", "") == "INTELLIGENT_TIERING" and path not in self.thawed
        if not rests or method == "PUT":
            return self.moto(environ, start)  # type: ignore[no-any-return]
        if method == "HEAD":
            told = [("x-amz-storage-class", found.storage_class), ("x-amz-archive-status", "ARCHIVE_ACCESS")]
            told += [("Content-Length", str(found.size)), ("Last-Modified", found.last_modified_RFC1123)]
            start("200 OK", [*told, ("ETag", found.etag)])
            return []
        if method == "GET":
            return refuse(start, "403 Forbidden", "InvalidObjectState")
        if b"<Days>" in environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])):
            return refuse(start, "400 Bad Request", "MalformedXML")
        self.thawed.add(path)
        start("202 Accepted", [("Content-Length", "0")])
        return []

    def listed(self, environ: dict[str, Any], start: Start, bucket: str) -> Iterable[bytes]:
        """The listing, which says what is back from its archive."""
        answer: list[Any] = []

        def mark(one: re.Match[bytes]) -> bytes:
            found = self.object(f"{bucket}/{unquote(one[1].decode())}")
            return one[0].replace(b"</Contents>", RESTORED) if getattr(found, "expiry_date", None) else one[0]

        listed = b"".join(self.moto(environ, lambda *told: answer.extend(told)))
        body = re.sub(rb"(?s)<Contents>.*?<Key>(.*?)</Key>.*?</Contents>", mark, listed)
        start(answer[0], [(n, str(len(body)) if n.lower() == "content-length" else v) for n, v in answer[1]])
        return [body]

    def object(self, source: str) -> Any:
        bucket, _, key = unquote(source).lstrip("/").partition("/")
        backend = self.backend(bucket)
        plain, _, version = key.partition("?versionId=")
        return backend and backend.get_object(bucket, plain, version_id=version or None)

    def backend(self, bucket: str) -> Any:
        backends = (b for by_region in s3_backends.values() for b in by_region.values())
        return next((b for b in backends if bucket in b.buckets), None)

    def asked_by_a_test(self, start: Start, what: str, bucket: str) -> list[bytes]:
        backend = self.backend(bucket)
        held = backend.buckets[bucket]
        objects = {
            name: (key.value, {told: getattr(key, told) for told in _OF_AN_OBJECT})
            for name, key in held.keys.items()
            if hasattr(key, "value")  # not the mark of a deletion, in a bucket that keeps versions
        }
        if what == "keep":
            self.kept[bucket] = objects
        if what == "restore":
            for name in objects:
                held.keys.pop(name)
            held.multiparts.clear()
            for name, (content, told) in self.kept[bucket].items():
                vars(backend.put_object(bucket, name, content)).update(told)
        shown = {n: base64.b64encode(content).decode() for n, (content, _) in objects.items()}
        start("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(shown if what == "objects" else {}).encode()]


def refuse(start: Start, status: str, code: str) -> list[bytes]:
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]


class Quiet(WSGIRequestHandler):
    timeout = 5.0  # a client that sleeps in the middle of a request keeps nobody waiting for longer

    def log(self, *arguments: Any) -> None:
        pass


def hasten() -> None:
    """The same answers: moto lists its own folder twice a request, and parses what it has just written as a time."""
    modules = [*backends.list_of_moto_modules()]
    backends.list_of_moto_modules = lambda: modules
    serialize.parse_to_aware_datetime = lru_cache(serialize.parse_to_aware_datetime)  # type: ignore[attr-defined]


def main() -> None:
    hasten()
    server = make_server("127.0.0.1", 0, Server(), threaded=False, request_handler=Quiet)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
