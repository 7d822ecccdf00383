"""What an adapter is. It comes after the commit, may fail, and is asked again until it does not: whatever it does may
have been done before. Raises StoreError where it cannot."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dq.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dq.ir.contract import Contract
    from dq.ir.data import Schema
    from dq.ir.expr import Scalar
    from dq.ir.result import Decision, Publication
    from dq.stores.base import Store

_TRIES = 5
_MOST_REASONS = 100  # in one event


@dataclass(frozen=True, slots=True)
class Shown:
    """What readers see of a partition: `values` are the keys of its path, `locations` where its files lie."""

    publication: Publication
    decision: Decision
    values: tuple[tuple[str, Scalar], ...]
    locations: tuple[str, ...]

    @property
    def schema(self) -> Schema:
        return self.decision.schema


@dataclass(frozen=True, slots=True)
class Event:
    """A decision, and the revision under which readers see it."""

    decision: Decision
    revision: int | None

    @property
    def body(self) -> dict[str, Any]:
        """`dq.event/1`: names and numbers, no data."""
        one = self.decision
        reasons = [r.id for r in one.reasons]
        return {
            "schema": "dq.event/1", "source": one.source, "partition": one.partition, "revision": self.revision,
            "verdict": one.verdict.value, "act": one.act.value, "digest": one.digest, "n": one.n, "rows": one.rows,
            "rows_quarantined": one.rows_quarantined, "reasons": reasons[:_MOST_REASONS],
            "reasons_count": len(reasons), "decided_at": one.decided_at, "run_id": one.run_id,
        }  # fmt: skip


class Follower(Protocol):
    """Keeps something as readers see the source. `versions`: of versions of objects, too. `at` another place it knows
    nothing yet."""

    name: str
    at: str
    versions: bool

    def follow(self, contract: Contract, shown: Mapping[str, Shown], keys: Sequence[str]) -> None:
        """Bring it to where the partitions `keys` are now; `shown` is all that readers see, by partition."""
        ...


class Messenger(Protocol):
    """Tells of every decision, once or more often."""

    name: str

    def tell(self, events: Sequence[Event]) -> None: ...


def each(things: Iterable[Any], act: Callable[[Any], None], at_once: int) -> None:
    """Several at a time. Raises what the first of them raised that failed."""
    with ThreadPoolExecutor(at_once) as pool:
        for _ in pool.map(act, things):
            pass


def write(zone: Store, path: str, content: bytes) -> None:
    """Replace a small file, whoever else does."""
    for _ in range(_TRIES):
        seen = zone.read(path)
        if seen == content or zone.swap(path, content, seen):
            return
    raise StoreError(f"{zone.location(path)}: others write it all the time")
