"""A landing on S3 with everything around it, and the objects that lie there."""

from __future__ import annotations

import base64
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pyarrow as pa
import pyarrow.parquet as pq

from dq import api, config
from dq.gate import Wanted
from dq.history import History
from dq.stores.memory import File, MemoryStore
from dq.stores.s3 import S3Store
from dq.stores.s3.access import Access
from dq.stores.s3.keys import path_of
from dq.stores.s3.probe import remember
from tests.s3 import servers
from tests.survival.invariants import World

CONTRACT = """
source: trips
layout: "dt={date:%Y-%m-%d}"
columns:
  id: {type: int64, required: true, unique: true}
  fare: {min: 0}
"""
_mirrors = count()
ZONES = ("landing", "curated", "quarantine", "history")


@contextmanager
def before(event: str, act: Callable[[Any], Any], client: Any = 0, on: str = "") -> Iterator[None]:
    """Calls `act` with every request of the kind (`GetObject`; empty: all) about a key with `on` in it, before it is
    sent. `client`: one of the two of S3, by number, or another one."""
    meta = (Access().clients[client] if isinstance(client, int) else client).meta
    events, name = meta.events, f"before-send.{meta.service_model.service_name}.{event}".strip(".")

    def hook(request: Any, **_: Any) -> None:
        if on in request.url:
            act(request)

    events.register(name, hook)
    try:
        yield
    finally:
        events.unregister(name, hook)


def known(url: str) -> S3Store:
    """That moto conforms is known, and asked by other tests."""
    store = S3Store(url)
    if servers.CHOSEN == "moto":
        remember(store)
    return store


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Requests of this process by kind, but for those about leases, which are a matter of time."""
    seen, clients = Counter[str](), Access().clients

    def see(event_name: str, request: Any, **_: Any) -> None:
        seen[event_name.rpartition(".")[2]] += "/locks/" not in request.url

    for client in clients:
        client.meta.events.register("before-send.s3", see)
    try:
        yield seen
    finally:
        for client in clients:
            client.meta.events.unregister("before-send.s3", see)


def kind(request: Any) -> str:
    """What is asked of S3."""
    url, headers = request.url, request.headers
    if request.method == "GET" and "list-type=" in url:
        return "ListObjectsV2"
    if request.method == "GET" and "Range" in headers:
        return "GetObject of a range"
    if request.method == "PUT" and "x-amz-copy-source" in headers:
        return "CopyObject"
    if request.method == "PUT" and {"If-Match", "If-None-Match"} & {*headers}:
        return "PutObject on a condition"
    if target := headers.get("X-Amz-Target"):
        return str(target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
    return {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "POST": "DeleteObjects"}[request.method]


class S3Place:
    """Zones at `s3://bucket/<zone>` but for those that `zones` puts elsewhere; one that is None is not there."""

    def __init__(self, root: Path, bucket: str, contract: str = CONTRACT, more: str = "", **zones: str | None) -> None:
        self.root, self.bucket = root, bucket
        self.client = Access().clients[0]
        (root / "suites").mkdir(parents=True)
        (root / "suites" / "trips.yaml").write_text(contract)
        urls = {z: zones.get(z, f"s3://{bucket}/{z}") for z in ZONES}
        lines = "".join(f"{z} = {json.dumps(u)}\n" for z, u in urls.items() if u is not None)
        limits = "[limits]\nisolated = false\nretry_seconds = 0\n"
        (root / "dq.toml").write_text(f"[zones]\n{lines}{limits}{more}")
        for zone, url in urls.items():
            if zone != "landing" and url is not None and url.startswith("s3://plain-"):
                known(url)

    @property
    def settings(self) -> Path:
        return self.root / "dq.toml"

    def put(self, key: str, content: bytes, **more: Any) -> str:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content, **more)
        return key

    def table(self, first: int, n: int, fare: float = 5.0, bad: int = 0, **more: float) -> bytes:
        sink, others = io.BytesIO(), {name: [value] * n for name, value in more.items()}
        fares = [-1.0] * bad + [fare] * (n - bad)
        pq.write_table(pa.table({"id": list(range(first, first + n)), "fare": fares, **others}), sink)
        return sink.getvalue()

    def land(self, day: str, start: int, n: int = 20, fare: float = 5.0, files: int = 2, bad: int = 0) -> list[str]:
        """`files` Parquet files with ids from `start` on, the first `bad` of each with a negative fare; their keys."""
        keys = []
        for file in range(files):
            first = start + file * n
            content = self.table(first, n, fare, bad)
            keys.append(self.put(f"landing/trips/dt={day}/part-{file}.parquet", content))
        return keys

    def config(self) -> config.Config:
        return config.load(self.settings, environment={})

    def gate(self, **wanted: Any) -> list[dict[str, Any]]:
        return list(api.gate("trips", config=self.config(), wanted=Wanted(**wanted)))

    def ask(self, what: str) -> dict[str, str]:
        """What tests/s3/server.py does for tests."""
        with urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/-/{what}/{self.bucket}") as answer:
            return json.load(answer)  # type: ignore[no-any-return]

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        if servers.CHOSEN != "moto":
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
            return {k: self.client.get_object(Bucket=self.bucket, Key=k)["Body"].read() for k in keys}
        found = sorted(self.ask("objects").items())
        return {key: base64.b64decode(content) for key, content in found if key.startswith(prefix)}

    def lasting(self) -> dict[str, bytes]:
        """All objects but leases and what tells that the store conforms."""
        return {k: v for k, v in self.objects().items() if "/locks/" not in k and "/.dq/conforms-" not in k}

    def ids(self, locations: list[str] | None = None) -> list[int]:
        """What readers see."""
        if locations is None:
            locations = api.published("trips", config=self.config())
        return self.ids_in([location.removeprefix(f"s3://{self.bucket}/") for location in locations])

    def ids_in(self, keys: list[str]) -> list[int]:
        objects = self.objects()
        tables = [pq.read_table(io.BytesIO(objects[key]), columns=["id"]) for key in keys]
        return sorted(i for table in tables for i in table["id"].to_pylist())

    def world(self) -> World:
        """All objects as they are now, as the server tells them: our own reading of S3 is not what vouches for them."""
        objects, n = self.objects(), next(_mirrors)
        zones = []
        for zone in ZONES:
            store = MemoryStore(f"memory://mirror-{n}/{zone}", "generations")
            inside = {key.removeprefix(f"{zone}/"): c for key, c in objects.items() if key.startswith(f"{zone}/")}
            store.now = {path_of(key): File(content, 0.0, 0) for key, content in inside.items()}
            zones.append(store)
        landing, curated, quarantine, history = zones
        landed = {e.path: landing.digest(e.path) for e in landing.list()}
        return World("trips", landing, curated, quarantine, History(history), landed)
