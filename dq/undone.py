"""What a run of the gate left undone, and the lines that say so."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dq.inventory import Landed
    from dq.retry import Tried

_TOLD = 5
log = logging.getLogger("dq")


@dataclass(slots=True)
class Open:
    """Partitions held now, those passed over because they rest or are parked or are not ready, and late ones; adapters
    that failed."""

    held: list[Tried] = field(default_factory=list)
    resting: list[tuple[str, Tried]] = field(default_factory=list)
    waiting: list[Landed] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    undelivered: list[str] = field(default_factory=list)
    stuck: int = 0  # partitions in a row at which a zone took nothing
    unrecorded: list[str] = field(default_factory=list)  # why history took no record of a hold

    def __bool__(self) -> bool:
        return bool(self.held or self.resting or self.late or self.undelivered)

    @property
    def untold(self) -> str:
        """Of holds that history took no record of."""
        return f"{len(self.unrecorded)} held without a record in history: {self.unrecorded[-1]}"

    def tell(self, source: str) -> None:
        """What is passed over without a document: one line each."""
        for key, tried in self.resting[:_TOLD]:
            when = (
                "parked" if tried.parked or tried.due is None else f"held, tried again from {tried.due:%H:%M:%S %Z} on"
            )
            log.warning("%s %s: %s: %s", source, key, when, tried.why)
        if self.late:
            log.warning("%s: late: %s%s", source, self.late[0], _more(self.late))
        if self.unrecorded:
            log.warning("%s: %s", source, self.untold)
        for fault in self.undelivered:
            log.warning("%s: %s", source, fault)
        if len(self.resting) > _TOLD:
            log.warning("%s: %d more are held or parked", source, len(self.resting) - _TOLD)


def _more(found: list[str]) -> str:
    return f", and {len(found) - 1:,} more (dq status says which)" if len(found) > 1 else ""
