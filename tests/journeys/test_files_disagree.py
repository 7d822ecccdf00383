"""What the name of a file says, and what other files say, against what is in it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.journeys.conftest import Ran
from tests.journeys.landing import Place

Dq = Callable[..., Ran]
TEXT = "id,fare\n" + "".join(f"{n},{n}.5\n" for n in range(9))


def test_compression_is_what_the_name_says(tmp_path: Path) -> None:
    here = Place(tmp_path, trips='layout: "dt={date:%Y-%m-%d}"\n')
    packed = gzip.compress(TEXT.encode())
    landed = {"a.csv.gz": TEXT.encode(), "b.csv": packed, "c.csv.zst": packed, "d.csv.gz": packed}
    said = {}
    for day, (name, content) in enumerate(landed.items(), 1):
        more = f"1{day},1.5\n".encode()
        here.put(f"trips/dt=2026-03-0{day}/{name}", content + (gzip.compress(more) if content is packed else more))
    for document in here.gate():
        said[document["partition"][-1]] = [(r["id"], r["message"].rpartition("/")[2]) for r in document["reasons"]]
    assert said == {
        "1": [("table.compression", "a.csv.gz is named like gzip and is not compressed")],
        "2": [("table.compression", "b.csv is gzip")],
        "3": [("table.compression", "c.csv.zst is named like zstd and is gzip")],
        "4": [],
    }


@pytest.mark.parametrize(
    ("contents", "warnings"),
    [
        ({"a.csv": "id,v\n1,x\n", "b.csv": "id,v\nx,y\n"}, ['column "id" is int64 in a.csv, string in b.csv']),
        ({"a.csv": "id,v\n1,1\n", "b.csv": "id,v\n2.5,\n", "c.csv": "id\n3\n"}, []),
        ({"a.ndjson": '{"a":1}\n', "b.ndjson": '{"a":"1"}\n'}, ['column "a" is int64 in a.ndjson, string in b.ndjson']),
        ({"a.parquet": 1, "b.parquet": "1"}, ['column "v" is int64 in a.parquet, string in b.parquet']),
    ],
)
def test_a_profile_tells_of_types_that_differ(
    contents: dict[str, str | int], warnings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dq: Dq
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in contents.items():
        if name.endswith(".parquet"):
            pl.DataFrame({"v": [content]}).write_parquet(name)
        else:
            Path(name).write_text(str(content))
    ran = dq("profile", *contents)
    assert ran.code == (1 if warnings else 0)  # what is of another type is not read
    assert [line.removeprefix("dq: ") for line in ran.err.splitlines() if "column" in line] == warnings
