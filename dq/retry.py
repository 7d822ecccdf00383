"""When a held partition is tried again: after a while, then after a longer one; three holds with one cause park it
until the data, the contract or the gate changes, or a person names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq.ir.result import Attempt, Reason

PARKED_AFTER = 3
WAITS = (1, 10, 60)  # times the first wait: after one hold, after two, after every further one while causes differ
FIRST_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Tried:
    """The holds of the same bytes under the same contract and gate, oldest first; `wait_seconds` after the first."""

    attempts: tuple[Attempt, ...] = ()
    wait_seconds: float = FIRST_WAIT_SECONDS

    @property
    def counted(self) -> tuple[Attempt, ...]:
        return tuple(a for a in self.attempts if a.counts)

    @property
    def parked(self) -> bool:
        last = self.counted[-PARKED_AFTER:]
        return len(last) == PARKED_AFTER and len({a.cause for a in last}) == 1

    @property
    def due(self) -> datetime | None:
        """When it is to be tried again; None: now."""
        if not self.counted:
            return None
        seconds = self.wait_seconds * WAITS[min(len(self.counted), len(WAITS)) - 1]
        return self._last + timedelta(seconds=seconds)

    @property
    def why(self) -> str:
        """What the last one said."""
        return self.attempts[-1].why if self.attempts else ""

    @property
    def _last(self) -> datetime:
        return datetime.fromisoformat(self.counted[-1].at)

    def rests(self, now: datetime) -> bool:
        """Whether it is too early, or of no use, to try again unasked. A clock that went back keeps nobody waiting."""
        return self.parked or (self.due is not None and self._last <= now < self.due)


def alike(attempts: Iterable[Attempt], landed: str, digest: str, suite_digest: str, gate: str) -> tuple[Attempt, ...]:
    """Those that stand in the way now. `landed` is the signature of the files as listed, `digest` their content where
    it is known: touched files with the same bytes are the same."""
    same = (a for a in attempts if (a.suite_digest, a.gate) == (suite_digest, gate))
    return tuple(a for a in same if a.landed == landed or (digest and a.digest == digest))


def cause(reasons: Iterable[Reason]) -> str:
    """What two holds have in common: their reasons without the numbers in them."""
    return "; ".join(sorted({f"{r.cause.value} {r.id}: {re.sub('[0-9]+', '#', r.message)}" for r in reasons}))
