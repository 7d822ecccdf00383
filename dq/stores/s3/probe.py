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

_RACERS = 8


def probe(store: S3Store) -> None:
    """Raises ZoneFault where it does not. What was found good is remembered in the zone, for this endpoint."""
    endpoint = store.endpoint
    told = f".dq/conforms-{hashlib.sha256(endpoint.encode()).hexdigest()[:16]}.json"
    if store.exists_object(told):
        return
    folder = f".dq/probe-{uuid4().hex}"
    try:
        fault = _fault(store, folder)
    finally:
        store.remove(folder)
    if fault:
        raise ZoneFault(
            f"{store.url}: {endpoint} {fault}: the gate cannot keep its records and pointers there safely; use a store"
            " with conditional writes, or a local folder for this zone"
        )
    store.put(told, json.dumps({"schema": "dq.conforms/1", "endpoint": endpoint}).encode())


def _fault(store: S3Store, folder: str) -> str:
    if not _done(store, f"{folder}/a", IfNoneMatch="*"):
        return "refuses to create an object on the condition that it is absent"
    if _done(store, f"{folder}/a", IfNoneMatch="*"):
        return "creates an object that is there already, though told not to (If-None-Match)"
    if _done(store, f"{folder}/a", IfMatch='"0123456789abcdef0123456789abcdef"'):
        return "replaces an object that is not as it was seen, though told not to (If-Match)"
    with ThreadPoolExecutor(_RACERS) as pool:
        won = sum(pool.map(lambda _: _done(store, f"{folder}/b", IfNoneMatch="*"), range(_RACERS)))
    return "" if won == 1 else f"let {won} of {_RACERS} writers at once create one object"


def _done(store: S3Store, path: str, **condition: str) -> bool:
    try:
        store.put(path, uuid4().bytes, **condition)
    except Refused as error:
        if error.status in (404, 409, 412, 501):
            return False
        raise
    return True
