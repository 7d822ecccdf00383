"""A landing with everything around it, and what readers who know nothing of the gate see of its curated zone."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections import Counter, defaultdict
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

# Runs, digests, temporary names, and what tells a landed file: they are compared, and nothing else is known of them.
_TOKEN = re.compile(r"[0-9a-f]{12,}|\d+-[0-9a-f]{8}(?![0-9a-f])|(?:\d+-){3}\d+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+")
_MEASURED = re.compile(r'("(?:seconds|peak_memory_bytes)": ?)[\d.e-]+')
_ERROR = re.compile(r": [^:\"]*\(E[A-Z]+\)")


def _renamed(entries: list[str]) -> str:
    """Times by their rank and tokens by the order they first occur in, whatever order the entries come in."""
    times = {time: f"T{n}" for n, time in enumerate(sorted({*_TIME.findall("\n".join(entries))}))}
    entries = [_TIME.sub(lambda m: times[m[0]], entry) for entry in entries]
    places: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        bare = _TOKEN.sub("#", entry)
        for token in {*_TOKEN.findall(entry)}:
            places[token].append(bare)
    kinds = {token: hashlib.sha256("\n".join(sorted(where)).encode()).hexdigest() for token, where in places.items()}
    entries.sort(key=lambda entry: _TOKEN.sub(lambda m: kinds[m[0]], entry))
    names: dict[str, str] = {}
    return _TOKEN.sub(lambda m: names.setdefault(m[0], f"N{len(names)}"), "\n".join(entries))


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
        """What lies in the zones, but for how long it took and after which error, with other names for runs and times:
        a gate that starts where the same lies does the same."""
        found = []
        for path in (p for zone in ZONES for p in (self.root / zone).rglob("*")):
            status = path.lstat()
            name, text = str(path.relative_to(self.root)), ""
            if stat.S_ISREG(status.st_mode):
                content = path.read_bytes()
                text = hashlib.sha256(content).hexdigest()
                if path.suffix != ".parquet":
                    plain = content.decode(errors="backslashreplace").replace(str(self.root), "")
                    text += " " + _ERROR.sub(": #", _MEASURED.sub(r"\1#", plain))
            elif path.is_symlink():
                text = os.readlink(path)
            if name.startswith("landing/"):
                text += f" {status.st_ino}-{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"
                text += f" {status.st_mtime_ns:_}"
            found.append(f"{name} {stat.S_IFMT(status.st_mode)} {text}")
        return hashlib.sha256(_renamed(found).encode()).hexdigest()

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
