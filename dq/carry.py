"""Carry out what was decided, from whatever point an earlier run got to, and say what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq import inventory, publish, split
from dq.errors import HoldError
from dq.ir.result import Cause, Decision, Judgement, Verdict

if TYPE_CHECKING:
    from dq.gate import Run
    from dq.ir.data import Partition
    from dq.past import Past
    from dq.stores.base import Store


def decision(run: Run, judgement: Judgement, n: int, asked_by: tuple[str, str]) -> Decision:
    """The judgement as it is recorded. Of a split the good rows are what later partitions are compared with."""
    taught, parts = judgement.split or judgement, judgement.split
    numbers = [c for c in taught.checks if isinstance(c.observed, (int, float))]
    return Decision(
        source=judgement.source,
        partition=judgement.partition,
        digest=judgement.digest,
        n=n,
        verdict=judgement.verdict,
        decided_at=run.moment,
        run_id=run.run_id,
        suite_digest=judgement.suite_digest,
        content=inventory.content(judgement.files),
        files=judgement.files,
        rows=judgement.rows,
        values=tuple((c.id, c.observed) for c in numbers if c.cause is None),
        flagged=tuple((c.id, c.observed) for c in numbers if c.cause is Cause.DATA and not c.blocks),
        schema=taught.schema,
        reasons=judgement.reasons,
        by=asked_by[0],
        why=asked_by[1],
        published_digest=parts.digest if parts else "",
        published=parts.files if parts else (),
        withheld=parts.withheld if parts else (),
        rows_quarantined=judgement.rows_quarantined,
    )


def finish(run: Run, past: Past, partition: Partition, decision: Decision) -> bool:
    """Whatever the decision still asks for; whether anything was left to do."""
    if run.wanted.dry:
        return False
    if decision.verdict is Verdict.PROMOTE and run.zones.curated is not None:
        done = past.is_published(partition)
        if done and (not decision.withheld or _is_kept(run, past, decision)):
            return False
        shown = _shown(run, partition, decision)
        if done:
            return True
        revision = len(past.published.get(partition.key, [])) + 1
        commit = publish.promote(
            _within_reach(run, shown, run.zones.curated), decision, run.zones.curated, run.history, revision,
            run.run_id, run.moment, past.unrecorded(partition.key),
            run.zones.landing.pin if run.zones.pinned and not decision.published else None,
            lambda: run.is_unchanged(partition),
        )  # fmt: skip
        past.published.setdefault(partition.key, []).append(commit)
        return True
    if decision.verdict is Verdict.QUARANTINE and run.zones.quarantine is not None:
        if _is_kept(run, past, decision):
            return False
        copy = run.contract.quarantine_copy
        shown = _within_reach(run, partition, run.zones.quarantine) if copy else partition
        return publish.quarantine(shown, decision, run.zones.quarantine, run.landing(partition), copy=copy)
    return False


def _is_kept(run: Run, past: Past, decision: Decision) -> bool:
    """Whether an earlier run left all that the quarantine zone is to hold of it."""
    zone, record = run.zones.quarantine, publish.record_of(decision)
    if zone is None or decision.run_id == run.run_id or record not in past.kept(zone):
        return False
    zone.settle(record)
    return True


def _within_reach(run: Run, partition: Partition, zone: Store) -> Partition:
    """The partition where the zone can copy it from: only what it cannot comes through here."""
    return partition if all(zone.takes(f.location) for f in partition.files) else run.local(partition)


def _shown(run: Run, partition: Partition, decision: Decision) -> Partition:
    """What the decision publishes. Of a split that are the good rows, once the others are in the quarantine zone."""
    if not decision.published:
        return partition
    if run.divider is None or run.zones.quarantine is None:
        raise HoldError("a split was decided and there is no zone to keep the rows in that it withholds")
    parts = split.again(run.local(partition), decision, run.history.selection(decision), run.divider)
    publish.withhold(parts.withheld, partition, decision, run.zones.quarantine, run.landing(partition))
    return partition.with_files(parts.good, decision.published_digest)


def adopted(run: Run, past: Past, partition: Partition, decision: Decision) -> dict[str, Any]:
    """The stored document of the standing decision."""
    body = run.history.document(decision) or {}
    return situated(run, past, partition, decision, {**body, "adopted": True})


def situated(run: Run, past: Past, partition: Partition, decision: Decision, body: dict[str, Any]) -> dict[str, Any]:
    """The document with what became of the partition: success only once published, where there is a zone for it."""
    commit = past.is_published(partition)
    done = decision.verdict is Verdict.PROMOTE and (commit is not None or run.zones.curated is None)
    place = f"{run.zones.curated.url}/{commit.path or publish.place(commit)}" if commit and run.zones.curated else None
    return {
        **body,
        "verdict": decision.verdict.value,
        "success": done,
        "published": place,
        "revision": commit.revision if commit else len(past.published.get(partition.key, [])) + 1,
    }
