"""A zone in this process, for rehearsing what disks and networks do: steps that fail, steps that fail after they
happened, processes that die, power that goes and takes with it whatever was not durable.

`zone("memory://name")` is the same zone wherever it is asked for.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from dq.errors import PublishUnknown, StoreError
from dq.stores.base import Entry, Folder, Layout, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEME = "memory://"
_zones: WeakValueDictionary[str, MemoryStore] = WeakValueDictionary()
_versions = count(1)
_VISIBLE = {"commit", "swap", "move"}


class Crash(BaseException):
    """The process dies here."""


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    modified: float
    version: int


@dataclass(slots=True)
class Faults:
    """Which steps go wrong, by seed: `error_ratio` fail, before or after they happened; at `crash_ratio` the process
    dies, before, after, or half way where a step has a middle."""

    seed: int = 0
    error_ratio: float = 0.0
    crash_ratio: float = 0.0
    steps: int = 0
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 no secret, a rehearsal

    def __call__(self, moment: str, operation: str, path: str) -> None:
        """`moment`: before, during or after the operation on the path. Raises Crash, StoreError, PublishUnknown."""
        self.steps += 1
        drawn = self.random.random()
        if drawn < self.crash_ratio:
            raise Crash(f"{moment} {operation} {path}")
        if drawn < self.crash_ratio + self.error_ratio:
            unknown = moment == "after" and operation in _VISIBLE
            raise (PublishUnknown if unknown else StoreError)(f"{operation} {path}: input/output error (EIO)")


class MemoryStore(Folder):
    renames, at_once = True, 1

    def __init__(self, url: str = SCHEME, layout: Layout | None = None) -> None:
        self.url = url
        self.layout: Layout = layout or "flat"
        self.faults: Callable[[str, str, str], None] | None = None
        self.clock: Callable[[], float] = time.time
        self.now: dict[str, File] = {}
        self.durable: dict[str, File] = {}
        self._journal: list[dict[str, File | None]] = []  # steps whose names are not durable yet, oldest first
        self._guard = threading.RLock()
        self._locks: dict[str, threading.Lock] = {}
        _zones[url] = self

    def power_loss(self, drawn: random.Random) -> None:
        """Steps not made durable are undone from one on; what was copied or removed is there, gone, or cut off."""
        kept = drawn.randint(0, len(self._journal))
        self._replay(kept)
        undone = {path for step in self._journal for path in step}
        self._journal.clear()
        for path in sorted(self.now.keys() | self.durable.keys()):
            here, safe = self.now.get(path), self.durable.get(path)
            if path in undone:
                here = safe
            survivor = here if here == safe else drawn.choice((here, safe, _cut(here, drawn)))
            self.now.pop(path, None)
            if survivor is not None:
                self.now[path] = survivor
        self.durable = dict(self.now)

    def _replay(self, count: int) -> None:
        """Make the first steps of the journal durable."""
        for step in self._journal[:count]:
            for path, file in step.items():
                if file is None:
                    self.durable.pop(path, None)
                else:
                    self.durable[path] = file
        del self._journal[:count]

    @contextmanager
    def _step(self, operation: str, path: str) -> Iterator[None]:
        self._fault("before", operation, path)
        with self._guard:
            yield
        self._fault("after", operation, path)

    def _fault(self, moment: str, operation: str, path: str) -> None:
        if self.faults is not None:
            self.faults(moment, operation, path)

    def _name(self, path: str) -> str:
        return "/".join(parts_of(path, self.url))

    def _below(self, path: str) -> list[str]:
        """The path itself, where it is a file, and the files below it."""
        folder = f"{path}/" if path else ""
        return sorted(p for p in self.now if p == path or p.startswith(folder))

    def _write(self, path: str, content: bytes) -> File:
        parts = path.split("/")
        blocked = any("/".join(parts[:i]) in self.now for i in range(1, len(parts)))
        if blocked or (path not in self.now and self._below(path)):
            raise StoreError(f"cannot write {self.location(path)}: a file is no folder (ENOTDIR)")
        self.now[path] = File(content, self.clock(), next(_versions))
        return self.now[path]

    def _sync(self, operation: str, path: str) -> None:
        """Make durable the steps that touched the path or something below it, and those before them."""
        self._fault("during", operation, path)
        with self._guard:
            touching = [
                n for n, step in enumerate(self._journal, 1) if any(f"{p}/".startswith(f"{path}/") for p in step)
            ]
            self._replay(max(touching, default=0))

    def list(self, prefix: str = "") -> Iterator[Entry]:
        name = self._name(prefix)
        with self._step("list", prefix):
            found = [self._entry(p) for p in self._below(name) if p != name]
        yield from found

    def _entry(self, path: str) -> Entry:
        file = self.now[path]
        return Entry(path, len(file.content), str(file.version), file.modified)

    def irregular(self, prefix: str = "") -> Iterator[str]:
        yield from ()

    def stat(self, path: str) -> Entry | None:
        with self._step("stat", path):
            name = self._name(path)
            return self._entry(name) if name in self.now else None

    def location(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{self._name(path)}"

    def read(self, path: str) -> bytes | None:
        with self._step("read", path):
            found = self.now.get(self._name(path))
            return None if found is None else found.content

    def digest(self, path: str) -> str:
        content = self.read(path)
        if content is None:
            raise StoreError(f"cannot read {self.location(path)}: no such file (ENOENT)")
        return hashlib.sha256(content).hexdigest()

    def exists(self, path: str) -> bool:
        with self._step("exists", path):
            return bool(self._below(self._name(path)))

    def put_if_absent(self, path: str, content: bytes) -> bool:
        name = self._name(path)
        with self._step("put_if_absent", path):
            absent = not self._below(name)
            if absent:
                self._journal.append({name: self._write(name, content)})
        self._sync("put_if_absent", name)
        return absent

    def takes(self, location: str) -> bool:
        return True

    def copy_in(self, location: str, path: str, signature: str = "", judged: str = "") -> str:
        content, name = read_location(location), self._name(path)
        with self._step("copy_in", path):
            self._write(name, content[: len(content) // 2])
        self._fault("during", "copy_in", path)
        with self._guard:
            self._write(name, content)
        return hashlib.sha256(content).hexdigest()

    def move(self, staged: str, target: str) -> None:
        source, goal = self._name(staged), self._name(target)
        with self._step("move", target):
            self._journal.append(self._rename(source, goal))
        self._sync("move", goal)

    def commit(self, staged: str, target: str, superseded: str) -> None:
        source, goal, old = self._name(staged), self._name(target), self._name(superseded)
        with self._step("commit", target):
            if self._below(goal) and self._below(source):
                self._journal.append(self._rename(goal, old) | self._rename(source, goal))
            else:
                self._journal.append(self._rename(source, goal))
        self._sync("commit", goal)

    def _rename(self, source: str, target: str) -> dict[str, File | None]:
        """What it changes. What moves is durable before."""
        moving = self._below(source)
        if not moving or self._below(target):
            raise StoreError(f"cannot move {self.location(source)} to {self.location(target)} (ENOENT, ENOTEMPTY)")
        changes: dict[str, File | None] = {}
        for path in moving:
            file = self.durable[path] = self.now.pop(path)
            name = target + path.removeprefix(source)
            self.now[name] = file
            changes |= {path: None, name: file}
        return changes

    def swap(self, path: str, content: bytes, expected: bytes | None) -> bool:
        name = self._name(path)
        with self._step("swap", path):
            found = self.now.get(name)
            if (None if found is None else found.content) != expected:
                return False
            self._journal.append({name: self._write(name, content)})
        self._sync("swap", name)
        return True

    def settle(self, path: str) -> None:
        with self._step("settle", path):
            pass
        self._sync("settle", self._name(path))

    def remove(self, path: str) -> None:
        with self._step("remove", path):
            below = self._below(self._name(path))
        for name in below:
            self._fault("during", "remove", name)
            with self._guard:
                self.now.pop(name, None)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        with self._locks.setdefault(name, threading.Lock()):
            yield

    def is_locked(self, name: str) -> bool:
        return name in self._locks and self._locks[name].locked()


def _cut(file: File | None, drawn: random.Random) -> File | None:
    return file and File(file.content[: drawn.randint(0, len(file.content))], file.modified, next(_versions))


def zone(url: str) -> MemoryStore:
    return _zones[url]


def read_location(location: str) -> bytes:
    """Content of a file in any zone of this process, or on disk."""
    for store in list(_zones.values()):
        base = f"{store.url.rstrip('/')}/"
        if location.startswith(base):
            content = store.read(location.removeprefix(base))
            if content is not None:
                return content
    try:
        return Path(location).read_bytes()
    except OSError as error:
        raise StoreError(f"cannot copy {location}: {error.strerror}") from error
