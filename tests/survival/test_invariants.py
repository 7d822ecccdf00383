"""I1 to I10, each held by a gate left alone and each broken on purpose: what breaks it is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dq.ir.result import Verdict
from dq.stores.memory import File, MemoryStore
from tests.survival import invariants as law
from tests.survival.rehearsal import Rehearsal

DAYS = ("dt=2026-03-01", "dt=2026-03-02", "dt=2026-03-03")


@pytest.fixture(params=["flat", "generations"])
def it(request: pytest.FixtureRequest) -> Rehearsal:
    """One partition published twice, one once, one withheld."""
    made = Rehearsal(request.param)
    for content in (1, 2):
        made.land(1, content)
        made.gate()
    made.land(2, 3)
    made.land(3, -1)
    made.gate()
    law.at_any_moment(made.world)
    return made


def broken(check: Callable[[], None]) -> None:
    with pytest.raises(AssertionError):
        check()


def paths(store: MemoryStore, part: str) -> list[str]:
    return [p for p in sorted(store.now) if part in p and not p.startswith("index/")]


def rewrite(store: MemoryStore, path: str, change: Callable[[Any], Any] | None = None) -> None:
    """Without a trace in path or size, where `change` does not say what else."""
    old = store.now[path]
    body = json.dumps(change(json.loads(old.content))).encode() if change else bytes(reversed(old.content))
    store.now[path] = File(body, old.modified, old.version + 1_000_000)


def data_of(it: Rehearsal, day: str) -> tuple[MemoryStore, str]:
    curated = it.stores[3]
    return curated, f"{it.world.visible()[day].path}/part-0.csv"


def test_i1_readers_see_whole_sets(it: Rehearsal) -> None:
    law.i1_readers_see_whole_sets_with_their_digests(it.world)
    curated, path = data_of(it, DAYS[0])
    rewrite(curated, path)
    broken(lambda: law.i1_readers_see_whole_sets_with_their_digests(it.world))
    del curated.now[path]
    broken(lambda: law.i1_readers_see_whole_sets_with_their_digests(it.world))


def test_i2_every_visible_byte_is_promoted(it: Rehearsal) -> None:
    law.i2_every_visible_byte_has_a_passing_decision(it.world)
    curated, history = it.stores[3], it.stores[1]
    curated.put_if_absent(f"trips/{DAYS[1]}/smuggled.csv", b"id,fare\n1,1\n")
    broken(lambda: law.i2_every_visible_byte_has_a_passing_decision(it.world))
    curated.remove(f"trips/{DAYS[1]}/smuggled.csv")
    (decision,) = paths(history, f"decisions/trips/{DAYS[1]}")
    rewrite(history, decision, lambda body: json.loads(json.dumps(body).replace(Verdict.PROMOTE, Verdict.QUARANTINE)))
    broken(lambda: law.i2_every_visible_byte_has_a_passing_decision(it.world))


def test_i3_landing_is_untouched(it: Rehearsal) -> None:
    law.i3_landing_is_as_it_was(it.world)
    rewrite(it.stores[0], paths(it.stores[0], DAYS[2])[0])
    broken(lambda: law.i3_landing_is_as_it_was(it.world))


def test_i4_decisions_stay(it: Rehearsal) -> None:
    law.i4_decisions_stay_and_count_from_one(it.world)
    history = it.stores[1]
    for path in (paths(history, f"decisions/trips/{DAYS[2]}")[0], paths(history, "published/")[0]):
        kept = history.now.pop(path)
        broken(lambda: law.i4_decisions_stay_and_count_from_one(it.world))
        history.now[path] = kept
    law.i4_decisions_stay_and_count_from_one(it.world)


def test_i5_running_again_changes_nothing(it: Rehearsal) -> None:
    def state() -> dict[str, str]:
        return {f"{n}/{p}": d for n, store in enumerate(it.stores) for p, d in law.digests(store).items()}

    before = state()
    assert it.gate() == []
    law.i5_running_again_changes_nothing(before, state())
    it.land(2, 4)
    it.gate()
    broken(lambda: law.i5_running_again_changes_nothing(before, state()))


def test_i6_whatever_landed_is_finished(it: Rehearsal) -> None:
    law.i6_everything_landed_is_finished(it.world, DAYS)
    for kind, zone in (("published/", it.stores[1]), ("quarantine.json", it.stores[2])):
        path = paths(zone, kind)[-1]
        kept = zone.now.pop(path)
        broken(lambda: law.i6_everything_landed_is_finished(it.world, DAYS))
        zone.now[path] = kept
    law.i6_everything_landed_is_finished(it.world, DAYS)


def test_i7_pointers_only_go_on(it: Rehearsal) -> None:
    law.i7_publications_stay_and_sequences_grow(it.world)
    if it.world.curated.layout == "generations":
        (path,) = paths(it.stores[3], f"trips/{DAYS[0]}/_current.json")
        newest = it.stores[3].now[path]
        rewrite(it.stores[3], path, lambda body: {**body, "sequence": 1, "history": body["history"][:1]})
        broken(lambda: law.i7_publications_stay_and_sequences_grow(it.world))
        it.stores[3].now[path] = newest
    law.i7_publications_stay_and_sequences_grow(it.world)


def test_i8_one_winner_per_revision(it: Rehearsal) -> None:
    law.i8_one_winner_per_revision(it.world)
    last = it.world.history.publications("trips")[DAYS[0]][-1]
    it.stores[1].put_if_absent(
        paths(it.stores[1], f"published/trips/{DAYS[0]}")[-1].replace("/2.json", "/3.json"),
        it.stores[1].now[paths(it.stores[1], f"published/trips/{DAYS[0]}")[-1]].content,
    )
    assert replace(last, revision=2) == last
    broken(lambda: law.i8_one_winner_per_revision(it.world))


def test_i9_success_is_proven_by_reading_back(it: Rehearsal) -> None:
    said = it.gate(keys=frozenset(DAYS))
    assert [d["success"] for d in said] == [True, True, False]
    law.i9_success_is_what_readers_see(it.world, said)
    broken(lambda: law.i9_success_is_what_readers_see(it.world, [{**said[2], "success": True}]))
    other = it.world.history.decisions("trips")[DAYS[0]]
    first = next(iter(other))
    broken(lambda: law.i9_success_is_what_readers_see(it.world, [{**said[0], "digest": first}]))


def test_i10_tampering_with_any_record_is_found_out(it: Rehearsal) -> None:
    history = it.stores[1]
    it.land(2, 9)
    it.gate()
    links = paths(history, "audit/")
    records = [p for p in paths(history, ".json") if p.split("/")[0] in ("decisions", "published", "documents")]
    assert len(links) >= 3
    assert len(records) >= 13
    for path in [*links[:-1], *records]:
        kept = history.now[path]
        rewrite(history, path)
        broken(lambda: law.i10_no_record_was_tampered_with(it.world))
        del history.now[path]
        broken(lambda: law.i10_no_record_was_tampered_with(it.world))
        history.now[path] = kept
    law.i10_no_record_was_tampered_with(it.world)


def test_i10_what_a_killed_run_left_is_sealed_by_the_next(it: Rehearsal) -> None:
    history = it.stores[1]
    it.land(2, 7)
    it.gate()
    del history.now[paths(history, "audit/")[-1]]  # as if the run had been killed before it sealed
    it.land(3, 4)
    it.gate()
    sealed = set()
    for link in paths(history, "audit/"):
        sealed |= set(json.loads(history.now[link].content)["records"])
    assert sealed == {p for p in history.now if p.split("/")[0] in ("decisions", "published")}
    law.i10_no_record_was_tampered_with(it.world)
