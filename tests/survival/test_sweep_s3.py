"""What gc takes away on S3: also what is begun to be uploaded, which nobody sees and everybody pays for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq import operate
from tests.s3.place import S3Place

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_uploads_of_runs_that_ended_are_ended_and_no_others(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = S3Place(tmp_path, bucket)
    place.land("2026-03-01", 0, files=1)
    place.gate()
    generation = "curated/.dq/generations/{}/dt=2026-03-01/1-run/part-0.parquet"
    left = [generation.format("trips"), "quarantine/trips/dt=2026-03-01/x/rows/a"]
    others = ["landing/trips/dt=2026-03-02/part-0.parquet", generation.format("taxis")]
    for key in (*left, *others):
        place.client.create_multipart_upload(Bucket=bucket, Key=key)

    def uploads() -> set[str]:
        return {one["Key"] for one in place.client.list_multipart_uploads(Bucket=bucket)["Uploads"]}

    with monkeypatch.context() as lately:
        lately.setattr("dq.sweep.SAFE_SECONDS", 1e12)
        assert list(operate.gc("trips", config=place.config())) == []
    assert [f"{d['zone']}/{d['path']}" for d in operate.gc("trips", config=place.config(), dry=True)] == left
    assert uploads() == {*left, *others}
    assert [f"{d['zone']}/{d['path']}" for d in operate.gc("trips", config=place.config())] == left
    assert uploads() == set(others)
