"""A person's word, killed before and after every store operation: the same command, or the next gate, finishes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.survival import invariants as law
from tests.survival.conftest import Scene, Warm
from tests.survival.place import CONTRACT, Place

EVERY = int(os.environ.get("DQ_TEST_EVERY", "53"))
BAD, SMALL = "dt=2026-03-03", "dt=2026-03-04"
SAID = ["--reason", "known", "--by", "ada", "--json"]
WORDS = {
    "release": ["release", "trips", BAD, *SAID],
    "reject": ["reject", "trips", BAD, *SAID],
    "accept": ["accept", "trips", SMALL, *SAID],
}


@pytest.fixture
def decided(warm: Warm, tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    """Two promoted, one in quarantine for its fares and one for its rows."""
    place = Place(tmp_path / "made", getattr(request, "param", "flat"))
    (place.root / "suites" / "trips.yaml").write_text(CONTRACT + 'checks: [{row_count: ">= 60% of previous"}]\n')
    for day, start in (("01", 0), ("02", 200)):
        place.land(f"2026-03-{day}", start)
    place.land("2026-03-03", 400, fare=-1.0)
    place.land("2026-03-04", 600, n=5)
    assert warm(place) == [1]
    return Scene(place, tmp_path)


def stands(place: Place, partition: str) -> list[tuple[int, str, str, str]]:
    found = [d for d in place.records("decisions") if d["partition"] == partition]
    return sorted((d["n"], d["verdict"]["value"], d["act"]["value"], d["by"]) for d in found)


EXPECTED = {
    "release": {BAD: [(1, "quarantine", "judged", ""), (2, "promote", "released", "ada")]},
    "reject": {BAD: [(1, "quarantine", "judged", ""), (2, "quarantine", "rejected", "ada")]},
    "accept": {
        BAD: [(1, "quarantine", "judged", ""), (2, "quarantine", "judged", "ada")],
        SMALL: [(1, "quarantine", "judged", ""), (2, "promote", "judged", "ada")],
    },
}
UNTOUCHED = {BAD: [(1, "quarantine", "judged", "")], SMALL: [(1, "quarantine", "judged", "")]}


@pytest.mark.parametrize("word", WORDS)
def test_a_killed_word_is_finished(warm: Warm, decided: Scene, word: str) -> None:
    kill_and_finish(warm, decided, word, 2 * EVERY)


@pytest.mark.soak
@pytest.mark.parametrize("decided", ["flat", "generations"], indirect=True)
@pytest.mark.parametrize("word", WORDS)
def test_a_word_killed_at_every_step_is_finished(warm: Warm, decided: Scene, word: str) -> None:
    kill_and_finish(warm, decided, word, 1)


def kill_and_finish(warm: Warm, decided: Scene, word: str, every: int) -> None:
    count = len(warm.steps(decided.fresh(), command=WORDS[word]))
    assert count > 10
    finished_by_gate = 0
    for n in sorted({*range(every, count + 1, every), count}):
        place = decided.fresh()
        world = place.world()
        assert warm(place, act="kill", at=n, command=WORDS[word]) == [-9]
        law.at_any_moment(world)
        if not decided.is_new(place):
            decided.done(place)
            continue
        (code,) = warm(place)  # the next gate
        assert code in (0, 1)
        begun = any(stands(place, p) != UNTOUCHED[p] for p in EXPECTED[word])
        if begun:
            finished_by_gate += 1
            assert {p: stands(place, p) for p in EXPECTED[word]} == EXPECTED[word], f"killed at step {n}"
        before = place.everything()
        (code,) = warm(place, command=WORDS[word])  # the same command
        assert code in (0, 1)
        assert {p: stands(place, p) for p in EXPECTED[word]} == EXPECTED[word], f"killed at step {n}"
        if begun:
            law.i5_running_again_changes_nothing(before, place.everything())
        law.at_any_moment(world)
        decided.done(place)
    assert finished_by_gate


@pytest.mark.parametrize("word", ["release", "reject"])
def test_two_people_at_once_leave_one_word(warm: Warm, decided: Scene, word: str) -> None:
    place = decided.fresh()
    codes = warm(place, gates=4, command=WORDS[word])
    assert set(codes) <= {0, 2}
    assert 0 in codes
    assert stands(place, BAD) == EXPECTED[word][BAD]
    assert len([p for p in place.records("published") if p["partition"] == BAD]) == (1 if word == "release" else 0)
    law.at_any_moment(place.world())
