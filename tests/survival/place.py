"""A landing with everything around it, and what readers who know nothing of the gate see of its curated zone."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

from dq import config
from dq.history import History
from dq.running import zones_of
from tests.survival.invariants import World

ZONES = ("landing", "curated", "quarantine", "_dq")
NOW = datetime(2026, 3, 10, tzinfo=UTC)
CONTRACT = """
source: trips
layout: "dt={date:%Y-%m-%d}"
columns:
  id: {type: int64, required: true, unique: true}
  fare: {min: 0}
"""

# Runs and temporary names; in records also digests of records, inodes, times, memory and the words for an error.
_NAMED = re.compile(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])|\d+-[0-9a-f]{8}(?![0-9a-f])|(?<=_dq/index/).*")
_SAID = re.compile(
    r'[0-9a-f]{12,}|(\d+-){3}\d+|\d+\.\d+|\d{4}-\d\d-\d\dT[\d:.]+|(?<="peak_memory_bytes": )\d+|"(cause|why)":"[^"]*"'
)


@cache
def reader() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


class Place:
    def __init__(self, root: Path, layout: str = "auto") -> None:
        self.root = root
        (root / "suites").mkdir(parents=True)
        (root / "landing" / "trips").mkdir(parents=True)
        (root / "suites" / "trips.yaml").write_text(CONTRACT)
        self.layout(layout)

    def layout(self, layout: str, *, isolated: bool = False) -> None:
        zones = '[zones]\nlanding = "landing"\ncurated = "curated"\n'
        # Where only stores fail a judge process per gate would cost its start.
        limits = f"[limits]\nisolated = {str(isolated).lower()}\nretry_seconds = 0\n"
        if isolated:
            (self.root / "temp").mkdir(exist_ok=True)
            limits += f'temp = "{self.root}/temp"\nthreads = 1\n'
        (self.root / "dq.toml").write_text(f'{zones}[publish]\nlayout = "{layout}"\n{limits}')

    @classmethod
    def at(cls, root: Path) -> Place:
        """A place that is already there."""
        place = cls.__new__(cls)
        place.root = root
        return place

    @property
    def settings(self) -> Path:
        return self.root / "dq.toml"

    def land(self, day: str, start: int, n: int = 20, fare: float = 5.0, files: int = 2, bad: int = 0) -> Path:
        """`files` Parquet files with ids from `start` on, the first `bad` of each with a negative fare."""
        folder = self.root / "landing" / "trips" / f"dt={day}"
        folder.mkdir(parents=True, exist_ok=True)
        for file in range(files):
            first = start + file * n
            table = pa.table({"id": list(range(first, first + n)), "fare": [-1.0] * bad + [fare] * (n - bad)})
            pyarrow.parquet.write_table(table, folder / f"part-{file}.parquet")
        return folder

    def files(self, zone: str) -> dict[str, str]:
        base = self.root / zone
        return {
            str(p.relative_to(base)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(base.rglob("*"))
            if p.is_file()
        }

    def everything(self) -> dict[str, str]:
        """All files but locks and what is written about this place."""
        found = {f"{z}/{p}": d for z in ZONES for p, d in self.files(z).items()}
        return {p: d for p, d in found.items() if not p.startswith("_dq/locks/")}

    def likeness(self) -> str:
        """What lies in the zones, but for when, by which run and after which error it was written: a gate that starts
        where the same lies does the same."""
        found = []
        for path in (p for zone in ZONES for p in (self.root / zone).rglob("*")):
            content = path.read_bytes() if path.is_file() else b""
            if path.suffix != ".parquet":
                content = _SAID.sub("#", content.decode().replace(str(self.root), "")).encode()
            name = _NAMED.sub("#", str(path.relative_to(self.root)))
            found.append(f"{name} {path.is_dir()} {hashlib.sha256(content).hexdigest()}")
        return "\n".join(sorted(found))

    def world(self) -> World:
        zones = zones_of("trips", config.load(self.settings, environment={}))
        assert zones.curated is not None
        assert zones.quarantine is not None
        landed = {f"{p}": d for p, d in self.files("landing").items()}
        return World("trips", zones.landing, zones.curated, zones.quarantine, History(zones.history), landed)

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(p.read_bytes()) for p in sorted((self.root / "_dq" / kind).rglob("[!.]*.json"))]

    def naive(self) -> dict[str, Counter[int]]:
        """Ids that a pattern over the source finds, by reader. Each reader must be able to read all it finds."""
        folder = self.root / "curated" / "trips"
        found: dict[str, Counter[int]] = {"duckdb": Counter(), "polars": Counter(), "pyarrow": Counter()}
        with suppress(duckdb.IOException, FileNotFoundError):
            if any(folder.rglob("*.parquet")):
                rows = reader().sql(f"select id from read_parquet('{folder}/**/*.parquet')").fetchall()
                found["duckdb"].update(r[0] for r in rows)
        if any(folder.rglob("*.parquet")):
            found["polars"].update(pl.read_parquet(f"{folder}/**/*.parquet")["id"])
            arrow = pyarrow.dataset.dataset(folder, format="parquet").to_table(columns=["id"])
            found["pyarrow"].update(arrow["id"].to_pylist())
        return found
