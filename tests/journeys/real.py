"""The bundled landings, laid out as a user's folder."""

from datetime import UTC, datetime
from pathlib import Path
from shutil import copy2, copytree

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def prepare(root: Path, source: str) -> Path:
    """A folder with landing, contract and dq.toml; returns it."""
    copytree(ROOT / "dq" / "demo" / "landing" / source, root / "landing" / source)
    (root / "suites").mkdir()
    copy2(ROOT / "suites" / f"{source}.yaml", root / "suites")
    (root / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
    return root
