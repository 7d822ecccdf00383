"""A place in which data lands, for tests that care how it lies there."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from dq import api, config
from dq.gate import Wanted

NOW = datetime(2026, 3, 10, tzinfo=UTC)
TOML = '[zones]\nlanding = "landing"\ncurated = "curated"\n'


class Place:
    """Contracts by source, landing, and everything the gate makes beside them."""

    def __init__(self, root: Path, toml: str = TOML, **contracts: str) -> None:
        self.root = root
        (root / "suites").mkdir()
        (root / "dq.toml").write_text(toml)
        for source, text in contracts.items():
            (root / "suites" / f"{source}.yaml").write_text(f"source: {source}\n{text}")
            (root / "landing" / source).mkdir(parents=True)

    def put(self, path: str, content: pl.DataFrame | str | bytes = b"") -> Path:
        """A file below landing; a frame in the format of the name."""
        target = self.root / "landing" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pl.DataFrame):
            write = content.write_csv if ".csv" in path else content.write_parquet
            write(target)
        else:
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def gate(self, source: str = "trips", now: datetime = NOW, **wanted: Any) -> list[dict[str, Any]]:
        settings = config.load(self.root / "dq.toml", environment={})
        return list(api.gate(source, config=settings, wanted=Wanted(**wanted), now=now))

    def verdicts(self, source: str = "trips", **wanted: Any) -> dict[str, str]:
        """Verdict by partition, with the ids of the reasons."""
        return {
            d["partition"]: " ".join([d["verdict"], *(r["id"] for r in d["reasons"])])
            for d in self.gate(source, **wanted)
        }

    def waits(self, key: str, source: str = "trips") -> str:
        """Why a named partition is not judged."""
        (document,) = self.gate(source, keys=frozenset({key}))
        assert document["verdict"] == "hold"
        return str(document["reasons"][0]["message"])

    def files(self, zone: str) -> dict[str, str]:
        base = self.root / zone
        return {
            str(p.relative_to(base)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(base.rglob("*"))
            if p.is_file() and not p.is_symlink() and not str(p.relative_to(base)).startswith(".dq/")
        }


def rows(n: int = 10, start: int = 0) -> pl.DataFrame:
    return pl.DataFrame({"id": range(start, start + n), "fare": [5.0 + start] * n})
