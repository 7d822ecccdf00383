"""A day that landed again under another date, in whatever bytes: it is told by its rows."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import polars as pl

from tests.journeys.landing import Place

DAILY = 'layout: "dt={date:%Y-%m-%d}"\n'
FIRST = "dt=2026-03-01"


def day(seed: int, rows: int = 60) -> pl.DataFrame:
    chance = random.Random(seed)
    return pl.DataFrame(
        {
            "n": range(1, rows + 1),
            "name": [f"sensor {n}" for n in range(rows)],
            "fare": [round(chance.gauss(10, 3), 4) for _ in range(rows)],
            "kind": [chance.choice("abc") for _ in range(rows)],
        }
    )


def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sample(fraction=1.0, shuffle=True, seed=7)


def test_the_same_rows_in_other_bytes_are_withheld(tmp_path: Path) -> None:
    here = Place(tmp_path, trips=DAILY, rides=DAILY, again=DAILY + "history: {repeats: true}\n")
    text = day(1).write_csv()
    here.put(f"trips/{FIRST}/a.csv", text)
    here.put("trips/dt=2026-03-02/a.csv", day(2).write_csv())
    assert set(here.verdicts().values()) == {"promote"}
    copies = {
        "03": text.replace("\n", "\r\n"), "04": text.removesuffix("\n"), "05": gzip.compress(text.encode(), mtime=5),
        "06": shuffled(day(1)).write_csv(separator=",", quote_style="always"),
    }  # fmt: skip
    for number, content in copies.items():
        here.put(f"trips/dt=2026-03-{number}/a.csv" + ".gz" * (number == "05"), content)
    here.put("trips/dt=2026-03-07/a.csv", day(1).with_columns(fare=pl.col("fare") + (pl.col("n") == 7) * 0.0001))
    documents = {d["partition"]: d for d in here.gate()}  # by another run: from what history keeps
    assert documents.pop("dt=2026-03-07")["verdict"] == "promote"
    for document in documents.values():
        (reason,) = document["reasons"]
        assert (reason["id"], reason["message"]) == ("table.same_content", f"the same rows as partition {FIRST}")
    assert len(documents) == 4

    day(1).write_parquet(here.put(f"rides/{FIRST}/a.parquet"), compression="zstd")
    shuffled(day(1)).write_parquet(here.put("rides/dt=2026-03-02/a.parquet"), row_group_size=11)
    assert here.verdicts("rides") == {FIRST: "promote", "dt=2026-03-02": "quarantine table.same_content"}
    here.put(f"again/{FIRST}/a.csv", text)
    here.put("again/dt=2026-03-02/a.csv", copies["03"])
    assert set(here.verdicts("again").values()) == {"promote"}


def test_what_is_alike_by_nature_is_no_copy(tmp_path: Path) -> None:
    here = Place(tmp_path, trips=DAILY, ranks=DAILY)
    here.put(f"trips/{FIRST}/a.csv", day(1, rows=19).write_csv())
    here.put("trips/dt=2026-03-02/a.csv", day(1, rows=19).write_csv().replace("\n", "\r\n"))
    assert set(here.verdicts().values()) == {"promote"}
    ranked = day(1).select("n", "name")
    here.put(f"ranks/{FIRST}/a.csv", ranked.write_csv())
    here.put("ranks/dt=2026-03-02/a.csv", ranked.with_columns(pl.col("name").shuffle(seed=3)).write_csv())
    assert set(here.verdicts("ranks").values()) == {"promote"}
