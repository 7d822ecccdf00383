"""An object that is replaced in the middle of a read in ranges, at any of them: no mixture is judged, nothing of the old
one is published, and the new one is."""

from __future__ import annotations

from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.s3.place import S3Place, before
from tests.survival import invariants
from tests.survival.conftest import Covers


@pytest.mark.soak
@pytest.mark.parametrize("fare", [5.0, -1.0], ids=["good", "bad"])
def test_replaced_at_any_range(tmp_path: Path, bucket: str, fare: float, covers: Covers) -> None:
    """By one of the same size, of which the gate never says that it is what it judged."""
    place = S3Place(tmp_path, bucket, more="spool_bytes = 100\n")  # nothing is kept
    place.land("2026-02-01", 900, files=1)
    place.gate()
    (key, _) = place.land("2026-03-01", 0)
    place.ask("keep")
    for n in count(1):
        place.ask("restore")
        seen: list[int] = []

        def replace(_: Any, n: int = n, seen: list[int] = seen) -> None:
            seen.append(n)
            if len(seen) == n:
                place.put(key, place.table(500, 20, fare))

        with before("GetObject", replace, on="/landing/"):
            place.gate()
        if len(seen) < n:
            break
        invariants.at_any_moment(place.world())
        place.gate()
        assert place.ids() == ([*range(20, 40), *range(500, 520)] if fare > 0 else []) + [*range(900, 920)]
        invariants.i6_everything_landed_is_finished(place.world(), ["dt=2026-03-01"])
    covers(Counter(points=n - 1))
    assert n > 10
