"""What a message says: objects that may have changed. It is a hint where to look, and never believed beyond that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Message:
    """`receipt` is what a queue wants back; a function is given none."""

    id: str
    body: str
    receipt: str = ""


class Unreadable(ValueError):
    """A message of no known form."""


def urls(body: str) -> tuple[str, ...]:
    """Objects that the message speaks of: a notification of S3, an event of EventBridge, or either in an envelope of
    SNS; none where it only says that notifications work. Raises Unreadable."""
    said = _mapping(body)
    if said.get("Type") == "Notification" and isinstance(said.get("Message"), str):
        said = _mapping(said["Message"])
    if said.get("Event") == "s3:TestEvent":
        return ()
    if isinstance(said.get("Records"), list):
        return _places((_at(r, "s3", "bucket", "name"), _at(r, "s3", "object", "key")) for r in said["Records"])
    if said.get("source") == "aws.s3":
        found = _places([(_at(said, "detail", "bucket", "name"), _at(said, "detail", "object", "key"))], quoted=False)
        return found
    raise Unreadable("neither a notification of S3 nor an event of EventBridge")


def _mapping(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("no JSON") from None
    if not isinstance(found, dict):
        raise Unreadable("no mapping")
    return found


def _at(body: Any, *names: str) -> Any:
    for name in names:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _places(found: Iterable[tuple[Any, Any]], *, quoted: bool = True) -> tuple[str, ...]:
    places = []
    for bucket, key in found:
        if not (isinstance(bucket, str) and isinstance(key, str) and bucket and key):
            raise Unreadable("a record names no object")
        places.append(f"s3://{bucket}/{unquote_plus(key) if quoted else key}")
    return tuple(places)
