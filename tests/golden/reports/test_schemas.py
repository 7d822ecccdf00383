"""Published JSON Schemas: sound, every key documented, and real documents are exactly what they say."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from jsonschema import Draft202012Validator

from dq import api, config, operate, running, standing, training
from dq.doctor import examine
from dq.gate import Wanted
from dq.ir.document import difference
from dq.profile import document as profile_document
from dq.reports.comparison import comparison

NAMES = ("result", "profile", "diff", "status", "history", "gc", "doctor", "files", "comparison", "pretrain")
NOW = datetime(2026, 3, 10, tzinfo=UTC)
CONTRACT = """
source: trips
layout: "dt={date:%Y-%m-%d}"
expected: {every: 1d, by: "06:00"}
owner: growth
columns:
  id: {type: int64, unique: true}
  fare: {min: 0, max: {value: 3, severity: warn}}
checks:
  - {row_count: ">= 60% of previous"}
"""

SPLITTING = "policy: {on_fail: split, split_max: 50%}\nchecks:"

EVERY_KIND = {
    "id": ["a", "N/A", " "],
    "mail": ["a@example.com", "b@example.org", None],
    "flag": [True, None, False],
    "share": [0.5, float("inf"), float("nan")],
    "at": [datetime(1970, 1, 1), datetime(2999, 1, 1), None],
    "tags": [["x"], [], None],
    "place": [{"city": "x"}, None, {"city": None}],
    "price": [Decimal("1.50"), Decimal("-2.00"), None],
}


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files("dq.reports") / "schemas" / f"{name}.json").read_text())
    return found


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """One gated source with every verdict that data can cause, and all documents of it."""
    root = tmp_path_factory.mktemp("schemas")
    (root / "suites").mkdir()
    (root / "suites" / "trips.yaml").write_text(CONTRACT)
    (root / "dq.toml").write_text('[zones]\nlanding = "landing"\ncurated = "curated"\n')
    for day, fares in (("01", [1.0, 2.5, None]), ("02", [float("nan"), -1.0, 9.0]), ("03", [1.0])):
        folder = root / "landing" / "trips" / f"dt=2026-03-{day}"
        folder.mkdir(parents=True)
        pl.DataFrame({"id": range(len(fares)), "fare": fares}).write_parquet(folder / "part.parquet")
    more = pl.DataFrame({"id": [7], "fare": [1.0]})
    more.write_parquet(root / "landing" / "trips" / "dt=2026-03-01" / "more.parquet")
    (root / "landing" / "trips" / "dt=2026-03-04").mkdir()
    (root / "landing" / "trips" / "dt=2026-03-04" / "part.parquet").write_bytes(b"PAR1")
    (root / "landing" / "trips" / "stray.parquet").write_bytes(b"PAR1")
    settings = config.load(root / "dq.toml", environment={})
    results = list(api.gate("trips", config=settings))
    (root / "suites" / "rides.yaml").write_text(CONTRACT.replace("trips", "rides").replace("checks:", SPLITTING))
    (root / "landing" / "rides" / "dt=2026-03-01").mkdir(parents=True)
    (root / "landing" / "rides" / "dt=2026-03-01" / "part.csv").write_text("id,fare\n1,1.0\n2,-1.0\n3\n4,2.0\n")
    results += api.gate("rides", config=settings)
    results.append(api.gate_named("trips", "2026-03-09", config=settings, wanted=Wanted()))
    run = running.gate_run("trips", settings)
    results += [standing.stored(run, "2026-03-01"), standing.stored(run, "2026-03-02")]
    said = {"by": "ada", "why": "known", "config": settings}
    results += [operate.release("trips", "2026-03-02", **said), operate.reject("trips", "2026-03-04", **said)]
    results += operate.accept("trips", "2026-03-01", **said)
    operate.reject("trips", "2026-03-05", **said)
    (root / "landing" / "trips" / "dt=2026-03-01" / "more.parquet").unlink()
    found = api.profile(root / "landing" / "trips" / "dt=2026-03-01")
    other = api.profile(pl.DataFrame(EVERY_KIND))
    old = root / "curated" / ".dq" / "superseded" / "trips" / "dt=2026-03-01" / "1-0123456789ab" / "part.parquet"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"1234")
    os.utime(old, (0, 0))
    keep_none = settings.model_copy(update={"publish": config.Publish(keep=0)})
    sides = {"name": "a", "rows": 3}, {"name": "b", "rows": 3}
    half = pl.DataFrame({"id": range(300), "fare": [0.5, None, float("inf")] * 100, "label": ["a", "b", None] * 100})
    part = {"label": "label", "limits": config.Limits(isolated=False)}
    return {
        "pretrain": [
            training.pretrain(half[:200], val=half[190:250], test=half[250:], id="id", **part).document,
            training.pretrain(half[:0], test=half, **part).document,
        ],
        "result": results,
        "profile": [profile_document(found), profile_document(other)],
        "diff": [difference(*sides, api.diff(found, other)), difference(*sides, ())],
        "status": [operate.status("trips", config=settings, now=NOW)],
        "history": operate.history("trips", config=settings),
        "gc": [*operate.gc("trips", config=keep_none, dry=True), *operate.gc("trips", config=keep_none)],
        "doctor": [examine(settings, {"DQ_CURRATED": "x"}), examine(config.load(environment={}, landing=root / "no"))],
        "files": [standing.files(run)],
        "comparison": [compared(1), compared(2)],
    }


def compared(count: int) -> dict[str, Any]:
    config = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}
    ours = {"success": count == 1, "expectation_config": config, "result": {"observed_value": count}}
    theirs = {"success": True, "expectation_config": config, "result": {"observed_value": 1}}
    return comparison({"results": [ours]}, {"results": [theirs]}, "•••")


@pytest.mark.parametrize("name", NAMES)
def test_documents_are_what_the_schema_says(documents: dict[str, list[dict[str, Any]]], name: str) -> None:
    validator = Draft202012Validator(schema(name))
    for document in documents[name]:
        json.dumps(document, allow_nan=False)
        assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(document)] == []


def test_the_documents_cover_what_happens(documents: dict[str, list[dict[str, Any]]]) -> None:
    assert {d["verdict"] for d in documents["result"]} == {"promote", "quarantine", "hold"}
    assert {c["status"] for d in documents["result"] for c in d["checks"]} >= {"pass", "fail", "skip"}
    assert [d["split"]["records_rejected"] for d in documents["result"] if d["split"]] == [1]
    assert documents["diff"][0]["differences"]
    assert {n["state"] for d in documents["status"] for n in d["needs"]} >= {"quarantined", "late", "shrunk"}
    assert documents["status"][0]["overruled"]
    assert [d["removed"] for d in documents["gc"]] == [False, True]
    assert [len(d["problems"]) > 0 for d in documents["doctor"]] == [True, True]
    assert {d["event"] for d in documents["history"]} == {
        "promoted", "quarantined", "released", "rejected", "accepted", "excused"
    }  # fmt: skip
    assert documents["files"][0]["files"]


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_sound_and_names_itself(name: str) -> None:
    found = schema(name)
    Draft202012Validator.check_schema(found)
    assert found["title"] == found["properties"]["schema"]["const"] == f"dq.{name}/1"


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_documented(name: str) -> None:
    assert [key for key, value in keys(schema(name)) if not value.get("description")] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_document_has_a_key_the_schema_does_not_know(
    documents: dict[str, list[dict[str, Any]]], name: str
) -> None:  # fmt: skip
    validator = Draft202012Validator(closed(schema(name)))
    for document in documents[name]:
        unknown = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(document)]
        assert unknown == []


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.glob("*.json")), ids=lambda p: p.stem)
def test_golden_documents_are_documents(path: Path) -> None:
    found = json.loads(path.read_text())
    for document in found if isinstance(found, list) else [found]:
        Draft202012Validator(schema(document["schema"].split(".")[1].split("/")[0])).validate(document)


def keys(part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict):
        yield from part.get("properties", {}).items()
        for value in part.values():
            yield from keys(value)
    elif isinstance(part, list):
        for value in part:
            yield from keys(value)


def closed(part: Any) -> Any:
    """The schema with no room for keys it does not list."""
    if isinstance(part, list):
        return [closed(p) for p in part]
    if not isinstance(part, dict):
        return part
    inner = {k: closed(v) for k, v in part.items()}
    return {**inner, "additionalProperties": False} if isinstance(part.get("properties"), dict) else inner
