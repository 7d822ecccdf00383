"""What holds after every step of every gate, whatever happened to it. Each raises AssertionError that says where."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from typing import Any

from dq import publish
from dq.history import History
from dq.inventory import identity, is_part
from dq.ir.data import PINNED, DataFile
from dq.ir.result import Decision, Publication, Verdict
from dq.stores.base import Store

Document = dict[str, Any]


def at_rest(history: History) -> History:
    """Of a moment: what everybody asks for is read once."""
    found = History(history.store)
    found.decisions, found.publications = cache(found.decisions), cache(found.publications)  # type: ignore[method-assign]
    return found


@dataclass
class World:
    """One source in its zones. `landed` is what its producers put there; the rest is what was seen at the last look."""

    source: str
    landing: Store
    curated: Store
    quarantine: Store
    history: History
    landed: dict[str, str] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    pointers: dict[str, Document] = field(default_factory=dict)

    def visible(self) -> dict[str, Publication]:
        return publish.visible(self.source, self.curated, self.history)

    def pointer(self, key: str) -> Document | None:
        path = f"{self.source}/{key}/{publish.POINTER}"
        return publish.told_by(self.curated, path, self.curated.read(path))


def digests(store: Store, prefix: str = "") -> dict[str, str]:
    return {e.path: store.digest(e.path) for e in store.list(prefix)}


def digest_like(told: str, store: Store, path: str) -> str:
    """Of a file that was read in ranges its ETag is told, which is the MD5 in these stores."""
    if not told.startswith(PINNED):
        return store.digest(path)
    return PINNED + hashlib.md5(store.read(path) or b"", usedforsecurity=False).hexdigest()


def i1_readers_see_whole_sets_with_their_digests(world: World) -> None:
    for key, seen in world.visible().items():
        if world.curated.stat(seen.path) is not None:
            (file,) = seen.files
            assert world.curated.digest(seen.path) == file.digest, f"{key}: not the bytes of revision {seen.revision}"
            continue
        told = {f"{seen.path}/{f.path}": f.digest for f in seen.files}
        paths = [e.path for e in world.curated.list(seen.path)]
        found = {p: digest_like(told.get(p, ""), world.curated, p) for p in paths}
        assert found == told, f"{key}: not the files of revision {seen.revision}"


def i2_every_visible_byte_has_a_passing_decision(world: World) -> None:
    """That it is judged anew and fails takes nothing from readers: then an earlier decision let it through."""
    decisions = [d for d in world.history.log(world.source) if isinstance(d, Decision)]
    seen = world.visible()
    for key, one in seen.items():
        shown = [d for d in decisions if d.partition == key and d.shown_digest == one.digest]
        assert any(d.verdict is Verdict.PROMOTE for d in shown), f"{key}: no decision let the visible bytes through"
        assert identity(tuple(DataFile(f.path, f.bytes, digest=f.digest) for f in one.files)) == one.digest
    shown = {p for p in digests(world.curated, world.source) if not p.endswith(publish.POINTER)}
    flat = [one for one in seen.values() if not one.path.startswith(".dq/")]
    named = {one.path if world.curated.stat(one.path) else f"{one.path}/{f.path}" for one in flat for f in one.files}
    assert shown == named, "files that no decision let through"


def i2_what_a_split_withholds_is_kept_before_readers_see_the_rest(world: World) -> None:
    decided = world.history.decisions(world.source)
    for key, one in world.visible().items():
        for decision in decided[key].values():
            if decision.published and decision.shown_digest == one.digest:
                folder = publish.withheld_at(decision)
                assert world.quarantine.exists(f"{folder}/quarantine.json"), f"{key}: no record of the other rows"
                kept = {f.path: world.quarantine.digest(f"{folder}/{f.path}") for f in decision.withheld}
                assert kept == {f.path: f.digest for f in decision.withheld}, f"{key}: other rows are kept"


def i3_landing_is_as_it_was(world: World) -> None:
    assert digests(world.landing, world.source) == world.landed


def i4_decisions_stay_and_count_from_one(world: World) -> None:
    records = {p: d for p, d in digests(world.history.store).items() if is_record(p)}
    changed = {p for p, d in world.records.items() if records.get(p) != d}
    assert not changed, f"records that changed or went: {changed}"
    world.records.update(records)
    for decisions in world.history.decisions(world.source).values():
        assert all(world.history.document(d) for d in decisions.values()), "a decision without its document"
    by_digest: dict[str, list[int]] = {}
    for path in records:
        if path.startswith("decisions/"):
            folder, _, name = path.rpartition("/")
            by_digest.setdefault(folder, []).append(int(name.removesuffix(".json")))
    for folder, found in by_digest.items():
        assert sorted(found) == list(range(1, len(found) + 1)), f"{folder}: {sorted(found)}"


def is_record(path: str) -> bool:
    kind, name = path.split("/")[0], path.rpartition("/")[2]
    return kind in ("decisions", "published", "accepted", "absent", "audit") and not name.startswith(".")


def i5_running_again_changes_nothing(before: dict[str, str], after: dict[str, str]) -> None:
    changed = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
    assert not changed, f"running again changed {changed}"


def i6_everything_landed_is_finished(world: World, partitions: Iterable[str]) -> None:
    """After an undisturbed run: each partition is decided as it lies in landing, and the decision is carried out."""
    seen = world.visible()
    recorded = world.history.publications(world.source)
    for key in partitions:
        base = f"{world.source}/{key}"
        decided = world.history.decisions(world.source)[key]
        form = next((f.digest for f in list(decided.values())[-1].files), "")
        files = [DataFile(e.path.removeprefix(f"{base}/"), e.bytes, digest=digest_like(form, world.landing, e.path))
                 for e in world.landing.list(base)]  # fmt: skip
        digest = identity(tuple(files))
        if decided and is_part(files, list(decided.values())[-1].files):
            continue  # what somebody took away after it was decided is a person's to judge
        decision = decided[digest]
        if decision.verdict is Verdict.PROMOTE:
            assert key in seen, f"{key}: promoted, and readers see nothing"
            assert key in recorded, f"{key}: promoted, and no publication is recorded"
            found = {seen[key].digest, recorded[key][-1].digest}
            assert found == {decision.shown_digest}, f"{key}: promoted, and readers see another"
        else:
            assert world.quarantine.exists(f"{base}/{digest}/quarantine.json"), f"{key}: no quarantine record"


def i7_publications_stay_and_sequences_grow(world: World) -> None:
    for key in world.history.publications(world.source).keys() | world.pointers.keys():
        told, before = world.pointer(key), world.pointers.get(key)
        if before is not None and world.curated.layout == "generations":
            assert told is not None, f"{key}: the pointer is gone"
            assert told["sequence"] >= before["sequence"], f"{key}: the pointer went back"
            assert told["history"][: len(before["history"])] == before["history"], f"{key}: its history was rewritten"
        if told is not None:
            world.pointers[key] = told


def i8_one_winner_per_revision(world: World) -> None:
    for key, commits in world.history.publications(world.source).items():
        revisions = [c.revision for c in commits]
        assert revisions == sorted(set(revisions)), f"{key}: revisions {revisions}"
        contents = [c.digest for c in commits]
        assert all(a != b for a, b in pairwise(contents)), f"{key}: published twice"
        told = world.pointer(key)
        if told is not None:
            sequences = [e["sequence"] for e in told["history"]]
            assert sequences == sorted(set(sequences)), f"{key}: sequences {sequences}"


def i9_success_is_what_readers_see(world: World, documents: Iterable[Document]) -> None:
    seen, decisions = world.visible(), world.history.decisions(world.source)
    for one in documents:
        key = one["partition"]
        assert one["success"] is (one["verdict"] == "promote"), f"{key}: {one['verdict']}, {one['success']}"
        if one["success"]:
            shown = decisions[key][one["digest"]].shown_digest
            assert seen[key].digest == shown, f"{key}: success, and readers see another"
            assert one["published"], f"{key}: success without a place"


def i10_no_record_was_tampered_with(world: World) -> None:
    assert not list(world.history.chain(world.source).verify())


def at_any_moment(world: World) -> World:
    """Those that hold in the middle of things too. The world as it was then."""
    world = replace(world, history=at_rest(world.history))
    i1_readers_see_whole_sets_with_their_digests(world)
    i2_every_visible_byte_has_a_passing_decision(world)
    i2_what_a_split_withholds_is_kept_before_readers_see_the_rest(world)
    i3_landing_is_as_it_was(world)
    i4_decisions_stay_and_count_from_one(world)
    i7_publications_stay_and_sequences_grow(world)
    i8_one_winner_per_revision(world)
    i10_no_record_was_tampered_with(world)
    return world


def documents_in(text: str) -> list[Document]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
