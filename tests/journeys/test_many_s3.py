"""A request to S3 takes tens of milliseconds: a partition costs few, a decided one none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.conftest import make_bucket
from tests.s3.place import S3Place, counted

PROMOTED = Counter(GetObject=4, ListObjectsV2=2, CopyObject=1, PutObject=4)
WITHHELD = Counter(GetObject=2, ListObjectsV2=1, HeadObject=1, PutObject=3)


def asked(place: S3Place) -> Counter[str]:
    with counted() as seen:
        place.gate()
    return seen


def test_a_partition_costs_few_requests_and_a_decided_one_none(tmp_path: Path, s3: str) -> None:
    runs = []
    for count in (1, 3):
        place = S3Place(tmp_path / str(count), make_bucket())
        for day in range(1, count + 1):
            place.land(f"2026-03-{day:02}", day * 100, n=3, files=1)
            place.land(f"2026-04-{day:02}", day * 100, n=3, files=1, fare=-1.0)
        runs.append((asked(place), asked(place)))
    (one, again), (three, later) = runs
    assert later == again
    assert {kind: n / 2 for kind, n in (three - one).items()} == PROMOTED + WITHHELD
