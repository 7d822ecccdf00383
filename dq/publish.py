"""Carry out a decision: stage, verify, commit, record; or write the quarantine record. Every step may be done again.

Staging, superseded files and nothing else live under `.dq/` of the curated zone; readers see a partition whole or not.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from dq.errors import SourceChanged
from dq.inventory import identity
from dq.ir.codec import plain
from dq.ir.data import DataFile, Partition
from dq.ir.result import Decision, Publication

if TYPE_CHECKING:
    from dq.history import History
    from dq.stores.base import Store


def promote(
    partition: Partition, decision: Decision, curated: Store, history: History, revision: int, now: str
) -> Publication:
    """Make exactly the judged bytes visible as the partition's current revision, the next after those published.

    Raises SourceChanged when landing no longer holds the judged bytes, StoreError and PublishUnknown on I/O faults.
    """
    target = f"{decision.source}/{decision.partition}"
    if not _holds(curated, target, partition):
        staged = f".dq/staging/{decision.source}/{quote(decision.partition, safe='')}-{decision.digest[:16]}"
        stage(partition, curated, staged)
        curated.commit(staged, target, f".dq/superseded/{decision.source}/{decision.partition}/{revision - 1}-{now}")
    return history.publish(
        Publication(
            decision.source, decision.partition, revision, decision.digest, target, partition.files, now,
            decision.run_id,
        )
    )  # fmt: skip


def stage(partition: Partition, curated: Store, staged: str) -> None:
    """Copy the judged files, comparing the digest of every copy with the digest judged."""
    curated.remove(staged)
    for file in partition.files:
        path = staged if partition.single_file else f"{staged}/{file.path}"
        if curated.copy_in(file.location, path) != file.digest:
            curated.remove(staged)
            raise SourceChanged(f"{file.location} changed after it was judged: judged again next time")


def _holds(curated: Store, target: str, partition: Partition) -> bool:
    """Whether the target already is the partition, byte for byte: a commit whose record was lost."""
    entries = list(curated.list(target))
    if partition.single_file:
        return curated.exists(target) and not entries and curated.digest(target) == partition.files[0].digest
    if [(e.path.removeprefix(f"{target}/"), e.bytes) for e in sorted(entries, key=lambda e: e.path)] != sorted(
        (f.path, f.bytes) for f in partition.files
    ):
        return False
    found = tuple(DataFile(e.path.removeprefix(f"{target}/"), e.bytes, digest=curated.digest(e.path)) for e in entries)
    return bool(found) and identity(found) == partition.digest


def quarantine(partition: Partition, decision: Decision, zone: Store, landing: str) -> str:
    """Leave a durable record of the reasons with a pointer to the landing bytes; its path."""
    path = f"{decision.source}/{decision.partition}/{decision.digest}/quarantine.json"
    record = {
        "schema": "dq.quarantine/1",
        "source": decision.source,
        "partition": decision.partition,
        "digest": decision.digest,
        "landing": landing,
        "files": [{"path": f.path, "bytes": f.bytes, "digest": f.digest} for f in partition.files],
        "rows": decision.rows,
        "reasons": [plain(r) for r in decision.reasons],
        "decided_at": decision.decided_at,
        "run_id": decision.run_id,
    }
    zone.put_if_absent(path, json.dumps(record, indent=1, ensure_ascii=False).encode())
    return path
