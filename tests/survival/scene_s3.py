"""A landing on S3 in a known state, to be used up many times, and what must be true of it after whatever happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dq import api
from dq.errors import HoldError
from dq.gate import Wanted
from dq.stores.s3 import S3Store
from tests.conftest import make_bucket
from tests.s3.place import CONTRACT, S3Place
from tests.survival import invariants

PARTITIONS = ("dt=2026-03-01", "dt=2026-03-02", "dt=2026-03-03", "dt=2026-03-04")
OLD, REVISED, NEW, GOOD = range(20), range(100, 120), range(200, 240), [*range(401, 420)]


class S3Scene(S3Place):
    """One partition to be revised, one new, one bad, one with a bad row to be split off; the gate has yet to see them.
    With `through`, an endpoint, the gate reaches S3 there, and this test does not. `ranged`: files are read in
    ranges, and of a partition with a bad row nothing is split off."""

    def __init__(self, root: Path, through: str = "", *, ranged: bool = False) -> None:
        more = "ranged_bytes = 100\n" * ranged + f'[s3]\nendpoint = "{through}"\n' * bool(through)
        super().__init__(root, make_bucket(), CONTRACT + "policy: {on_fail: split}\n" * (not ranged), more)
        self.good = [] if ranged else GOOD
        self.land("2026-03-01", 0, files=1)
        self.gate()
        S3Store(f"s3://{self.bucket}/quarantine", access=self.config().s3.access()).put_if_absent(".dq/seen", b"")
        self.land("2026-03-01", 100, files=1)
        self.land("2026-03-02", 200, files=2)
        self.land("2026-03-03", 300, files=1, fare=-1.0)
        self.land("2026-03-04", 400, files=1, bad=1)
        self.ask("keep")

    def fresh(self) -> S3Scene:
        self.ask("restore")
        return self

    def tried(self, **wanted: Any) -> tuple[list[dict[str, Any]], str]:
        """Documents, and what held the source."""
        documents = []
        try:
            for one in api.gate("trips", config=self.config(), wanted=Wanted(**wanted)):
                documents.append(one)
        except HoldError as held:
            return documents, str(held)
        return documents, ""

    def holds(self, documents: list[dict[str, Any]] = ()) -> None:  # type: ignore[assignment]
        """Whatever happened: readers see one revision or the other, whole, and success is what they see."""
        world = self.world()
        invariants.at_any_moment(world)
        invariants.i9_success_is_what_readers_see(world, [d for d in documents if d["verdict"] != "hold"])
        seen = {
            key: self.ids_in([f"curated/{one.path}/{f.path}" for f in one.files])
            for key, one in world.visible().items()
        }
        assert seen.pop(PARTITIONS[0]) in ([*OLD], [*REVISED])
        assert seen.pop(PARTITIONS[1], [*NEW]) == [*NEW]
        assert seen.pop(PARTITIONS[3], self.good) == self.good
        assert not seen

    def finishes(self) -> None:
        """Run again, all is done; and again, nothing changes."""
        documents, held = self.tried()
        assert not held
        self.is_finished(documents)
        lasting = self.lasting()
        assert self.tried() == ([], "")
        assert self.lasting() == lasting

    def is_finished(self, documents: list[dict[str, Any]]) -> None:
        self.holds(documents)
        invariants.i6_everything_landed_is_finished(self.world(), PARTITIONS)
        assert self.ids() == [*REVISED, *NEW, *self.good]
