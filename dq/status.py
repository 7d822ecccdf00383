"""What stands in a source, and what of it needs somebody, with what to do: `dq.status/1`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from dq import standing
from dq.due import due
from dq.ir.codec import plain
from dq.ir.layout import moment, wall
from dq.ir.result import Acceptance, Act, Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dq.gate import Run
    from dq.ir.result import Absence
    from dq.standing import Standing

NEEDY = ("missing", "parked", "unpublished", "undelivered", "quarantined", "shrunk", "late")  # gravest first


def status(run: Run) -> dict[str, Any]:
    """`dq.status/1` of one source. `success` where nothing needs somebody."""
    standings = standing.look(run)
    needs = sorted(_needs(run, standings), key=lambda n: NEEDY.index(n["state"]))
    decided = [(s, s.decision) for s in standings if s.decision is not None]
    timed = [one for one in decided if one[0].partition.values] or decided
    states = {state: sum(s.state == state for s in standings) for state in standing.STATES}
    return {
        "schema": "dq.status/1",
        "source": run.contract.source,
        "owner": run.contract.owner,
        "success": not needs,
        "partitions": len(standings),
        "counts": {
            **states,
            "missing": sum(n["state"] == "missing" for n in needs),
            "undelivered": sum(n["count"] for n in needs if n["state"] == "undelivered"),
            "late": sum(n["count"] for n in needs if n["state"] == "late"),
        },
        "gone": sum(s.gone for s in standings),
        "last": _last(*timed[-1]) if timed else None,
        "needs": needs,
        "held": [
            {"partition": s.partition.key, "why": s.why, "attempts": s.attempts} for s in standings if s.state == "held"
        ],
        "waiting": [{"partition": s.partition.key, "why": s.why} for s in standings if s.state == "waiting"],
        "overruled": [_word(d) for _, d in decided if d.act is not Act.JUDGED],
    }


def _last(found: Standing, decision: Decision) -> dict[str, Any]:
    return {
        "partition": found.partition.key, "state": found.state, "rows": decision.rows,
        "rows_quarantined": decision.rows_quarantined, "decided_at": decision.decided_at,
    }  # fmt: skip


def _word(decision: Decision) -> dict[str, Any]:
    return {
        "partition": decision.partition, "act": decision.act.value, "by": decision.by, "why": decision.why,
        "at": decision.decided_at,
    }  # fmt: skip


def _needs(run: Run, standings: Iterable[Standing]) -> Iterator[dict[str, Any]]:
    """Newest first within a state."""
    standings = list(standings)
    if standings and not run.zones.landing.exists(run.zones.prefix):
        why = f"the landing folder {run.zones.landing.location(run.zones.prefix)} is not there"
        yield _need(run, "", "missing", None, why, ["mount or restore it: what is published stays as it is"])
    for gap in reversed(standing.late(run, standings)):
        key = gap.first.key
        more = f", nor have {gap.count - 1:,} after it up to {gap.last.key}" if gap.count > 1 else ""
        why = f"nothing has landed{more}"
        yield _need(run, key, "late", gap.due.isoformat(), why, _ask(run, key), count=gap.count)
    busy = run.history.is_busy(run.contract.source)
    for one in () if busy else run.outbox.pending(run):
        why = f"{one.adapter} is still to be told of {len(one.marks):,}" + (f": {one.why}" if one.why else "")
        step = f"dq gate {shlex.quote(run.contract.source)}  tells it again"
        yield _need(run, one.marks[0][0], "undelivered", None, why, [step], count=len(one.marks))
    for s in reversed(standings):
        if s.state == "unpublished" and busy and not s.gone:
            continue  # the gate is at it
        if s.state in NEEDY:
            yield _need(run, s.partition.key, s.state, s.since, s.why, _steps(run, s), s)
        elif s.state == "waiting" and (by := _due(run, s)) is not None:
            why = f"landed, and is not ready: {s.why}"
            yield _need(run, s.partition.key, "late", by, why, _ask(run, s.partition.key), s)


def _due(run: Run, found: Standing) -> str | None:
    """When a partition that waits had to be there, if that is over."""
    at, expected = moment(dict(found.partition.values)), run.contract.expected
    if at is None or expected is None:
        return None
    by = due(expected, wall(at))
    return by.isoformat() if by <= run.asking.now else None


def _need(
    run: Run,
    key: str,
    state: str,
    since: str | None,
    why: str,
    steps: list[str],
    found: Standing | None = None,
    count: int = 1,
) -> dict[str, Any]:
    decision = found.decision if found else None
    return {
        "partition": key,
        "state": state,
        "count": count,
        "since": since,
        "why": why,
        "reasons": [plain(r) for r in decision.reasons] if decision else [],
        "rows": decision.rows if decision else None,
        "readers_revision": found.commits[-1].revision if found and found.commits else None,
        "gone": found.gone if found else False,
        "next": steps,
    }


def _steps(run: Run, found: Standing) -> list[str]:
    """What somebody can do now, ready to paste."""
    source, key = shlex.quote(run.contract.source), shlex.quote(found.partition.key)
    if found.state == "shrunk":
        return ["land the missing files again", f"dq gate {source} --partition {key} --again  to judge what is left"]
    if found.state == "parked":
        return [f"mend the cause, then  dq gate {source} --partition {key}"]
    if found.gone and found.state == "unpublished":
        return ["land the same files again: the promoted ones are gone before they were published"]
    if found.state == "unpublished":
        return [f"dq gate {source}  finishes it"]
    reject = f'dq reject {source} {key} --reason "…"  to keep it out for good'
    if found.gone:
        return ["its files are gone: land the partition again", reject]
    reasons = found.decision.reasons if found.decision else ()
    steps = dict.fromkeys(r.next.replace(" PARTITION ", f" {key} ") for r in reasons if r.next)
    if any("contract" in step for step in steps):
        steps[f"dq gate {source} --partition {key} --again  once the contract is changed"] = None
    whole = found.decision is not None and found.decision.releasable
    return [*steps, *([f'dq release {source} {key} --reason "…"  to publish it as it is'] if whole else []), reject]


def _ask(run: Run, key: str) -> list[str]:
    who = f"ask {run.contract.owner}, who owns the source" if run.contract.owner else "ask who sends the source"
    this = f"{shlex.quote(run.contract.source)} {shlex.quote(key)}"
    return [who, f'dq reject {this} --reason "…"  if it will not come']


def history(run: Run, key: str | None = None) -> Iterator[dict[str, Any]]:
    """`dq.history/1`: all that was ever decided and said of the source, or of one partition, oldest first."""
    revisions: dict[tuple[str, str], int] = {}
    for commits in run.history.publications(run.contract.source).values():
        for one in commits:
            revisions.setdefault((one.partition, one.digest), one.revision)
    for record in run.history.log(run.contract.source):
        if key in (None, record.partition):
            yield event(record, revisions)


_EVENTS = {"promote": "promoted", "quarantine": "quarantined"}


def event(
    record: Decision | Acceptance | Absence, revisions: Mapping[tuple[str, str], int] | None = None
) -> dict[str, Any]:
    """`revisions` by partition and digest of what was published."""
    said: dict[str, Any] = {"event": "", "at": "", "revision": None, "n": None, "rows": None}
    if isinstance(record, Decision):
        judged, promoted = record.act is Act.JUDGED, record.verdict is Verdict.PROMOTE
        said |= {
            "event": _EVENTS[record.verdict.value] if judged else record.act.value,
            "at": record.decided_at,
            "revision": (revisions or {}).get((record.partition, record.shown_digest)) if promoted else None,
            "n": record.n,
            "rows": record.rows,
        }
    else:
        said |= {"event": "accepted" if isinstance(record, Acceptance) else "excused", "at": record.at}
    return {
        "schema": "dq.history/1",
        "source": record.source,
        "partition": record.partition,
        **said,
        "digest": getattr(record, "digest", None),
        "reasons": [r.id for r in getattr(record, "reasons", ())],
        "by": record.by,
        "why": record.why,
    }
