"""A split survives what a whole partition survives: killed between any two steps it is finished, row by row."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dq import publish
from dq.ir.positions import Selection
from tests.survival import invariants as law
from tests.survival.conftest import Scene, Warm
from tests.survival.place import CONTRACT, Place
from tests.survival.test_kills import EVERY, points

KEY = "dt=2026-03-01"
GOOD, BAD = [*range(40), *range(101, 119)], [100, 119]
SPLITTING = CONTRACT + "policy: {on_fail: split, split_max: 10%}\n"


@pytest.fixture(params=["flat", "generations"])
def torn(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    """A partition of three files, the last with two bad rows; the gate has not seen it yet."""
    place = Place(tmp_path / "made", request.param)
    (place.root / "suites" / "trips.yaml").write_text(SPLITTING)
    folder = place.land("2026-03-01", 0)
    fares = [-1.0, *[5.0] * 18, -2.0]
    pq.write_table(pa.table({"id": list(range(100, 120)), "fare": fares}), folder / "part-2.parquet")
    return Scene(place, tmp_path)


def ids(place: Place, found: dict[str, Path]) -> list[int]:
    return [i for path in found.values() for i in pq.read_table(path, columns=["id"])["id"].to_pylist()]


def both(place: Place) -> None:
    """Readers see the good rows, the quarantine zone holds the others, and each row is in one of them."""
    seen = place.world().visible()[KEY]
    curated = {f.path: place.root / "curated" / seen.path / f.path for f in seen.files}
    kept = {p.name: p for p in (place.root / "quarantine").rglob("*.parquet")}
    assert sorted(ids(place, curated)) == GOOD
    assert ids(place, kept) == BAD
    (record,) = (place.root / "quarantine").rglob("quarantine.json")
    assert json.loads(record.read_text())["rows_quarantined"] == 2


def kill_at(warm: Warm, torn: Scene, n: int, *, contract: str = "") -> None:
    place = torn.fresh()
    world = place.world()
    assert warm(place, act="kill", at=n) == [-9]
    law.at_any_moment(world)
    naive = [Counter(GOOD), Counter()]
    assert all(found in naive for found in place.naive().values()), f"killed at step {n}: {place.naive()}"
    if not torn.is_new(place):
        torn.done(place)
        return
    if contract:
        (place.root / "suites" / "trips.yaml").write_text(contract)
    out = place.root / "out"
    (code,) = warm(place, out=str(out))
    assert code == 0, out.read_text()[-1000:]
    law.at_any_moment(world)
    law.i6_everything_landed_is_finished(world, [KEY])
    law.i9_success_is_what_readers_see(world, law.documents_in(out.read_text()))
    both(place)
    before = place.everything()
    assert warm(place) == [0]
    law.i5_running_again_changes_nothing(before, place.everything())
    torn.done(place)


def test_killed_at_store_operations(warm: Warm, torn: Scene) -> None:
    steps = warm.steps(torn.fresh())
    decided = next(n for n, step in enumerate(steps, 1) if step.startswith("before history put_if_absent selections"))
    assert len(steps) - decided > 20
    for n in sorted({decided, *points(len(steps), EVERY)}):
        kill_at(warm, torn, n)


@pytest.mark.soak
def test_killed_at_every_store_operation(warm: Warm, torn: Scene) -> None:
    for n in range(1, len(warm.steps(torn.fresh())) + 1):
        kill_at(warm, torn, n)


def test_a_contract_that_changes_between_decision_and_move_changes_nothing(warm: Warm, torn: Scene) -> None:
    steps = warm.steps(torn.fresh())
    decided = next(n for n, step in enumerate(steps, 1) if step.startswith("before history put_if_absent decisions"))
    kill_at(warm, torn, decided + 1, contract=CONTRACT.replace("min: 0", "min: 4, max: 4"))


def test_a_split_that_cannot_be_made_again_is_held(warm: Warm, torn: Scene) -> None:
    place = torn.fresh()
    steps = warm.steps(torn.fresh())
    decided = next(n for n, step in enumerate(steps, 1) if step.startswith("before history put_if_absent decisions"))
    assert warm(place, act="kill", at=decided + 1) == [-9]
    (kept,) = (place.root / "_dq" / "selections").rglob("*.json")
    kept.unlink()
    out = place.root / "out"
    assert warm(place, out=str(out)) == [3]
    assert "history holds no selection" in out.read_text()
    assert place.naive() == {name: Counter() for name in ("duckdb", "polars", "pyarrow")}
    assert warm(place, arguments=["--again"]) == [0]
    both(place)


def test_gates_that_split_at_once_agree(warm: Warm, torn: Scene) -> None:
    place = torn.fresh()
    assert set(warm(place, gates=4, locks=False)) <= {0, 3}
    assert warm(place) == [0]
    law.at_any_moment(place.world())
    both(place)


def test_the_selection_is_data(warm: Warm, torn: Scene) -> None:
    place = torn.fresh()
    assert warm(place) == [0]
    world = place.world()
    (decision,) = world.history.decisions("trips")[KEY].values()
    selection = world.history.selection(decision)
    assert isinstance(selection, Selection)
    assert (selection.bad, selection.rejected) == (2, 0)
    assert publish.withheld_at(decision).endswith("/split-1")
