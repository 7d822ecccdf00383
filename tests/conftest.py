"""Stores that are real: a file system that cannot exchange folders, and a server that speaks S3."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.s3 import servers

_numbers = count()
LAST = ("conformance", "differential", "laws", "golden", "architecture")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start processes and servers come first, so that workers end together, on short ones."""
    ranks, root = {name: n for n, name in enumerate(LAST, 1)}, Path(__file__).parent
    items.sort(key=lambda item: ranks.get(item.path.relative_to(root).parts[0], 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a soak has covered: the sum of the property `points`, by test."""
    points: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for one in reports:
            if getattr(one, "when", "") == "teardown":
                points[one.nodeid.partition("[")[0]] += sum(n for name, n in one.user_properties if name == "points")
    for test, n in points.items():
        if n and terminalreporter.config.option.markexpr == "soak":
            terminalreporter.write_line(f"{n:,} points: {test}")


@pytest.fixture(scope="session")
def passed_through(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """FUSE, where this machine may mount it."""
    if shutil.which("bindfs") is None or os.geteuid() != 0:
        pytest.skip("bindfs (a FUSE file system) is not here, or may not be mounted")
    mount = tmp_path_factory.mktemp("mount")
    subprocess.run(["bindfs", str(tmp_path_factory.mktemp("below")), str(mount)], check=True)
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """moto, over HTTP, in a process of its own, or what S3_SERVER names."""
    if servers.CHOSEN != "moto":
        with servers.started(servers.CHOSEN) as endpoint:
            yield endpoint
        return
    command = [sys.executable, "-m", "tests.s3.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.communicate()


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The endpoint, as the AWS configuration of this process has it."""
    configure(s3_endpoint, monkeypatch)
    return s3_endpoint


def configure(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = {"ENDPOINT_URL": s3_endpoint, "ACCESS_KEY_ID": servers.KEY, "SECRET_ACCESS_KEY": servers.SECRET}
    settings |= {"REGION": "us-east-1", "CONFIG_FILE": os.devnull, "SHARED_CREDENTIALS_FILE": os.devnull}
    for name, value in settings.items():
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.fixture
def bucket(s3: str) -> str:
    return make_bucket()


def make_bucket(kind: str = "plain") -> str:
    """A new one; `kind` is what tests/s3/server.py does to it."""
    from dq.stores.s3.access import Access

    if kind != "plain":
        servers.needs("front")
    name = f"{kind}-bucket-{next(_numbers)}"
    Access().clients[0].create_bucket(Bucket=name)
    return name
