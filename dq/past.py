"""What earlier partitions of a source taught, walked in key order: what the next one is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq import inventory
from dq.ir.result import Acceptance, Decision, Publication, Verdict
from dq.judge import Background

if TYPE_CHECKING:
    from dq.ir.check import Suite
    from dq.ir.contract import Contract
    from dq.ir.data import Partition


class Past:
    """Standing decisions, commits and acceptances of a source, and the last partition of each series that teaches."""

    def __init__(
        self,
        contract: Contract,
        known: dict[str, dict[str, Decision]],
        published: dict[str, list[Publication]],
        accepted: list[Acceptance],
    ) -> None:
        self.contract = contract
        self.known, self.published = known, published
        self.accepted = {(a.partition, a.digest): a for a in accepted}
        self._reopened = {quarantine: a for a in accepted for quarantine in a.reopens}
        self.teacher: dict[tuple[Any, ...], tuple[Partition, Decision | Acceptance]] = {}
        self.seen: dict[str, str] = {}  # content -> first partition that held it

    def pass_by(self, partition: Partition) -> None:
        """Learn from a partition that is not judged now: from the decision that readers see."""
        for decision in self.known.get(partition.key, {}).values():
            self.seen.setdefault(decision.content, partition.key)
        promoted = [d for d in self.known.get(partition.key, {}).values() if _teaches(d)]
        if promoted:
            self.learn(partition, promoted[-1])
        self.adopt(partition, "")

    def learn(self, partition: Partition, decision: Decision) -> None:
        self.seen.setdefault(decision.content, partition.key)
        if _teaches(decision):
            self.teacher[inventory.series(partition)] = (partition, decision)

    def adopt(self, partition: Partition, digest: str) -> None:
        """A new normal that a person declared counts from the accepted partition on."""
        for (key, accepted_digest), acceptance in self.accepted.items():
            if key == partition.key and digest in ("", accepted_digest):
                self.teacher[inventory.series(partition)] = (partition, acceptance)

    def background(self, partition: Partition, suite: Suite) -> Background:
        self.adopt(partition, partition.digest)
        teacher, lesson = self.teacher.get(inventory.series(partition), (None, None))
        twin = self.seen.get(inventory.content(partition.files))
        twin = None if twin == partition.key else twin
        if teacher is None or lesson is None:
            return Background(twin=twin)
        same_layout = self.contract.suite_at(dict(teacher.values)).digest == suite.digest
        return Background(dict(lesson.values), lesson.schema if same_layout else None, twin)

    def standing(self, partition: Partition) -> Decision | None:
        return self.known.get(partition.key, {}).get(partition.digest)

    def reopened(self, decision: Decision) -> Acceptance | None:
        """The acceptance that asks to judge this quarantine again, for as long as the quarantine stands."""
        return self._reopened.get((decision.partition, decision.digest, decision.n))

    def is_published(self, partition: Partition) -> Publication | None:
        commits = self.published.get(partition.key, [])
        stands = self.standing(partition)
        digest = stands.shown_digest if stands else partition.digest
        return commits[-1] if commits and commits[-1].digest == digest else None

    def unrecorded(self, key: str) -> list[Decision]:
        """Decisions to promote that no publication is recorded of, oldest first."""
        recorded = {c.digest for c in self.published.get(key, [])}
        promoted = [d for d in self.known.get(key, {}).values() if d.verdict is Verdict.PROMOTE]
        return [d for d in promoted if d.shown_digest not in recorded]


def _teaches(decision: Decision) -> bool:
    return decision.verdict is Verdict.PROMOTE and decision.teaches
