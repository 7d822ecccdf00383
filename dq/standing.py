"""What stands where: the state of every partition of a source, its stored document, and the files readers see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from dq import due, inventory, publish
from dq.errors import HoldError, SourceChanged, UsageError, nearest
from dq.holds import Holds
from dq.ir.codec import plain
from dq.ir.data import VERSION, Partition, unversioned
from dq.ir.layout import parse_layout
from dq.ir.result import Act, Decision, Publication, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq.due import Gap
    from dq.gate import Run
    from dq.history import History
    from dq.inventory import Landed
    from dq.ir.data import DataFile
    from dq.stores.base import Store

STATES = (
    "promoted", "unpublished", "quarantined", "rejected", "parked", "held", "waiting", "undecided", "shrunk", "ignored"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """`decision` is the one on the bytes now in landing, or the last one where they are gone from it. `commits` are
    the partition's publications, oldest first; `why` says what keeps an undecided partition; `older` whether other
    bytes of it were decided before; `since` when the state began, where that is known."""

    partition: Partition
    state: str
    decision: Decision | None = None
    commits: tuple[Publication, ...] = ()
    gone: bool = False
    why: str = ""
    attempts: int = 0
    older: bool = False
    since: str | None = None


def look(run: Run) -> list[Standing]:
    """Every partition in landing or in history, in key order. Data is hashed only where bytes of the same size as
    decided ones were touched since."""
    source = run.contract.source
    known, commits = run.history.decisions(source), run.history.publications(source)
    holds = Holds(run.history, source, run.version, run.run_id, run.asking.now, run.retry_seconds)
    start = run.history.start(source)
    found = []
    for landed in run.landed():
        key = landed.partition.key
        before = list(known.pop(key, {}).values())
        one = _standing(run, landed, before, tuple(commits.get(key, ())), holds)
        early = not before and start is not None and inventory.is_before(landed.partition, start.start)
        found.append(Standing(landed.partition, "ignored", why=f"before {start.start}") if early and start else one)
    for key, decisions in known.items():
        last = list(decisions.values())[-1]
        found.append(_decided(run, _absent(run, last), last, tuple(commits.get(key, ())), gone=True))
    strays = run.contract.layout is not None
    return sorted(found, key=lambda s: (strays and not s.partition.values, inventory.order(s.partition)))


def late(run: Run, standings: Iterable[Standing]) -> list[Gap]:
    """What should have landed by now, but for what a person said will not come."""
    excused = (_keyed(run, one.partition) for one in run.history.absences(run.contract.source))
    start = run.history.start(run.contract.source)
    known = [*(s.partition for s in standings), *excused]
    return due.late(run.contract, known, run.asking.now, start.start if start else None)


def _absent(run: Run, decision: Decision) -> Partition:
    return replace(_keyed(run, decision.partition), files=decision.files)


def _keyed(run: Run, key: str) -> Partition:
    """A partition that is not in landing."""
    layout = parse_layout(run.contract.layout) if run.contract.layout else None
    values = (layout.match(tuple(key.split("/"))) if layout else None) or {}
    return Partition(run.contract.source, key, tuple(values.items()))


def _standing(
    run: Run, landed: Landed, before: list[Decision], commits: tuple[Publication, ...], holds: Holds
) -> Standing:
    """`before` are the decisions on whatever the partition held, oldest first."""
    partition, last = landed.partition, before[-1] if before else None
    decision = _decision(run, partition, before)
    if last is not None and decision is not last and _is_shrunk(run, partition, last):
        kept = {f.path for f in partition.files}
        gone = [f.path for f in last.files if f.path not in kept]
        why = f"{len(gone)} of {len(last.files)} files gone from landing: {', '.join(gone[:3])}"
        return Standing(partition, "shrunk", None, commits, why=why + ("…" if len(gone) > 3 else ""), older=True)
    if decision is not None:
        return replace(_decided(run, partition, decision, commits), older=len(before) > 1)
    if landed.waiting:
        return Standing(partition, "waiting", None, commits, why=landed.waiting, older=bool(before))
    tried = holds.of(partition, "", run.asked(run.contract.suite_at(dict(partition.values))))
    state = "parked" if tried.parked else "held" if tried.attempts else "undecided"
    since, count = (tried.attempts[0].at, len(tried.attempts)) if tried.attempts else (None, 0)
    return Standing(
        partition, state, None, commits, why=tried.why, attempts=count, older=bool(before), since=since
    )  # fmt: skip


def _decision(run: Run, partition: Partition, before: list[Decision]) -> Decision | None:
    """The standing decision on the bytes now in landing."""
    sizes = [(f.path, f.bytes) for f in partition.files]
    alike = [d for d in before if [(f.path, f.bytes) for f in d.files] == sizes]
    if not alike:
        return None
    digest = inventory.identify(partition, run.zones.landing, [d.files for d in alike], run.zones.prefix).digest
    return next((d for d in alike if d.digest == digest), None)


def _is_shrunk(run: Run, partition: Partition, last: Decision) -> bool:
    """Whether landing holds fewer files than were decided last, and nothing else."""
    if not {(f.path, f.bytes) for f in partition.files} < {(f.path, f.bytes) for f in last.files}:
        return False
    if {f.signature for f in partition.files} < {f.signature for f in last.files}:
        return True
    return inventory.is_part(
        inventory.identify(partition, run.zones.landing, [], run.zones.prefix).files, last.files
    )  # fmt: skip


def _decided(
    run: Run, partition: Partition, decision: Decision, commits: tuple[Publication, ...], gone: bool = False
) -> Standing:
    state = "rejected" if decision.act is Act.REJECTED else "quarantined"
    if decision.verdict is Verdict.PROMOTE:
        visible = run.zones.curated is None or any(c.digest == decision.shown_digest for c in commits[-1:])
        state = "promoted" if visible else "unpublished"
    return Standing(partition, state, decision, commits, gone, since=decision.decided_at)


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
    found = [k for k, p in partitions.items() if is_named(p, wanted)]
    if len(found) > 1:
        raise UsageError(f'"{name}" is several partitions of {run.contract.source}: {", ".join(found)}')
    return found[0] if found else None


def key_of(run: Run, name: str) -> str:
    """The key as `resolve` finds it, or the name of one that may still land. Raises UsageError where none can."""
    key, layout = resolve(run, name), run.contract.layout
    if key is None and layout is not None:
        try:
            parse_layout(layout).check_name(name.strip("/"))
        except ValueError as error:
            raise UsageError(f'{run.contract.source} can have no partition "{name}": {error}') from None
    return key or name


def is_named(partition: Partition, name: str) -> bool:
    """Whether a person may mean the partition by this name."""
    return name == partition.key or name in _bare(partition)


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
    mine = [c for c in standing.commits if c.digest == decision.shown_digest]
    curated = run.zones.curated
    current = standing.state == "promoted" and bool(mine) and curated is not None
    return {
        **body,
        "verdict": decision.verdict.value,
        "success": standing.state == "promoted",
        "published": f"{curated.url}/{mine[-1].path or publish.place(mine[-1])}" if current and curated else None,
        "revision": mine[-1].revision if mine else len(standing.commits) + 1,
        "act": decision.act.value,
        "by": decision.by,
        "why": decision.why,
    }


def files(run: Run) -> dict[str, Any]:
    """`dq.files/1`. Raises UsageError without a curated zone."""
    source = run.contract.source
    return {"schema": "dq.files/1", "source": source, "files": current(source, run.zones.curated, run.history)}


def keys(run: Run) -> list[str]:
    """The objects that readers see now, for those who cannot name a version. Raises HoldError where another one lies
    there by now, UsageError where they are of several buckets."""
    found = []
    for _, newest in sorted(publish.visible(run.contract.source, _curated(run), run.history).items()):
        for file, location in zip(newest.files, publish.located(_curated(run), newest), strict=True):
            if VERSION in location and not _is_newest(run, file, location):
                raise HoldError(f"{location} is not the newest version, and a ManifestFile names no other one")
            found.append(unversioned(location))
    if len(buckets := sorted({"/".join(location.split("/", 3)[:3]) for location in found})) > 1:
        raise UsageError(
            f"published files lie in {' and '.join(buckets)}, and a ManifestFile names one bucket: dq ls --json"
        )
    return found


def _curated(run: Run) -> Store:
    if run.zones.curated is None:
        raise UsageError("no curated zone is configured: nothing is published")
    return run.zones.curated


def _is_newest(run: Run, file: DataFile, location: str) -> bool:
    try:
        return run.zones.landing.pin(unversioned(location), file.signature) == location
    except SourceChanged:
        return False


def current(source: str, curated: Store | None, history: History) -> list[dict[str, Any]]:
    """The files that readers of the source see now, in order of partition. Raises UsageError without a curated zone."""
    if curated is None:
        raise UsageError("no curated zone is configured: nothing is published")
    found = []
    for key, newest in sorted(publish.visible(source, curated, history).items()):
        for file, location in zip(newest.files, publish.located(curated, newest), strict=True):
            found.append(
                {"path": location, "bytes": file.bytes, "digest": file.digest, "partition": key,
                 "revision": newest.revision}
            )  # fmt: skip
    return found
