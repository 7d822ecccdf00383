"""A source that somebody attacks: what they land, and what the gate makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dq import api, config

CONTRACT = 'source: drop\nlayout: "k={str}"\n'


class Victim:
    """Partitions are `k=<name>`, with one file each unless a file is named."""

    def __init__(self, root: Path, contract: str = CONTRACT) -> None:
        self.root = root
        (root / "suites").mkdir()
        (root / "landing" / "drop").mkdir(parents=True)
        self.settings()
        self.contract(contract)

    def settings(self, **limits: Any) -> None:
        lines = [f"{name} = {json.dumps(value)}" for name, value in {"threads": 1, **limits}.items()]
        zones = '[zones]\nlanding = "landing"\ncurated = "curated"\n[limits]\n'
        (self.root / "dq.toml").write_text(zones + "\n".join(lines) + "\n")

    def contract(self, text: str) -> None:
        (self.root / "suites" / "drop.yaml").write_text(text)

    def path(self, name: str, file: str) -> Path:
        folder = self.root / "landing" / "drop" / f"k={name}"
        folder.mkdir(exist_ok=True)
        return folder / file

    def land(self, name: str, content: bytes, file: str = "part.parquet") -> Path:
        path = self.path(name, file)
        path.write_bytes(content)
        return path

    def gate(self, engine: str = "auto") -> list[dict[str, Any]]:
        found = config.load(self.root / "dq.toml", environment={}, engine=engine)
        return list(api.gate("drop", config=found))

    def outcome(self, engine: str = "auto") -> tuple[str, str]:
        """Of the only partition: verdict and id of the first reason."""
        (document,) = self.gate(engine)
        return document["verdict"], next((r["id"] for r in document["reasons"]), "")

    def published(self) -> set[str]:
        base = self.root / "curated"
        return {str(p.relative_to(base)) for p in base.rglob("*") if p.is_file() and ".dq" not in p.parts}
