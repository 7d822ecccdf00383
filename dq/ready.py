"""Is a partition complete? Markers, manifests, quiet, and the traces writers leave while they are at work."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq.ir.contract import Ready
    from dq.stores.base import Entry, Store

UNFINISHED = (".part", ".partial", ".filepart", ".tmp", ".temp", ".inprogress", ".crdownload", "._copying_")
_TEMPORARY = "_temporary"
_STARTED, _COMMITTED = "_started_", "_committed_"
_NAMES = ("path", "url", "name", "file", "key")
_SIZES = ("bytes", "size", "length", "content_length")
_LISTS = ("files", "entries")


def is_unfinished(path: str) -> bool:
    """Named as something that is still being written or uploaded."""
    return path.lower().endswith(UNFINISHED)


@dataclass(slots=True)
class _Writing:
    path: str
    oldest: float
    newest: float


@dataclass(slots=True)
class Marks:
    """What lies beside the data, by path below the source."""

    entries: dict[str, Entry] = field(default_factory=dict)
    writing: dict[str, _Writing] = field(default_factory=dict)

    def add(self, path: str, entry: Entry) -> None:
        self.entries[path] = entry
        parts = path.split("/")
        if _TEMPORARY in parts[:-1]:
            folder = "/".join(parts[: parts.index(_TEMPORARY)])
            self.write(folder, f"{folder}/{_TEMPORARY}/".lstrip("/"), entry)

    def write(self, folder: str, path: str, entry: Entry) -> None:
        """`path` says that somebody is at work in the folder."""
        at = self.writing.setdefault(folder, _Writing(path, entry.modified, entry.modified))
        at.oldest, at.newest = min(at.oldest, entry.modified), max(at.newest, entry.modified)

    def settle(self) -> None:
        """A transaction that started and did not commit is somebody at work; called once all is listed."""
        for path, entry in self.entries.items():
            folder, _, name = path.rpartition("/")
            if name.startswith(_STARTED):
                committed = f"{folder}/{_COMMITTED}{name.removeprefix(_STARTED)}".lstrip("/")
                if committed not in self.entries:
                    self.write(folder, path, entry)


def waiting(ready: Ready, key: str, sizes: dict[str, int], newest: float, marks: Marks, store: Store, prefix: str,
            now_seconds: float) -> str:  # fmt: skip
    """Why the partition is not ready, or nothing. `sizes` are its files by path below the source.

    A writer's traces count where they lie in the partition, or above it where the partition was touched since; not
    where they are older than the marker that the contract asks for.
    """
    folders = list(_upwards(key))
    marked = 0.0
    if ready.marker:
        found = [m.modified for f in folders if (m := marks.entries.get(_join(f, ready.marker)))]
        if not found:
            return f"no {ready.marker} yet"
        marked = max(found)
        if marked < newest:
            return f"{ready.marker} is older than the newest file"
    for folder in folders if marks.writing else ():
        at = marks.writing.get(folder)
        if at and at.newest > marked and (folder == key or newest >= at.oldest):
            return f"{at.path} is there: somebody is still writing"
    if ready.quiet_seconds is not None and now_seconds - newest < ready.quiet_seconds:
        return f"changed {max(0, now_seconds - newest):.0f} s ago, quiet for {ready.quiet_seconds:.0f} s is asked"
    if ready.manifest:
        place = next((f for f in folders if _join(f, ready.manifest) in marks.entries), None)
        if place is None:
            return f"no {ready.manifest} yet"
        path = _join(place, ready.manifest)
        return _incomplete(store.read(_join(prefix, path)) or b"", path, place, key, sizes)
    return ""


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}".lstrip("/")


def _upwards(key: str) -> Iterator[str]:
    parts = key.split("/")
    for end in range(len(parts), -1, -1):
        yield "/".join(parts[:end])


def _incomplete(body: bytes, manifest: str, folder: str, key: str, sizes: dict[str, int]) -> str:
    """What the manifest names and landing lacks, holds in another size, or holds beside it."""
    try:
        named = {_below(name, folder, key): size for name, size in _named(json.loads(body))}
    except (ValueError, TypeError, AttributeError, KeyError):
        return f"{manifest} is no manifest: a JSON list of names, or of objects with path and bytes"
    named = {p: n for p, n in named.items() if p == key or p.startswith(f"{key}/")}
    if not named:
        return f"{manifest} names no file of it"
    for path, size in named.items():
        if path not in sizes:
            return f"{path} is not there yet ({manifest} names {len(named)} files)"
        if size is not None and sizes[path] != size:
            return f"{path} has {sizes[path]:,} bytes, {manifest} says {size:,}"
    other = next((p for p in sizes if p not in named), None)
    return f"{other} is not in {manifest}" if other else ""


def _named(body: Any) -> Iterator[tuple[str, int | None]]:
    """Names and sizes, from a list of names or objects, as such or under `files` or `entries`."""
    listed = next((body[k] for k in _LISTS if k in body), None) if isinstance(body, dict) else body
    if not isinstance(listed, list):
        raise TypeError("no list")
    for one in listed:
        if isinstance(one, str):
            yield one, None
            continue
        name = next((one[n] for n in _NAMES if n in one), None)
        if not isinstance(name, str):
            raise TypeError("no name")
        facts = {**one.get("meta", {}), **one}
        size = next((facts[s] for s in _SIZES if s in facts), None)
        yield name, None if size is None else int(size)


def _below(name: str, folder: str, key: str) -> str:
    """A name counts from the manifest's folder; of a URL or an absolute path, the part from the partition on."""
    text = unquote(urlsplit(name).path) if "://" in name else name
    if text.startswith("/"):
        _, found, rest = f"{text}/".rpartition(f"/{key}/")
        return _join(key, rest).rstrip("/") if found else text
    return _join(folder, text.removeprefix("./"))


def matches_name(path: str, wanted: Sequence[str | None]) -> bool:
    """Whether the path is a marker or manifest of that name, in whatever folder."""
    return any(w is not None and (path == w or path.endswith(f"/{w}")) for w in wanted)
