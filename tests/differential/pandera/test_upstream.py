"""Upstream's own cases of its built-in checks, from its source distribution, judged by us."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[3]
CASES = "tests/common/test_builtin_checks.py"
OTHERWISE: dict[str, str] = {}  # cases that end otherwise here, and why


@pytest.mark.soak
def test_the_cases_of_upstream_end_here_as_there(tmp_path: Path) -> None:
    wanted = f"pandera=={version('pandera')}"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-binary", "pandera", "--no-deps", wanted]
    subprocess.run([*pip, "-d", str(tmp_path)], check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as whole:
        whole.extractall(tmp_path, filter="data")
    told = tmp_path / "told.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "replay",
         "-k", "not ibis and not pyspark", f"--junitxml={told}", f"{archive.name.removesuffix('.tar.gz')}/{CASES}"],
        cwd=tmp_path, env={"PYTHONPATH": f"{HERE}{os.pathsep}{ROOT}"}, check=False,
    )  # fmt: skip
    cases = list(xml.parse(told).iter("testcase"))
    failed = {f"{c.get('name')}" for c in cases if c.find("failure") is not None or c.find("error") is not None}
    assert len(cases) >= 390
    assert failed == set(OTHERWISE)
