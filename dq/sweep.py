"""What nobody needs any more: superseded revisions beyond those kept, what ended runs left behind. Removed without a
lock: no gate writes where something old enough lies, and nothing half removed can become visible."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq.publish import POINTER, told_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq.gate import Run
    from dq.stores.base import Entry, Store

SAFE_SECONDS = 86_400.0  # nothing younger is taken for left behind: a run may be at it
_TEMPORARY = re.compile(r"\.\d+-[0-9a-f]{8}")
_REVISION = re.compile(r"(\d+)-.+")
_GARBAGE = ".dq/garbage"


@dataclass(frozen=True, slots=True)
class Piece:
    """A file or folder that can go."""

    zone: str
    path: str
    bytes: int
    why: str


def sweep(run: Run, keep: int, *, dry: bool = False) -> Iterator[Piece]:
    """Remove what can go of one source, piece by piece; with `dry` only tell. `keep` superseded revisions stay."""
    stores = {"curated": run.zones.curated, "history": run.zones.history, "quarantine": run.zones.quarantine}
    for number, piece in enumerate(list(_pieces(run, keep))):
        store = stores[piece.zone]
        if store is None or not store.exists(piece.path):
            continue
        if not dry:
            _remove(store, piece, f"{_GARBAGE}/{run.run_id}-{number}")
        yield piece
    source = run.contract.source
    for zone, top in (("curated", f".dq/generations/{source}"), ("quarantine", source)):
        if (store := stores[zone]) is not None:
            yield from _uploads(zone, store, top, dry)


def _uploads(zone: str, store: Store, top: str, dry: bool) -> Iterator[Piece]:
    before = _safe(store)
    for entry in store.unfinished(top):
        if entry.modified < before:
            if not dry:
                store.abandon(entry)
            yield Piece(zone, entry.path, entry.bytes, "begun to be uploaded, and never finished")


def _remove(store: Store, piece: Piece, aside: str) -> None:
    """A folder is moved aside in one step first, where there is such a step: whoever comes back for it finds it whole
    or not at all."""
    if store.renames and piece.zone == "curated" and not piece.path.startswith(_GARBAGE):
        store.move(piece.path, aside)
        store.remove(aside)
    else:
        store.remove(piece.path)


def _pieces(run: Run, keep: int) -> Iterator[Piece]:
    source = run.contract.source
    if run.zones.curated is not None:
        yield from _in_curated(run, run.zones.curated, keep, _safe(run.zones.curated))
    before = _safe(run.zones.history)
    for entry in run.history.unneeded(source):
        if entry.modified < before:
            yield Piece("history", entry.path, entry.bytes, "document of a decision that was never made")
    zones = [("history", e) for e in run.history.files(source)]
    if run.zones.quarantine is not None:
        zones += [("quarantine", e) for e in run.zones.quarantine.list(source)]
    for zone, entry in zones:
        if _TEMPORARY.fullmatch(entry.path.rsplit("/", 1)[-1]) and entry.modified < before:
            yield Piece(zone, entry.path, entry.bytes, "left behind while it was written")


def _safe(zone: Store) -> float:
    """What is older is nobody's work any more: by the clock of the zone, since ours may be days off."""
    return zone.clock() - SAFE_SECONDS


def _in_curated(run: Run, curated: Store, keep: int, before: float) -> Iterator[Piece]:
    source = run.contract.source
    for path, entries in _groups(curated, _GARBAGE, {""}):
        yield _piece(path, entries, "left behind while it was removed")
    for path, entries in _groups(curated, f".dq/staging/{source}", {""}):
        if _newest(entries) < before:
            yield _piece(path, entries, "left behind while it was copied")
    behind = {mark[0] for one in run.outbox.pending(run) for mark in one.marks}  # somebody may look at older ones still
    keys = frozenset(run.history.decisions(source)) - behind
    yield from _superseded(curated, f".dq/superseded/{source}", keys, keep, before)
    yield from _generations(curated, source, keys, keep, before)


def _superseded(curated: Store, top: str, keys: frozenset[str], keep: int, before: float) -> Iterator[Piece]:
    """By revision, oldest first. A revision on its way to readers lies here for a moment: what was written lately
    stays."""
    found: dict[str, list[tuple[int, str, list[Entry]]]] = defaultdict(list)
    for path, entries in _groups(curated, top, keys):
        folder, _, name = path.rpartition("/")
        if match := _REVISION.fullmatch(name):
            found[folder].append((int(match[1]), path, entries))
    for revisions in found.values():
        for _, path, entries in sorted(revisions, key=lambda r: (r[0], _newest(r[2])))[: -keep or None]:
            if _newest(entries) < before:
                yield _piece(path, entries, "superseded")


def _generations(curated: Store, source: str, keys: frozenset[str], keep: int, before: float) -> Iterator[Piece]:
    """Those no pointer tells of may still become current while the pointer has not moved since they were written."""
    top = f".dq/generations/{source}"
    found: dict[str, list[tuple[str, list[Entry]]]] = defaultdict(list)
    for path, entries in _groups(curated, top, keys):
        found[path.rpartition("/")[0].removeprefix(f"{top}/")].append((path, entries))
    for key, generations in found.items():
        pointer = f"{source}/{key}/{POINTER}"
        stands, told = curated.stat(pointer), told_by(curated, pointer, curated.read(pointer))
        if stands is None or told is None:
            continue
        published = list(
            dict.fromkeys(e["generation"] for e in told["history"] if e["generation"] != told["generation"])
        )
        kept = {told["generation"], *(published[-keep:] if keep else ())}
        for path, entries in generations:
            if path in kept:
                continue
            if path in published:
                yield _piece(path, entries, "superseded")
            elif _newest(entries) < min(before, stands.modified):
                yield _piece(path, entries, "never published")


def _groups(store: Store, top: str, keys: Iterable[str]) -> Iterator[tuple[str, list[Entry]]]:
    """Files below `<top>/<key>/<name>`, by that path; what lies elsewhere is nobody's to judge."""
    keys = frozenset(keys)
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in store.list(top):
        parts = entry.path.removeprefix(f"{top}/").split("/")
        depth = next((n for n in range(len(parts) - 1, -1, -1) if "/".join(parts[:n]) in keys), None)
        if depth is not None:
            found["/".join((top, *parts[: depth + 1]))].append(entry)
    yield from found.items()


def _newest(entries: list[Entry]) -> float:
    return max(e.modified for e in entries)


def _piece(path: str, entries: list[Entry], why: str) -> Piece:
    return Piece("curated", path, sum(e.bytes for e in entries), why)
