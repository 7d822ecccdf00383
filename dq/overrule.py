"""A person's word: release or confirm a quarantine, or declare a new normal. Each is a record of its own and edits
none; what it asks for is carried out by the gate, now or whenever it runs next."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dq import standing
from dq.errors import UsageError
from dq.ir.result import Absence, Acceptance, Act, Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq.gate import Run
    from dq.standing import Standing

log = logging.getLogger("dq")


def release(run: Run, name: str, *, by: str, why: str, teach: bool = False) -> str:
    """Record that the quarantined bytes are to be published as they are; key of the partition.

    Later partitions are compared with it only where `teach`. Raises UsageError, and records nothing, unless the bytes
    in landing are the quarantined ones.
    """
    found, decision = _decided(run, name, "release")
    if decision.act is Act.RELEASED:
        return decision.partition
    if decision.verdict is Verdict.PROMOTE:
        raise UsageError(f"{_said(decision)} {_stands(run, found)}; there is no quarantine to release")
    if found.gone or not found.partition.files:
        raise UsageError(
            f"{_said(decision)} is not in landing as data: nothing can be published; land the same files again"
        )
    if not decision.releasable:
        raise UsageError(f"{_said(decision)} is no partition of the layout and was never read: land it where that says")
    if decision.act is Act.REJECTED:
        log.warning("%s: overrules the rejection by %s: %s", _said(decision), decision.by, decision.why)
    values = dict(decision.values)
    if teach:
        values = dict(_numbers((run.history.document(decision) or {}).get("checks", ()))) | values
    changes = {"verdict": Verdict.PROMOTE, "act": Act.RELEASED, "teaches": teach, "values": tuple(values.items())}
    _append(run, decision, by, why, **changes)
    return decision.partition


def excuse(run: Run, name: str, *, by: str, why: str) -> Absence | None:
    """Record that a late partition of that name will not come; None where none is late."""
    for gap in standing.late(run, standing.look(run)):
        for one in gap:
            if standing.is_named(one, name):
                return run.history.excuse(Absence(run.contract.source, one.key, by, why, run.moment))
    return None


def reject(run: Run, name: str, *, by: str, why: str) -> str:
    """Record that a quarantine is right and asks nobody for anything any more; key of the partition.

    Raises UsageError, and records nothing, where the partition is promoted.
    """
    found, decision = _decided(run, name, "reject")
    if decision.act is Act.REJECTED:
        return decision.partition
    if decision.verdict is Verdict.PROMOTE:
        raise UsageError(f"{_said(decision)} {_stands(run, found)}; to replace what readers see, land it again")
    _append(run, decision, by, why, act=Act.REJECTED)
    return decision.partition


def accept(run: Run, name: str, *, by: str, why: str) -> frozenset[str]:
    """Record the partition's layout and levels as normal; keys of the open quarantines, to be judged again.

    Said again it finishes what it began: a second record is left only where there is more to be judged again.
    """
    _, decision = _decided(run, name, "accept")
    before = [
        a
        for a in run.history.acceptances(run.contract.source)
        if (a.partition, a.digest) == (decision.partition, decision.digest)
    ]
    seen = {quarantine[:2] for a in before for quarantine in a.reopens}
    opened = [
        s.decision for s in standing.look(run) if s.state == "quarantined" and not s.gone and s.decision is not None
    ]
    reopens = tuple((d.partition, d.digest, d.n) for d in opened if (d.partition, d.digest) not in seen)
    if reopens or not before:
        body = run.history.document(decision) or {}
        values = dict(_numbers(body.get("checks", ()))) | dict(decision.values)
        run.history.accept(
            Acceptance(
                decision.source, decision.partition, decision.digest, tuple(values.items()), decision.schema, by, why,
                run.moment, reopens,
            )
        )  # fmt: skip
    return frozenset(d.partition for d in opened)


def _decided(run: Run, name: str, act: str) -> tuple[Standing, Decision]:
    """What stands on the bytes in landing. Raises UsageError where nothing is decided on them."""
    found = standing.named(run, name)
    if found.decision is None:
        source, key = run.contract.source, found.partition.key
        why = f" ({found.why})" if found.why else ""
        changed = "other files landed since it was decided and it" if found.older and not found.why else "it"
        raise UsageError(
            f"{source} {key}: {changed} is {found.state}{why}, so there is nothing to {act};"
            f" run  dq gate {source} --partition {key}  first"
        )
    return found, found.decision


def _said(decision: Decision) -> str:
    return f"{decision.source} {decision.partition}"


def _stands(run: Run, found: Standing) -> str:
    if found.state == "promoted" and found.commits:
        return f"is promoted, and readers see it as rev {found.commits[-1].revision}"
    return "is promoted" + ("" if run.zones.curated is None else ", to be published by the next  dq gate")


def _append(run: Run, overruled: Decision, by: str, why: str, **changes: Any) -> None:
    """Record the next decision on the same bytes, with the document and profile of the one it overrules."""
    mine = replace(
        overruled, n=overruled.n + 1, decided_at=run.moment, run_id=run.run_id, by=by, why=why, **changes
    )  # fmt: skip
    said = {
        "verdict": mine.verdict.value,
        "rows_quarantined": mine.rows if mine.verdict is Verdict.QUARANTINE else 0,
        "decided_at": mine.decided_at,
        "run_id": mine.run_id,
        "act": mine.act.value,
        "by": by,
        "why": why,
    }
    stands = run.history.overrule(mine, overruled, said)
    if stands is not mine:
        who = f"{stands.act.value} by {stands.by}: {stands.why}" if stands.by else "judged again"
        raise UsageError(f"{_said(mine)} was {who}, at the same moment; nothing more is recorded")


def _numbers(checks: Iterable[dict[str, Any]]) -> Iterable[tuple[str, int | float]]:
    """What was observed, of failed checks too: they are what a person declares normal."""
    for check in checks:
        if isinstance(check["observed"], (int, float)) and check["status"] != "error":
            yield check["id"], check["observed"]
