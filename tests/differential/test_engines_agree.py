"""Three different answers cannot happen: the same landings on DuckDB only, on Polars only and on auto."""

import json
from pathlib import Path

import pytest

from dq import api, config
from dq.gate import Wanted
from tests.journeys.real import NOW, SOURCES, prepare

ENGINES = ("duckdb", "polars", "auto")


def judged(root: Path, source: str, engine: str) -> list[str]:
    """Documents of every landing without what may differ: how it was scanned, and the run's own name."""
    prepare(root, source)
    settings = config.load(root / "dq.toml", environment={}, engine=engine)
    documents = list(api.gate(source, config=settings, wanted=Wanted(), now=NOW))
    for document in documents:
        for key in ("scan", "run_id"):
            document.pop(key)
    return [json.dumps(d, sort_keys=True).replace(str(root), "") for d in documents]


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_documents_on_every_engine(tmp_path: Path, source: str) -> None:
    found = {engine: judged(tmp_path / engine, source, engine) for engine in ENGINES}
    assert len(found["auto"]) == SOURCES[source]
    for engine in ("duckdb", "polars"):
        for mine, auto in zip(found[engine], found["auto"], strict=True):
            assert mine == auto, engine
