"""moto for measuring: several requests at once, each after the time that S3 takes for its first byte. moto copies a
whole object for every range of it, and looks through all of a bucket for every listing; here ranges are cut from it,
and keys lie in order."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from itertools import islice, takewhile
from typing import Any

import moto.s3.models as moto
from sortedcontainers import SortedSet
from werkzeug.serving import make_server

from tests.s3.server import CONDITIONS, Quiet, Server, Start

LATENCY_SECONDS = 0.02
_lock = threading.Lock()


class Keys(moto._VersionedKeyStore):  # type: ignore[attr-defined, misc]
    def __init__(self) -> None:
        super().__init__()
        self.names = SortedSet()

    def setlist(self, key: str, list_: Any) -> None:
        with _lock:
            super().setlist(key, list_)
            self.names.add(key)

    def pop(self, key: str) -> None:
        with _lock:
            super().pop(key)
            self.names.discard(key)


def list_objects_v2(
    backend: Any, bucket: Any, prefix: str | None, continuation_token: str | None, max_keys: int, **_: None
) -> Any:
    prefix, after = prefix or "", backend._pagination_tokens.get(continuation_token, "")
    with _lock:
        names = takewhile(lambda name: name.startswith(prefix), bucket.keys.names.irange(max(prefix, after)))
        found = [bucket.keys[name] for name in islice((name for name in names if name > after), max_keys + 1)]
    return backend._truncate_result(found, max_keys)


class Bucket(Server):
    def __init__(self, latency_seconds: float) -> None:
        super().__init__()
        self.latency_seconds = latency_seconds
        self.contents: dict[str, bytes] = {}
        self.writing = threading.Lock()  # moto itself lets several writers at once create one object

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        time.sleep(self.latency_seconds)
        if environ["REQUEST_METHOD"] == "PUT" and environ.keys() & set(CONDITIONS):
            with self.writing:
                return super().__call__(environ, start)
        ranged = environ["REQUEST_METHOD"] == "GET" and "HTTP_RANGE" in environ
        if not ranged or (found := self.object(environ["PATH_INFO"])) is None:
            return super().__call__(environ, start)
        if found.etag != environ.get("HTTP_IF_MATCH", found.etag):
            start("412 Precondition Failed", [("Content-Length", "0")])
            return []
        if found.etag not in self.contents:
            self.contents[found.etag] = found.value
        content = self.contents[found.etag]
        first, _, last = environ["HTTP_RANGE"].removeprefix("bytes=").partition("-")
        body = content[int(first) : int(last) + 1 if last else None]
        told = {"Content-Range": f"bytes {first}-{int(first) + len(body) - 1}/{len(content)}"}
        told |= {"Content-Length": str(len(body)), "ETag": found.etag, "Last-Modified": found.last_modified_RFC1123}
        start("206 Partial Content", list(told.items()))
        return [body]


def main(latency_seconds: float = LATENCY_SECONDS) -> None:
    moto._VersionedKeyStore, moto.S3Backend.list_objects_v2 = Keys, list_objects_v2  # type: ignore[method-assign]
    server = make_server("127.0.0.1", 0, Bucket(latency_seconds), threaded=True, request_handler=Quiet)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
