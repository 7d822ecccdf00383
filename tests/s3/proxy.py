"""What stands between a gate and S3, on loopback, and does to requests what networks and busy servers do."""

from __future__ import annotations

import http.client
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from tests.s3.place import kind

ANSWERS = {
    "503": "SlowDown", "500": "InternalError", "409": "ConditionalRequestConflict", "412": "PreconditionFailed",
    "403": "AccessDenied", "404": "NoSuchKey", "400": "ExpiredToken",
}  # fmt: skip
FAULTS = ("lost", "unsent", "cut", "short", "damaged", "slow", *ANSWERS)
_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True, slots=True)
class Asked:
    n: int  # counts from 0
    method: str
    url: str  # without scheme and host
    headers: Any


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a gate asks 16 times at once; who finds no room waits for a second


class Proxy:
    """`fault` says what becomes of each request: an empty text passes it on.

    `lost`: done, and no answer · `unsent`: not done, and no answer · `cut`: done, and the answer ends among its
    headers (`cut 3`: after three eighths) · `short`: in its body · `damaged`: a bit of an object's content is another ·
    `no md5`: an ETag looks like one, as those of some stores ·
    `slow`: piece by piece · a status: that answer, and nothing is done.
    """

    def __init__(self, endpoint: str) -> None:
        self.target = urlsplit(endpoint).netloc
        self.fault: Callable[[Asked], str] = lambda _: ""
        self.seen: list[Asked] = []
        self.failed: Counter[str] = Counter()
        self.server = Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def start(self, fault: Callable[[Asked], str]) -> None:
        self.seen, self.fault = [], fault

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError):  # the gate went away
                    self.close_connection = True

            def pass_on(self) -> None:
                asked = Asked(len(proxy.seen), self.command, self.path, self.headers)
                proxy.seen.append(asked)
                self.n = asked.n
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if fault := proxy.fault(asked):
                    proxy.failed[kind(asked)] += 1
                proxy.serve(self, fault, body)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def serve(self, to: BaseHTTPRequestHandler, fault: str, body: bytes) -> None:
        if fault == "unsent":
            return hang_up(to)
        if fault in ANSWERS:
            content = f"<Error><Code>{ANSWERS[fault]}</Code><Message>no</Message></Error>".encode()
            return send(to, int(fault), [("Content-Type", "application/xml")], b"" if to.command == "HEAD" else content)
        if fault == "no md5":
            del to.headers["If-Match"]
        status, headers, content = self.forward(to, body)
        if fault == "lost":
            return hang_up(to)
        if fault == "damaged" and content and to.command == "GET" and "?" not in to.path:
            content = content[:-1] + bytes([content[-1] ^ 1])
        if fault == "no md5":
            headers = [(name, f'"{"0" * 32}"' if name.lower() == "etag" else value) for name, value in headers]
        send(to, status, headers, content, fault)

    def forward(self, to: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.target)
        headers = {k: v for k, v in to.headers.items() if k.lower() not in ("connection", "expect")}
        connection.request(to.command, to.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), content


def send(to: BaseHTTPRequestHandler, status: int, headers: Any, content: bytes, fault: str = "") -> None:
    to.send_response_only(status)
    told = {k.lower(): v for k, v in headers}
    for name, value in headers:
        if name.lower() not in _CONNECTION:
            to.send_header(name, value)
    length = told.get("content-length", "0") if to.command == "HEAD" else str(len(content))
    to.send_header("Content-Length", length)
    if fault.startswith("cut"):
        head, eighths = b"".join(to._headers_buffer), int(fault[4:] or to.n % 8)  # type: ignore[attr-defined]
        to.wfile.write(head[: len(head) * eighths // 8])
        return hang_up(to)
    to.end_headers()
    if fault == "short":
        to.wfile.write(content[: len(content) // 2])
        return hang_up(to)
    if fault == "slow":
        for start in range(0, len(content), max(1, len(content) // 3)):
            to.wfile.write(content[start : start + max(1, len(content) // 3)])
            time.sleep(0.01)
        return None
    to.wfile.write(content)


def hang_up(to: BaseHTTPRequestHandler) -> None:
    to.close_connection = True
    to.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(endpoint: str) -> Iterator[Proxy]:
    one = Proxy(endpoint)
    thread = Thread(target=one.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield one
    one.server.shutdown()
    one.server.server_close()
    thread.join()
