"""moto for measuring: several requests at once, each after the time that S3 takes for its first byte. moto copies a
whole object for every range of it; here ranges are cut from it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

from werkzeug.serving import make_server

from tests.s3.server import Quiet, Server, Start

LATENCY_SECONDS = 0.02


class Bucket(Server):
    def __init__(self) -> None:
        super().__init__()
        self.contents: dict[str, bytes] = {}

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        time.sleep(LATENCY_SECONDS)
        if environ["REQUEST_METHOD"] != "GET" or "HTTP_RANGE" not in environ:
            return super().__call__(environ, start)
        found = self.object(environ["PATH_INFO"])
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


def main() -> None:
    server = make_server("127.0.0.1", 0, Bucket(), threaded=True, request_handler=Quiet)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
