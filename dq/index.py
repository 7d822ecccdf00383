"""Records of one kind gathered in one file, so that thousands are read at once.

The records are the truth: what was gathered of one counts while the store lists it just as it was then. A lost, stale,
torn or doubled index costs time and nothing else. It is named after its content, and made anew when much is missing.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any, TypeAlias

from dq.errors import StoreError
from dq.ir.codec import decode
from dq.stores.base import answers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.stores.base import Entry, Store

Body: TypeAlias = "dict[str, Any]"  # a record as JSON
_PART = "$part"
_MISSING = 16  # made anew when more than one record in so many is missing
log = logging.getLogger("dq")


class Index:
    """`folder` holds the records. `missing` counts those that had to be read one by one, or were written since."""

    def __init__(self, store: Store, folder: str) -> None:
        self.store, self.folder = store, folder
        self.missing = self.total = 0

    def records(self) -> Iterator[tuple[str, Any]]:
        """All records by path, in order. Raises StoreError on what is none."""
        gathered, parts = self._gathered()
        shared: dict[int, Any] = {}
        self.missing = self.total = 0
        for entry, body, read in self._bodies(gathered):
            self.total += 1
            self.missing += read
            yield entry.path, _record(self.store, entry.path, body, parts, shared)

    def gather(self) -> None:
        """Make the index anew where it lacks much."""
        if self.missing * _MISSING <= self.total:
            return
        try:
            self._replace(self._made())
        except StoreError as error:
            log.warning("%s: the index is not written, which costs time only: %s", self.folder, error)

    def _bodies(self, gathered: Mapping[tuple[str, str], Body]) -> Iterator[tuple[Entry, Body, bool]]:
        """What each record says, and whether it had to be read for that."""
        listed = [(entry, gathered.get((entry.path, entry.signature))) for entry in self._listed()]
        missing = [entry.path for entry, body in listed if body is None]
        bodies = answers(self.store, lambda path: _body(self.store, path), missing)
        for entry, body in listed:
            yield entry, next(bodies) if body is None else body, body is None

    def _listed(self) -> Iterator[Entry]:
        for entry in self.store.list(self.folder):
            if entry.path.endswith(".json") and not entry.path.rsplit("/", 1)[-1].startswith("."):
                yield entry

    def _files(self) -> list[Entry]:
        """Newest first."""
        return sorted(self.store.list(f"index/{self.folder}"), key=lambda e: (e.modified, e.path), reverse=True)

    def _gathered(self) -> tuple[Mapping[tuple[str, str], Body], list[Body]]:
        """Records by path and signature, and the parts that many of them share, such as their schema."""
        try:
            for entry in self._files()[:1]:
                content = self.store.read(entry.path) or b""
                if entry.path.rsplit("/", 1)[-1] == _name(content):
                    found = json.loads(content)
                    return {(path, signature): body for path, signature, body in found["records"]}, found["parts"]
        except StoreError as error:
            log.warning("%s: the index cannot be read, which costs time only: %s", self.folder, error)
        return {}, []

    def _made(self) -> bytes:
        gathered, parts = self._gathered()
        places = {json.dumps(p): n for n, p in enumerate(parts)}
        records = []
        for entry, body, read in self._bodies(gathered):
            if read:
                body = {
                    k: {_PART: places.setdefault(json.dumps(v), len(places))} if _is_object(v) else v
                    for k, v in body.items()
                }
            records.append((entry.path, entry.signature, body))
        made = {"parts": [json.loads(p) for p in places], "records": records}
        return json.dumps(made, separators=(",", ":")).encode()

    def _replace(self, content: bytes) -> None:
        before = self._files()
        path = f"index/{self.folder}/{_name(content)}"
        self.store.put_if_absent(path, content)
        for old in before:
            if old.path != path:
                self.store.remove(old.path)


def load(store: Store, path: str) -> Any:
    """One record. Raises StoreError where it is none."""
    return _record(store, path, _body(store, path), [], {})


def _record(store: Store, path: str, body: Body, parts: list[Body], shared: dict[int, Any]) -> Any:
    """What the body says; parts are decoded once into `shared`."""
    try:
        return decode({k: _part(v[_PART], parts, shared) if _is_part(v) else v for k, v in body.items()})
    except (ValueError, TypeError, LookupError) as error:
        raise _none(store, path, error) from error


def _part(place: int, parts: list[Body], shared: dict[int, Any]) -> Any:
    if place not in shared:
        shared[place] = decode(parts[place])
    return shared[place]


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and ("$type" in value or "$enum" in value)


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and _PART in value


def _body(store: Store, path: str) -> Body:
    try:
        body: Body = json.loads(store.read(path) or b"")
        body["$type"]
    except (ValueError, TypeError, LookupError) as error:
        raise _none(store, path, error) from error
    return body


def _none(store: Store, path: str, error: Exception) -> StoreError:
    return StoreError(f"{store.url}/{path} is no record of the gate ({type(error).__name__})")


def _name(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}.json"
