"""The bundled real data (ATTRIBUTION.md), and a user's folder made of it."""

from datetime import UTC, datetime
from pathlib import Path
from shutil import copy2, copytree
from typing import Any

from dq import api, config

DATA = Path(__file__).parent
SUITES = DATA.parents[1] / "suites"
NOW = datetime(2026, 3, 1, tzinfo=UTC)

ADULT_TRAIN = DATA / "adult" / "adult-train.csv.gz"
ADULT_TEST = DATA / "adult" / "adult-test.csv.gz"
TITANIC = DATA / "titanic" / "titanic.csv"


def landed(root: Path, source: str, *names: str) -> Path:
    """A folder with landing, contract and dq.toml; of the source's files all, or the named ones. Returns it."""
    landing = root / "landing" / source
    if names:
        landing.mkdir(parents=True)
        for name in names:
            copy2(DATA / source / name, landing)
    else:
        copytree(DATA / source, landing)
    (root / "suites").mkdir()
    copy2(SUITES / f"{source}.yaml", root / "suites")
    (root / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
    return root


def gated(root: Path, source: str, **settings: Any) -> dict[str, dict[str, Any]]:
    """Documents of one run of the gate, by partition."""
    loaded = config.load(root / "dq.toml", environment={}, **settings)
    return {d["partition"]: d for d in api.gate(source, config=loaded, now=NOW)}
