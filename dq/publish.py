"""Carry out a decision: stage, verify, commit, read back, record; or write the quarantine record. Every step may be
done again, by this gate or another.

Readers see a partition whole or not. Where the zone can exchange folders its files lie at `<source>/<partition>/`;
where not, a pointer `_current.json` lies there and names an immutable generation. Staged, superseded and generation
files are below `.dq/`, where no pattern over a source finds them.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dq.errors import PublishConflict, PublishUnknown, SourceChanged, StoreError
from dq.inventory import identity
from dq.ir.codec import plain
from dq.ir.data import DataFile, Partition
from dq.ir.layout import LONGEST_PATH, file_path
from dq.ir.result import Decision, Publication, Verdict
from dq.stores.base import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dq.history import History
    from dq.stores.base import Store

POINTER = "_current.json"
RECORD = "quarantine.json"


def promote(
    partition: Partition, decision: Decision, curated: Store, history: History, revision: int, run_id: str, now: str,
    earlier: Iterable[Decision] = (), pin: Callable[[str, str], str] | None = None,
    still: Callable[[], bool] = lambda: True,
) -> Publication:  # fmt: skip
    """Make exactly the judged bytes visible as the partition's current revision, the next after those published.
    `partition` holds the files that the decision shows. With `pin` nothing is copied: the versions of the landed files
    that it names are published.

    `earlier` are decisions to promote other content that no publication is recorded of: one may be what readers see.
    `still` says whether these bytes are what lies in landing: a run that slept takes nothing newer away from readers.
    Raises SourceChanged when landing no longer holds the judged bytes, StoreError and PublishUnknown on I/O faults,
    PublishConflict where another run published something else meanwhile.
    """
    history.settle(decision)
    for other in earlier:
        if other.shown_digest == decision.shown_digest:
            continue
        if (unrecorded := found(curated, other, revision)) is not None:
            revision = history.publish(unrecorded).revision + 1
    where, files = (place(decision), decision.shown) if pin is None else ("", _pinned(partition, pin, curated))
    publication = Publication(
        decision.source, decision.partition, revision, decision.shown_digest, where, files, now, run_id
    )  # fmt: skip
    if curated.layout == "generations":
        return history.publish(_point(partition, curated, publication, still))
    if not holds(curated, publication.path, publication.files, publication.digest):
        staged = stage(partition, curated, publication)
        if curated.exists(publication.path) and not still():
            curated.remove(staged)
            raise _overtaken(publication)
        curated.commit(staged, publication.path, _superseded(publication))
        if _sizes(curated, publication.path) != _wanted(publication.files, partition.single_file):
            raise PublishUnknown(f"{curated.location(publication.path)} is not what was committed: read back next time")
    else:
        curated.settle(publication.path)
    return history.publish(publication)


def place(one: Decision | Publication) -> str:
    """Where readers look for the partition in the curated zone."""
    return f"{one.source}/{one.partition}"


def visible(source: str, curated: Store, history: History) -> dict[str, Publication]:
    """What readers see of each partition now: as recorded, or as found where a run ended before it recorded that."""
    seen = {p: commits[-1] for p, commits in history.publications(source).items()}
    for key, decisions in history.decisions(source).items():
        last = seen.get(key)
        promoted = [d for d in reversed(decisions.values()) if d.verdict is Verdict.PROMOTE]
        others = [d for d in promoted if last is None or d.shown_digest != last.digest]
        if others and (last is None or others[0] is promoted[0] or not _shows(curated, last)):
            revision = last.revision + 1 if last else 1
            newer = next((one for d in others if (one := found(curated, d, revision))), last)
            seen |= {key: newer} if newer else {}
    return seen


def located(curated: Store, publication: Publication) -> tuple[str, ...]:
    """Where its files lie, in their order."""
    if not publication.path:
        return tuple(f.location for f in publication.files)
    single = not publication.path.startswith(".dq/") and curated.stat(publication.path) is not None
    paths = [publication.path if single else f"{publication.path}/{f.path}" for f in publication.files]
    return tuple(map(curated.location, paths))


def _shows(curated: Store, publication: Publication) -> bool:
    """Whether nothing speaks against this being what readers see."""
    if not publication.path or publication.path.startswith(".dq/"):
        pointer = f"{place(publication)}/{POINTER}"
        told = told_by(curated, pointer, curated.read(pointer))
        return told is not None and told["digest"] == publication.digest
    single = curated.stat(publication.path) is not None
    return _sizes(curated, publication.path) == _wanted(publication.files, single)


def found(curated: Store, decision: Decision, revision: int) -> Publication | None:
    """The publication of the decision that the zone itself shows, None where readers see anything else."""
    made = Publication(
        decision.source, decision.partition, revision, decision.shown_digest, place(decision), decision.shown,
        decision.decided_at, decision.run_id,
    )  # fmt: skip
    pointer = f"{made.path}/{POINTER}"
    told = told_by(curated, pointer, curated.read(pointer))
    if told is not None:
        return _as_told(made, told) if told["digest"] == made.digest else None
    return made if holds(curated, made.path, made.files, made.digest) else None


def stage(partition: Partition, curated: Store, publication: Publication, staged: str = "") -> str:
    """Copy the judged files beside the zone's data, comparing the digest of every copy with the digest judged; where
    they are: at `staged`, where it is given. No other run writes there."""
    key = hashlib.sha256(publication.partition.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    staged = staged or f".dq/staging/{publication.source}/{key}-{publication.digest[:16]}-{publication.run_id}"
    whole = curated.layout == "flat" and partition.single_file
    try:
        _copy(((f, staged if whole else f"{staged}/{f.path}") for f in partition.files), curated)
        if curated.renames and _sizes(curated, staged) != _wanted(partition.files, whole):  # all that lies there goes
            raise StoreError(f"{curated.location(staged)} was changed by somebody: staged again next time")
    except (StoreError, SourceChanged):
        with suppress(StoreError):
            curated.remove(staged)
        raise
    return staged


def _copy(files: Iterable[tuple[DataFile, str]], zone: Store) -> None:
    """Copy each file to its path. Raises SourceChanged where one is not what was judged."""

    def one(pair: tuple[DataFile, str]) -> None:
        file, path = pair
        if zone.copy_in(file.location, path, file.signature, file.digest) != file.digest:
            raise SourceChanged(f"{file.location} changed after it was judged: judged again next time")

    for _ in answers(zone, one, files):
        pass


def _superseded(publication: Publication) -> str:
    name = f"{publication.revision - 1}-{publication.run_id}"
    return f".dq/superseded/{publication.source}/{publication.partition}/{name}"


def _overtaken(publication: Publication) -> SourceChanged:
    return SourceChanged(f"{publication.partition}: landing changed after it was judged: judged again next time")


def _point(partition: Partition, curated: Store, publication: Publication, still: Callable[[], bool]) -> Publication:
    """Publish as a generation; the publication that the pointer tells of in the end."""
    pointer = f"{place(publication)}/{POINTER}"
    there = _below(curated, place(publication))
    seen = curated.read(pointer) if POINTER in there else None
    if seen is None and POINTER in there:
        raise StoreError(f"{curated.location(pointer)} is said to be there, and is not")
    told = told_by(curated, pointer, seen)
    if told and told["digest"] == publication.digest:
        curated.settle(pointer)
        return _as_told(publication, told)
    if told and not still():  # asked after the pointer was seen: what is published from now on moves it
        raise _overtaken(publication)
    sequence = max(publication.revision, told["sequence"] + 1 if told else 1)
    name = f"{publication.digest[:16]}-{publication.run_id}"
    generation = f".dq/generations/{place(publication)}/{name}" if publication.path else ""
    entry: dict[str, Any] = {
        "sequence": sequence,
        "digest": publication.digest,
        "generation": generation,
        "run_id": publication.run_id,
        "published_at": publication.published_at,
    }
    if not generation:
        pass  # the files stay where they are
    elif curated.renames:
        curated.move(stage(partition, curated, publication), generation)
    else:  # nobody looks for it there before the pointer tells of it
        stage(partition, curated, publication, generation)
    if seen is None and (there or (partition.single_file and curated.stat(place(publication)))):
        curated.move(place(publication), _superseded(publication))  # published flat before
    body = {
        "schema": "dq.current/1", "source": publication.source, "partition": publication.partition, **entry,
        "files": [_told_of(f, pinned=not generation) for f in publication.files],
        "history": [*told["history"], entry] if told else [entry],
    }  # fmt: skip
    won = curated.swap(pointer, json.dumps(body, indent=1, ensure_ascii=False).encode("utf-8", "surrogateescape"), seen)
    if not won and generation:
        curated.remove(generation)
    told = told_by(curated, pointer, curated.read(pointer))
    mine = [e for e in told["history"] if e["digest"] == publication.digest] if told else []
    if not mine or mine[-1]["sequence"] < sequence:
        raise PublishConflict(f"{curated.location(pointer)}: another run published first; looked at again next time")
    return _as_told(publication, mine[-1])


def _told_of(file: DataFile, *, pinned: bool) -> dict[str, Any]:
    where = {"location": file.location} if pinned else {}
    return {"path": file.path, "bytes": file.bytes, "digest": file.digest, **where}


def _as_told(publication: Publication, entry: dict[str, Any]) -> Publication:
    """`entry` is of the pointer's history, or the pointer itself, which knows where pinned files lie."""
    places = {f["path"]: f["location"] for f in entry.get("files", ()) if "location" in f}
    files = tuple(replace(f, location=places.get(f.path, f.location)) for f in publication.files)
    return replace(
        publication, revision=entry["sequence"], path=entry["generation"], files=files, run_id=entry["run_id"],
        published_at=entry["published_at"],
    )  # fmt: skip


def _pinned(partition: Partition, pin: Callable[[str, str], str], zone: Store) -> tuple[DataFile, ...]:
    """The files as they are: each the version that was judged."""
    places = answers(zone, lambda f: pin(f.location, f.signature), partition.files)
    return tuple(replace(f, location=place) for f, place in zip(partition.files, places, strict=True))


def told_by(curated: Store, pointer: str, content: bytes | None) -> dict[str, Any] | None:
    """What a pointer says, None where there is none. Raises StoreError on one that the gate did not write."""
    if content is None:
        return None
    try:
        body: dict[str, Any] = json.loads(content)
        if body["schema"] == "dq.current/1" and body["history"][-1]["sequence"] == body["sequence"]:
            return body
    except (ValueError, TypeError, KeyError, IndexError):
        pass
    raise StoreError(f"{curated.location(pointer)} is no pointer of the gate")


def holds(curated: Store, target: str, files: tuple[DataFile, ...], digest: str) -> bool:
    """Whether the target already is these files, byte for byte: a commit whose record was lost."""
    single = curated.stat(target) is not None
    if _sizes(curated, target) != _wanted(files, single):
        return False
    found = [
        DataFile(f.path, f.bytes, digest=curated.digest(target if single else f"{target}/{f.path}")) for f in files
    ]
    return bool(found) and identity(tuple(found)) == digest


def _sizes(curated: Store, target: str) -> dict[str, int]:
    """Bytes of the files below the target by path; of the target itself, where it is a file, under an empty path."""
    single = curated.stat(target)
    return _below(curated, target) if single is None else {"": single.bytes}


def _below(curated: Store, target: str) -> dict[str, int]:
    return {e.path.removeprefix(f"{target}/"): e.bytes for e in curated.list(target)}


def _wanted(files: tuple[DataFile, ...], single: bool) -> dict[str, int]:
    return {"" if single else f.path: f.bytes for f in files}


def quarantine(partition: Partition, decision: Decision, zone: Store, landing: str, *, copy: bool = False) -> bool:
    """Leave a durable record of the reasons with a pointer to the landing bytes, or with `copy` beside copies of them.
    Whether it was not there yet. Raises SourceChanged where landing no longer holds the judged bytes."""
    copies = tuple(replace(f, path=f"rows/{f.path}") for f in partition.files) if copy else ()
    return _withhold(partition.files, decision, zone, landing, copies)


def withhold(files: tuple[DataFile, ...], partition: Partition, decision: Decision, zone: Store, landing: str) -> bool:
    """The part of a split that is not published, beside its record. Whether it was not there yet."""
    return _withhold(partition.files, decision, zone, landing, files)


def withheld_at(decision: Decision) -> str:
    """Where what is withheld lies in the quarantine zone: all of the partition, or of a split the other part."""
    key = decision.partition if len(os.fsencode(decision.partition)) <= LONGEST_PATH else file_path(decision.partition)
    folder = f"{decision.source}/{key}/{decision.digest}"
    return folder if decision.verdict is Verdict.QUARANTINE else f"{folder}/split-{decision.n}"


def record_of(decision: Decision) -> str:
    """The record in the quarantine zone: where it stands, all is there."""
    return f"{withheld_at(decision)}/{RECORD}"


def _withhold(
    landed: tuple[DataFile, ...], decision: Decision, zone: Store, landing: str, files: tuple[DataFile, ...]
) -> bool:
    """Data first, the record last."""
    folder, path = withheld_at(decision), record_of(decision)
    if zone.stat(path):
        zone.settle(path)
        return False
    for top in dict.fromkeys(f.path.split("/")[0] for f in files):
        _keep(tuple(f for f in files if f.path.split("/")[0] == top), zone, folder, top)
    record = {
        "schema": "dq.quarantine/1",
        "source": decision.source,
        "partition": decision.partition,
        "digest": decision.digest,
        "landing": landing,
        "files": [{"path": f.path, "bytes": f.bytes, "digest": f.digest} for f in landed],
        "copies": [{"path": f.path, "bytes": f.bytes, "digest": f.digest} for f in files],
        "rows": decision.rows,
        "rows_quarantined": decision.rows_quarantined,
        "reasons": [plain(r) for r in decision.reasons],
        "decided_at": decision.decided_at,
        "run_id": decision.run_id,
    }
    return zone.put_if_absent(path, json.dumps(record, indent=1, ensure_ascii=False).encode())


def _keep(files: tuple[DataFile, ...], zone: Store, folder: str, top: str) -> None:
    """Copies of the files, all below `top`, in one step: another gate may be at the same."""
    wanted = {f.path.removeprefix(top).lstrip("/"): f.bytes for f in files}
    if _sizes(zone, f"{folder}/{top}") == wanted:
        return
    if not zone.renames:  # nobody looks there before the record stands, and others write the same bytes
        return _copy(((f, f"{folder}/{f.path}") for f in files), zone)
    staged = f"{folder}/.{uuid4().hex[:12]}"
    try:
        _copy(((f, f"{staged}/{f.path}") for f in files), zone)
        zone.move(f"{staged}/{top}", f"{folder}/{top}")
    except (StoreError, SourceChanged):
        if _sizes(zone, f"{folder}/{top}") != wanted:
            raise
    finally:
        with suppress(StoreError):
            zone.remove(staged)
