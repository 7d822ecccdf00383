"""What holds on moto holds on servers that others wrote; where writes know no conditions the gate keeps nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.journeys.real import ROOT
from tests.s3 import servers

TESTS = (
    "tests/conformance/test_stores.py", "tests/conformance/test_s3_faults.py", "tests/journeys/test_gate_s3.py",
    "tests/journeys/test_s3_faults.py", "tests/journeys/test_s3_versions.py", "tests/journeys/test_ranges_s3.py",
    "tests/journeys/test_suites_s3.py",
)  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("name", [name for name in servers.SERVERS if name != "moto"])
def test_what_holds_on_moto_holds_there(name: str) -> None:
    servers.installed(name)
    tests = ["-k", "without_conditional_writes" if servers.SERVERS[name].refused else "s3", *TESTS]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", *tests],
        cwd=ROOT, env={**os.environ, "S3_SERVER": name}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout
