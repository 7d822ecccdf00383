"""Suites on S3 ask what they ask on a disk, and are data: no code comes from there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dq import api
from dq import pretrain as api_pretrain
from dq.errors import SuiteError, UsageError
from dq.suite import load_contract
from tests.s3.place import CONTRACT, S3Place

SUITES = {
    "trips.yaml": CONTRACT + "include: [fares.gx.json, deep/trips.dqdl, trips.odcs.yaml:rides, trips.pandera.yaml,\n"
    "  {suite: zoned.gx.json, references: {zones: zones.parquet}}]\n",
    "fares.gx.json": json.dumps(
        {"name": "f", "expectations": [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}]}
    ),
    "deep/trips.dqdl": 'Rules = [ ColumnValues "fare" < 100 ]',
    "trips.odcs.yaml": "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n"
    "schema:\n  - name: rides\n    properties:\n      - {name: fare, logicalType: number, required: true}\n"
    "  - name: others\n    properties: []\n",
    "trips.pandera.yaml": "schema_type: dataframe\nversion: 0.35.0\ncolumns:\n  id: {dtype: int64, nullable: false}\n",
    "zoned.gx.json": json.dumps(
        {"name": "z", "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "id"}}]}
    ),
}


@pytest.fixture
def place(tmp_path: Path, bucket: str) -> S3Place:
    """Contracts below `suites/`, the same ones on the disk."""
    made = S3Place(tmp_path, bucket)
    suites = {k: v for k, v in SUITES.items() if not k.startswith("zoned")}
    suites["trips.yaml"] = suites["trips.yaml"].replace(
        ",\n  {suite: zoned.gx.json, references: {zones: zones.parquet}}", ""
    )
    for name, text in {**suites, "model.pretrain.yaml": "label: id\n", "deep/other.yaml": "source: x\n"}.items():
        made.put(f"suites/{name}", text.encode())
        (tmp_path / "suites" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "suites" / name).write_text(text)
    return made


def asked(document: dict[str, Any], folder: str) -> list[tuple[Any, ...]]:
    return [
        (c["id"], c["status"], c["origin"]["file"].removeprefix(folder), c["origin"]["line"])
        for c in document["checks"]
    ]


def test_the_same_is_asked_wherever_suites_lie(place: S3Place, dq: Any) -> None:
    place.land("2026-03-01", 0)
    place.land("2026-03-02", 100, fare=500.0)
    url, data = f"s3://{place.bucket}/suites/", f"s3://{place.bucket}/landing/trips/dt=2026-03-02"
    found = []
    for folder in (url, f"{place.root}/suites/"):
        ran = dq("validate", data, "--suite", f"{folder}trips.yaml", "--json", "--config", place.settings)
        assert ran.code == 1, ran.err
        found.append(asked(ran.documents[0], folder))
    assert found[0] == found[1]
    assert {file for _, _, file, _ in found[0] if file} == {k for k in SUITES if not k.startswith("zoned")}
    for name in ("fares.gx.json", "deep/trips.dqdl", "trips.odcs.yaml:rides", "trips.pandera.yaml"):
        assert load_contract(url + name).suite.checks, name

    place.settings.write_text(f'suites = "{url[:-1]}"\n' + place.settings.read_text())
    ran = dq("gate", "--config", place.settings, "--json")
    assert [(d["partition"], d["verdict"]) for d in ran.documents] == [
        ("dt=2026-03-01", "promote"), ("dt=2026-03-02", "quarantine")
    ]  # fmt: skip
    assert dq("gate", "--config", place.settings, "--json").documents == [], "the same suite is the same"
    assert dq("doctor", "--config", place.settings).code == 0
    assert api.published("trips", config=place.config())


def test_a_suite_names_data_beside_it(place: S3Place) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"zone_id": [1]}), sink)
    place.put("suites/zones.parquet", sink.getvalue())
    for name, text in SUITES.items():
        place.put(f"suites/{name}", text.encode())
    contract = load_contract(f"s3://{place.bucket}/suites/trips.yaml")
    assert contract.references == (("zones", f"s3://{place.bucket}/suites/zones.parquet"),)


def test_what_is_wrong_is_said_with_its_url(place: S3Place) -> None:
    base = f"s3://{place.bucket}/suites"
    place.put("suites/wrong.yaml", b"source: wrong\ncolums: {}\n")
    place.put("suites/bytes.yaml", b"source: \xff\n")
    place.put("suites/large.yaml", b"#" * ((16 << 20) + 1))
    place.put("suites/schema.py", b"import os\n")
    for name in ("../history/x.gx.json", "schema.py:Trips", "nothing.dqdl", "s3://other/x.dqdl"):
        place.put(f"suites/in-{len(name)}.yaml", f"source: x\ninclude: ['{name}']\n".encode())
    place.put("suites/plug.yaml", b"source: x\ninclude: [{suite: fares.gx.json, plugins: own}]\n")
    told = {
        "wrong.yaml": f'{base}/wrong.yaml:2: unknown key "colums" (did you mean "columns"?)',
        "bytes.yaml": f"{base}/bytes.yaml: not UTF-8 at byte 8",
        "large.yaml": f"{base}/large.yaml: 16,777,217 bytes are no suite; at most 16,777,216 are read",
        "none.yaml": f"{base}/none.yaml: no such object",
        "schema.py:Trips": f"{base}/schema.py: is code, which is not run from S3: copy it to",
        "in-20.yaml": f"{base}/in-20.yaml:2: include: s3://{place.bucket}/history/x.gx.json lies outside the",
        "in-15.yaml": f"{base}/in-15.yaml:2: include: {base}/schema.py: is code, which is not run from S3",
        "in-12.yaml": f"{base}/in-12.yaml:2: include: {base}/nothing.dqdl: no such object",
        "in-17.yaml": f"{base}/in-17.yaml:2: include: {base}/s3:/other/x.dqdl: no such object",
        "plug.yaml": f"{base}/plug.yaml:2: include: plugins: {base}/own: is code",
    }
    for name, said in told.items():
        with pytest.raises((UsageError, SuiteError)) as raised:
            load_contract(f"{base}/{name}")
        assert str(raised.value).startswith(said), name


def test_a_source_without_a_contract_is_said(place: S3Place, dq: Any) -> None:
    text = place.settings.read_text()
    place.settings.write_text(f'suites = "s3://{place.bucket}/suites/"\n' + text)
    ran = dq("gate", "tripps", "--config", place.settings)
    assert ran.code == 2
    assert f"s3://{place.bucket}/suites/tripps.yaml: no contract for source tripps" in ran.err
    assert '(did you mean "trips"?); there are trips' in ran.err
    place.settings.write_text(f'suites = "s3://{place.bucket}/nowhere"\n' + text)
    ran = dq("gate", "--config", place.settings)
    assert (ran.code, "nowhere: no folder of contracts" in ran.err) == (2, True)


def test_roles_of_training_may_lie_there(place: S3Place) -> None:
    place.put("suites/m.pretrain.yaml", b"label: fare\ncontract: adult.yaml\n")
    place.put("suites/adult.yaml", b"source: adult\n")
    place.land("2026-03-01", 0, n=30)
    place.land("2026-03-02", 100, n=30)
    base = f"s3://{place.bucket}"
    found = api_pretrain(
        f"{base}/landing/trips/dt=2026-03-01", test=f"{base}/landing/trips/dt=2026-03-02",
        suite=f"{base}/suites/m.pretrain.yaml", config=place.config(),
    )  # fmt: skip
    assert found.checks
