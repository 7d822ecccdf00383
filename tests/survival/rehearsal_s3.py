"""A source whose zones are in a bucket of a model of S3: our own store over it, disturbed at each request by a seed."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar

from dq.ir.data import DataFile, Partition
from dq.stores.memory import Crash, File, MemoryStore
from dq.stores.s3 import S3Store
from dq.stores.s3.keys import path_of
from tests.s3.model import Bucket, Lost, Modelled, refused
from tests.survival.rehearsal import Rehearsal

_ANSWERS = ((503, "SlowDown"), (500, "InternalError"), (409, "ConditionalRequestConflict"))


class Lockless(S3Store):
    """Leases are for efficiency, never for safety: here there are none."""

    at_once = 1  # who is next is drawn between two requests

    def lock(self, name: str) -> Any:
        return nullcontext()


class Pinned:
    """As the spool does: what is hashed is what has the signature that was listed. Without the threads."""

    def __init__(self, read: Callable[[DataFile], bytes]) -> None:
        self.read = read

    def digests(self, files: Sequence[DataFile]) -> list[str]:
        return [hashlib.sha256(self.read(f)).hexdigest() for f in files]

    def local(self, partition: Partition) -> Partition:
        return partition

    readable = local


@dataclass(slots=True)
class Trouble:
    """By seed: answers that are lost, or are the server's own fault, and clients that die."""

    done: ClassVar[Counter[str]] = Counter()  # by all of them
    seed: int
    errors: float
    crashes: float
    drawn: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.drawn = random.Random(self.seed)

    def __call__(self, moment: str, operation: str, key: str) -> None:
        number = self.drawn.random()
        self.done["moments"] += 1
        if number < self.crashes:
            self.done[f"deaths {moment} {operation}"] += 1
            raise Crash(f"{moment} {operation} {key}")
        if number < self.crashes + self.errors:
            self.done[f"{'lost' if moment == 'after' else 'refused'} {operation}"] += 1
            if moment == "after":
                raise Lost
            raise refused(*self.drawn.choice(_ANSWERS))


class S3Rehearsal(Rehearsal):
    def __init__(self) -> None:
        self.bucket = Bucket(lambda: self.time.timestamp())
        self.skew = timedelta()
        super().__init__("generations")
        self.zones = replace(self.zones, spool=Pinned(self.read))  # type: ignore[arg-type]

    def made(self, names: tuple[str, ...], layout: Any) -> tuple[list[Any], list[Any]]:
        access = Modelled(self.bucket)
        stores = [Lockless(f"s3://b/{name}", access=access) for name in names]
        for store in stores:
            assert store.put_if_absent(".dq/seen", b"")  # has the model probed
        self.mirrors = {name: MemoryStore(f"memory://{id(self)}/{name}", layout) for name in names}
        return stores, list(self.mirrors.values())

    def put(self, path: str, content: bytes) -> None:
        self.bucket.put(f"landing/{path}", content)

    def take(self, path: str) -> None:
        self.bucket.objects.pop(f"landing/{path}", None)

    def read(self, file: DataFile) -> bytes:
        content = bytearray()
        self.stores[0].fetch_at(file.location, file.signature, content.extend)
        return bytes(content)

    def now(self) -> Any:
        """Whoever runs the gate may have an idea of their own."""
        return super().now() + self.skew

    def disturbed(self, faults: Any) -> None:
        self.bucket.faults = faults

    def state(self) -> Any:
        return {k: o.content for k, o in self.bucket.objects.items()}

    def check(self, documents: Any = ()) -> None:
        """What lies in the bucket, as the model has it: our own reading of it vouches for nothing."""
        for name, mirror in self.mirrors.items():
            inside = {k.removeprefix(f"{name}/"): o for k, o in self.bucket.objects.items() if k.startswith(f"{name}/")}
            mirror.now = {path_of(k): File(o.content, o.modified.timestamp(), 0) for k, o in inside.items()}
        super().check(documents)
