"""Whether a store that speaks S3 keeps what the gate relies on: of several who create an object one wins, and who
replaces it must have seen it as it is. Some accept the conditions and ignore them."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

from dq.errors import ZoneFault
from dq.stores.s3.faults import Refused

if TYPE_CHECKING:
    from dq.stores.s3 import S3Store

_RACERS, _RACES = 8, 3  # some stores let only some of those who hurry through


def probe(store: S3Store) -> None:
    """Raises ZoneFault where it does not. What was found good is remembered in the zone, for this endpoint."""
    if store.exists_object(_told(store)):
        return
    folder = f".dq/probe-{uuid4().hex}"
    try:
        fault = _fault(store, folder)
    finally:
        store.remove(folder)
    if fault:
        raise ZoneFault(
            f"{store.url}: {store.endpoint} {fault}: the gate cannot keep its records and pointers there safely; use a"
            " store with conditional writes, or a local folder for this zone"
        )
    remember(store)


def remember(store: S3Store) -> None:
    """That the zone is known to conform."""
    store.put(_told(store), json.dumps({"schema": "dq.conforms/1", "endpoint": store.endpoint}).encode())


def _told(store: S3Store) -> str:
    return f".dq/conforms-{hashlib.sha256(store.endpoint.encode()).hexdigest()[:16]}.json"


def _fault(store: S3Store, folder: str) -> str:
    first = _done(store, f"{folder}/a", IfNoneMatch="*")
    if not first:
        return "refuses to create an object on the condition that it is absent (If-None-Match)"
    if _done(store, f"{folder}/a", IfNoneMatch="*"):
        return "creates an object that is there already, though told not to (If-None-Match)"
    if _done(store, f"{folder}/a", IfMatch='"0123456789abcdef0123456789abcdef"'):
        return "replaces an object that is not as it was seen, though told not to (If-Match)"
    if not _done(store, f"{folder}/a", IfMatch=first):
        return "refuses to replace an object on the condition that it is as it was seen (If-Match)"
    with ThreadPoolExecutor(_RACERS) as pool:
        for n in range(_RACES):
            made = _race(pool, store, f"{folder}/{n}", IfNoneMatch="*")
            if len(made) != 1:
                return f"let {len(made)} of {_RACERS} writers at once create one object (If-None-Match)"
            changed = _race(pool, store, f"{folder}/{n}", IfMatch=made[0])
            if len(changed) != 1:
                return f"let {len(changed)} of {_RACERS} writers at once replace what they saw (If-Match)"
    return ""


def _race(pool: ThreadPoolExecutor, store: S3Store, path: str, **condition: str) -> list[str]:
    return [etag for etag in pool.map(lambda _: _done(store, path, **condition), range(_RACERS)) if etag]


def _done(store: S3Store, path: str, **condition: str) -> str:
    """The ETag of what was written, or nothing."""
    try:
        return store.put(path, uuid4().bytes, **condition)
    except Refused as error:
        if error.status in (404, 409, 412, 501):
            return ""
        raise
