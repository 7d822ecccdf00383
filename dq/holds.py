"""Holds of a source's partitions, as history keeps them: one line each, never a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq import inventory, retry
from dq.errors import StoreError
from dq.ir.result import Attempt

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from dq.history import History
    from dq.ir.data import Partition
    from dq.ir.result import Reason


class Holds:
    """`gate` is the version that tries, `run_id` and `now` are of this run; `wait_seconds` after a first hold."""

    def __init__(
        self, history: History, source: str, gate: str, run_id: str, now: datetime, wait_seconds: float
    ) -> None:  # fmt: skip
        self.history, self.gate, self.run_id, self.now, self.wait_seconds = history, gate, run_id, now, wait_seconds
        self._attempts = history.attempts(source)

    def of(self, listed: Partition, digest: str, suite_digest: str) -> retry.Tried:
        """Earlier holds of the same bytes, contract and gate; `listed` as found in landing, `digest` where known."""
        attempts = self._attempts.get(listed.key)
        if not attempts:
            return retry.Tried()
        same = retry.alike(attempts, inventory.signature(listed), digest, suite_digest, self.gate)
        return retry.Tried(same, self.wait_seconds)

    def add(
        self, listed: Partition, digest: str, suite_digest: str, reasons: Iterable[Reason], unrecorded: list[str], *,
        counts: bool = True,
    ) -> retry.Tried:  # fmt: skip
        """Record one more; of those in a row that do not count the first. `unrecorded` is told why there is none."""
        reasons = tuple(reasons)
        attempt = Attempt(
            listed.source, listed.key, inventory.signature(listed), digest, suite_digest, self.gate,
            retry.cause(reasons), "; ".join(r.message for r in reasons), self.now.isoformat(), self.run_id, counts,
        )  # fmt: skip
        if counts or all(a.counts for a in self.of(listed, digest, suite_digest).attempts[-1:]):
            try:
                self.history.attempt(attempt)
            except StoreError as error:
                unrecorded.append(str(error))
                return retry.Tried()
            self._attempts.setdefault(listed.key, []).append(attempt)
        return self.of(listed, digest, suite_digest)
