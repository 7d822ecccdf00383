"""Processes of their own: xdist, what is loaded when, the entry point, and our own contracts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from shutil import copy2, copytree
from typing import TYPE_CHECKING

from tests.data.bundled import ADULT_TEST, ADULT_TRAIN, DATA, SUITES, TITANIC
from tests.plugin.conftest import BAD, GOOD, ROOT, Repository

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]

ENGINES = {"duckdb", "polars", "pyarrow", "pandera", "numpy", "pandas"}
LIBRARIES = ENGINES | {"yaml", "jsonschema", "sqlglot", "pydantic", "rich", "typer", "boto3", "jinja2"}
RECORDER = """import os
from dq import api
whole = api.validate

def validate(*arguments, **more):
    with open(os.environ["SEEN"], "a") as seen:
        seen.write("scan\\n")
    return whole(*arguments, **more)

api.validate = validate


def pytest_dq_result(config, source, document):
    with open(config.rootpath / "heard", "a") as heard:
        heard.write(f"{source} {document['rows']}\\n")
"""


def test_workers_share_one_scan(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEN", str(repository.path / "seen"))
    repository.write("conftest.py", RECORDER)
    repository.write("data/a.parquet", GOOD)
    repository.write("data/b.parquet", BAD)
    repository.write("suites/lost.yaml", "source: lost\ncolumns: {amount: {min: 0}}\n")  # one of them says so, once
    found = repository.apart("-p", "xdist.plugin", "-n", "2", "suites", "--dq-source",
                             "orders=data", "--junitxml=junit.xml", "--dq-report", "all.jsonl")  # fmt: skip
    found.assert_outcomes(passed=15, failed=3, skipped=4, warnings=1)
    assert (repository.path / "seen").read_text() == "scan\n"
    found.stdout.fnmatch_lines(
        [
            "3 rows (8 %, allowed 0) outside [[]0, 500]",
            "  b.parquet row 18   order_id=117   amount=-1.5",
            "orders: 14 passed, 2 failed, 1 warned; 40 rows, scanned in *",
            "FAILED suites/orders.yaml::orders::amount.range - 3 rows (8 %, allowed 0) outside [[]0, 500]",
        ]
    )
    assert (repository.path / "junit.xml").read_text().count('name="dq_check"') == 17
    (document,) = map(json.loads, (repository.path / "all.jsonl").read_text().splitlines())
    assert (document["source"], document["rows"], document["counts"]["fail"]) == ("orders", 40, 2)
    assert (repository.path / "heard").read_text() == "orders 40\n"


def loaded(code: str) -> set[str]:
    tail = "import sys, json; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules} | set(sys.modules))))"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tail}"], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_the_plugin_is_light() -> None:
    found = loaded("import pytest; import dq.pytest_plugin")
    assert {m for m in found if m.startswith("dq")} == {"dq", "dq.pytest_plugin"}
    assert not found & LIBRARIES


def test_tests_without_contracts_load_nothing_of_the_gate(repository: Repository) -> None:
    repository.write("test_one.py", "def test_one(): pass\n")
    repository.write("docker-compose.yml", "services: {}\n")
    code = f"import os, pytest; os.chdir({str(repository.path)!r}); pytest.main(['-q', '-p', 'dq.pytest_plugin'])"
    found = loaded(code)
    assert not found & LIBRARIES
    assert {m for m in found if m.startswith("dq.")} <= {
        *("dq.pytest_plugin", "dq.pytest_plugin.choosing", "dq.pytest_plugin.telling"),
        *("dq.pytest_plugin.gathering", "dq.pytest_plugin.hooks"),
        *("dq.reports", "dq.reports.base", "dq.errors", "dq.words"),
    }


def test_collecting_loads_no_engine_and_opens_no_data(repository: Repository) -> None:
    fifo = repository.path / "data.parquet"
    os.mkfifo(fifo)  # whoever opened it would wait for ever
    arguments = ["-q", "--collect-only", "-p", "dq.pytest_plugin", "suites", "--dq-source", f"orders={fifo}"]
    found = loaded(f"import os, pytest; os.chdir({str(repository.path)!r}); pytest.main({arguments!r})")
    assert "dq.dialects.contract" in found
    assert not found & ENGINES


def test_the_entry_point_brings_the_plugin(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert list(declared) == ["dq"]
    body = "[pytest11]\n" + "".join(f"{n} = {m}\n" for n, m in declared.items())
    repository.write("site/dq_gate-0.dist-info/entry_points.txt", body)
    repository.write("site/dq_gate-0.dist-info/METADATA", "Metadata-Version: 2.1\nName: dq-gate\nVersion: 0\n")
    repository.write("data/a.parquet", GOOD)
    monkeypatch.setenv("PYTHONPATH", f"{repository.path / 'site'}{os.pathsep}{ROOT}")
    found = repository.pytester.runpytest_subprocess("-p", "dq", "suites", "--dq-source", "orders=data")
    found.assert_outcomes(passed=17)


OURS = {
    "adult": ADULT_TRAIN, "titanic": TITANIC, "jhu": ROOT / "dq/demo/landing/jhu/04-15-2020.csv.gz",
    "retail": DATA / "retail" / "2010-12-01.csv.gz", "trips": DATA / "trips" / "yellow_tripdata_sample_2019-08.csv.gz",
}  # fmt: skip


def test_our_own_contracts_hold_for_real_data(repository: Repository) -> None:
    (repository.path / "suites" / "orders.yaml").unlink()
    copytree(SUITES, repository.path / "suites", dirs_exist_ok=True)
    assert {f.stem for f in SUITES.glob("*.yaml") if ".pretrain" not in f.name} == set(OURS)
    lines = "".join(f"    {name}={place}\n" for name, place in OURS.items())
    found = repository.pytest(config=f"dq_suites = suites\ndq_sources =\n{lines}")
    assert found.ret == 0
    for name in sorted(OURS):
        found.stdout.fnmatch_lines([f"{name}: * passed*: {OURS[name]}"])


def test_our_own_contract_finds_the_full_stop_behind_every_label(repository: Repository) -> None:
    copy2(SUITES / "adult.yaml", repository.path)
    found = repository.pytest("adult.yaml", "--dq-source", f"adult={ADULT_TEST}")
    (failed,) = [line for line in found.outlines if line.startswith("FAILED")]
    assert "adult::income.allowed - 16,281 rows (100 %, allowed 0)" in failed
