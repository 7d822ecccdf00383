"""A real file system that cannot exchange folders."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def passed_through(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """FUSE, where this machine may mount it."""
    if shutil.which("bindfs") is None or os.geteuid() != 0:
        pytest.skip("bindfs (a FUSE file system) is not here, or may not be mounted")
    mount = tmp_path_factory.mktemp("mount")
    subprocess.run(["bindfs", str(tmp_path_factory.mktemp("below")), str(mount)], check=True)
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)
