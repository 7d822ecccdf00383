"""What stands where: the state of every partition of a source, its stored document, and the files readers see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from dq import inventory, publish
from dq.errors import HoldError, UsageError, nearest
from dq.ir.codec import plain
from dq.ir.layout import parse_layout
from dq.ir.result import Act, Decision, Publication, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq.gate import Run
    from dq.inventory import Landed
    from dq.ir.data import Partition

STATES = ("promoted", "unpublished", "quarantined", "rejected", "held", "waiting", "undecided")


@dataclass(frozen=True, slots=True)
class Standing:
    """`decision` is the one on the bytes now in landing, or the last one where they are gone from it. `commits` are
    the partition's publications, oldest first; `why` says what keeps an undecided partition; `older` whether other
    bytes of it were decided before."""

    partition: Partition
    state: str
    decision: Decision | None = None
    commits: tuple[Publication, ...] = ()
    gone: bool = False
    why: str = ""
    attempts: int = 0
    older: bool = False


def look(run: Run) -> list[Standing]:
    """Every partition in landing or in history, in key order. Data is hashed only where bytes of the same size as
    decided ones were touched since."""
    source = run.contract.source
    known, commits = run.history.decisions(source), run.history.publications(source)
    attempts = run.history.attempts(source)
    found = []
    for landed in run.landed():
        key = landed.partition.key
        before = known.pop(key, {})
        decision = _decision(run, landed.partition, before)
        one = _standing(run, landed, decision, commits.get(key, []), attempts.get(key, []))
        found.append(replace(one, older=bool(before)))
    for key, decisions in known.items():
        last = list(decisions.values())[-1]
        partition = _absent(run, last)
        found.append(_decided(run, partition, last, commits.get(key, []), gone=True))
    strays = run.contract.layout is not None
    return sorted(found, key=lambda s: (strays and not s.partition.values, inventory.order(s.partition)))


def _absent(run: Run, decision: Decision) -> Partition:
    from dq.ir.data import Partition

    layout = parse_layout(run.contract.layout) if run.contract.layout else None
    values = (layout.match(tuple(decision.partition.split("/"))) if layout else None) or {}
    return Partition(decision.source, decision.partition, tuple(values.items()), decision.files)


def _decision(run: Run, partition: Partition, decisions: dict[str, Decision]) -> Decision | None:
    """The standing decision on the bytes now in landing."""
    sizes = [(f.path, f.bytes) for f in partition.files]
    alike = [d.files for d in decisions.values() if [(f.path, f.bytes) for f in d.files] == sizes]
    if not alike:
        return None
    return decisions.get(inventory.identify(partition, run.zones.landing, alike, run.zones.prefix).digest)


def _standing(
    run: Run, landed: Landed, decision: Decision | None, commits: list[Publication], attempts: list[dict[str, str]]
) -> Standing:
    if decision is not None:
        return _decided(run, landed.partition, decision, commits)
    state, why = "undecided", ""
    if landed.waiting:
        state, why = "waiting", landed.waiting
    elif attempts:
        state, why = "held", attempts[-1]["why"]
    return Standing(landed.partition, state, None, tuple(commits), why=why, attempts=len(attempts))


def _decided(
    run: Run, partition: Partition, decision: Decision, commits: list[Publication], gone: bool = False
) -> Standing:
    state = "rejected" if decision.act is Act.REJECTED else "quarantined"
    if decision.verdict is Verdict.PROMOTE:
        visible = run.zones.curated is None or any(c.digest == decision.digest for c in commits[-1:])
        state = "promoted" if visible else "unpublished"
    return Standing(partition, state, decision, tuple(commits), gone)


def resolve(run: Run, name: str) -> str | None:
    """The key that a person means by a path below the source or a bare value (`2020-04-01`); None where no partition
    has it. Raises UsageError where several do."""
    partitions = {one.partition.key: one.partition for one in run.landed()}
    for decisions in run.history.decisions(run.contract.source).values():
        last = list(decisions.values())[-1]
        partitions.setdefault(last.partition, _absent(run, last))
    wanted = name.strip("/")
    if wanted in partitions:
        return wanted
    found = [k for k, p in partitions.items() if wanted in _bare(p)]
    if len(found) > 1:
        raise UsageError(f'"{name}" is several partitions of {run.contract.source}: {", ".join(found)}')
    return found[0] if found else None


def _bare(partition: Partition) -> Iterator[str]:
    """A key's values, typed (`2020-04-01`) and as they are spelt in the path (`dt=20200401` -> `20200401`)."""
    for _, value in partition.values:
        yield str(plain(value))
        if isinstance(value, date):
            yield f"{value:%Y-%m}" if value.day == 1 else str(plain(value))
    for part in partition.key.split("/"):
        yield part.partition("=")[2] or part
        yield part.partition(".")[0]


def named(run: Run, name: str) -> Standing:
    """The partition a person names. Raises UsageError where there is none."""
    standings = {s.partition.key: s for s in look(run)}
    key = resolve(run, name)
    if key is None:
        raise _nowhere(run, name, standings)
    return standings[key]


def find(run: Run, name: str) -> tuple[Standing, Decision]:
    """The partition a person names. Raises UsageError where there is none, HoldError where nothing is decided yet."""
    found = named(run, name)
    if found.decision is None:
        said = f"{run.contract.source} {found.partition.key} is {found.state}"
        raise HoldError(said + (f": {found.why}" if found.why else ""))
    return found, found.decision


def landed(run: Run, name: str) -> Partition:
    """The partition in landing that a person names. Raises UsageError where there is none."""
    partitions = {one.partition.key: one.partition for one in run.landed()}
    key = resolve(run, name)
    if key not in partitions:
        raise _nowhere(run, name, partitions)
    return partitions[key]


def _nowhere(run: Run, name: str, known: Iterable[str]) -> UsageError:
    return UsageError(f'{run.contract.source} has no partition "{name}"{nearest(name, known)}')


def stored(run: Run, name: str) -> dict[str, Any]:
    """The document of the standing decision, with what became of it."""
    standing, decision = find(run, name)
    body = run.history.document(decision)
    if body is None:
        raise HoldError(f"{decision.source} {decision.partition}: the document of its decision is not in history")
    mine = [c for c in standing.commits if c.digest == decision.digest]
    curated = run.zones.curated
    current = standing.state == "promoted" and bool(mine) and curated is not None
    return {
        **body,
        "verdict": decision.verdict.value,
        "success": standing.state == "promoted",
        "published": f"{curated.url}/{mine[-1].path}" if current and curated else None,
        "revision": mine[-1].revision if mine else len(standing.commits) + 1,
        "act": decision.act.value,
        "by": decision.by,
        "why": decision.why,
    }


def status(run: Run) -> dict[str, Any]:
    """`dq.status/1` of one source."""
    standings = look(run)
    decided = [s for s in standings if s.decision is not None]
    timed = [s for s in decided if s.partition.values] or decided
    return {
        "schema": "dq.status/1",
        "source": run.contract.source,
        "partitions": len(standings),
        "counts": {state: sum(s.state == state for s in standings) for state in STATES},
        "gone": sum(s.gone for s in standings),
        "last": _told(timed[-1]) if timed else None,
        "open": [_told(s) for s in standings if s.state == "quarantined"],
        "held": [
            {"partition": s.partition.key, "why": s.why, "attempts": s.attempts} for s in standings if s.state == "held"
        ],
    }


def _told(standing: Standing) -> dict[str, Any]:
    decision = standing.decision
    return {
        "partition": standing.partition.key,
        "state": standing.state,
        "rows": decision.rows if decision else None,
        "decided_at": decision.decided_at if decision else None,
        "reasons": [plain(r) for r in decision.reasons] if decision else [],
    }


def files(run: Run) -> dict[str, Any]:
    """`dq.files/1`: the files that readers of the source see now, in order of partition. Raises UsageError without a
    curated zone."""
    curated = run.zones.curated
    if curated is None:
        raise UsageError("no curated zone is configured: nothing is published")
    found = []
    source = run.contract.source
    for key, newest in sorted(publish.visible(source, curated, run.history).items()):
        single = curated.stat(newest.path) is not None
        for file in newest.files:
            path = newest.path if single else f"{newest.path}/{file.path}"
            found.append(
                {"path": curated.location(path), "bytes": file.bytes, "digest": file.digest, "partition": key,
                 "revision": newest.revision}
            )  # fmt: skip
    return {"schema": "dq.files/1", "source": run.contract.source, "files": found}
