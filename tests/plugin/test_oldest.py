"""The plugin on the oldest pytest that it says it runs on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.conftest import ROOT


@pytest.mark.soak
def test_the_tests_of_the_plugin_pass_on_pytest_8(tmp_path: Path) -> None:
    """Beside everything else that is installed, in place of the newer one."""
    environment = {n: v for n, v in os.environ.items() if n != "PIP_CONSTRAINT"}
    wanted = ["pytest==8.4.*", "pytest-xdist==3.8.*"]
    pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(tmp_path), *wanted]
    subprocess.run(pip, check=True, env=environment)
    environment |= {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    code = "import pytest, sys; assert pytest.version_tuple[0] == 8; sys.exit(pytest.main(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", code, "-q", "tests/plugin"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
