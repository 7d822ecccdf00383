"""Gates that start at once, and places in a known state."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.s3.place import S3Place
from tests.survival.place import CONTRACT, Place

Covers: TypeAlias = "Callable[[Counter[str]], None]"


class Warm:
    """Orders a forked gate and waits for its exit codes; negative where a signal ended it."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.survival.warm"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.points = 0  # orders to be disturbed at one point

    def __call__(self, place: Place | S3Place, **order: Any) -> list[int]:
        self.points += "at" in order or any("inject=" in option for option in order.get("strace", ()))
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"root": str(place.root), **order}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())  # type: ignore[no-any-return]

    def steps(self, place: Place, **order: Any) -> list[str]:
        """The steps of an undisturbed gate."""
        log = place.root / "steps.log"
        self(place, log=str(log), **order)
        found = log.read_text().splitlines()
        log.unlink()
        return found

    def close(self) -> None:
        self.process.communicate(timeout=60)


@pytest.fixture
def covers(record_property: Callable[[str, object], None]) -> Covers:
    """Has the summary of the run say how many points a test went through, by kind."""

    def told(points: Counter[str]) -> None:
        for kind, n in sorted(points.items()):
            record_property(kind, n)

    return told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        if report.when == "call" and report.user_properties:
            told = ", ".join(f"{n:,} {kind}" for kind, n in report.user_properties)
            terminalreporter.write_line(f"{report.nodeid}: {told}")


@pytest.fixture(scope="session")
def process() -> Iterator[Warm]:
    one = Warm()
    yield one
    one.close()


@pytest.fixture
def warm(process: Warm, request: pytest.FixtureRequest) -> Iterator[Warm]:
    process.points = 0
    yield process
    request.node.user_properties.append(("points", process.points))


class Scene:
    """A place to be used up many times: each `fresh` copy starts in the same state."""

    def __init__(self, made: Place, into: Path) -> None:
        self.made, self._into, self._n = made, into, count()
        self._known: set[str] = set()

    def fresh(self) -> Place:
        root = self._into / f"{next(self._n)}"
        shutil.copytree(self.made.root, root)
        return Place.at(root)

    def is_new(self, place: Place) -> bool:
        """Whether no gate was started again yet where the same lies."""
        likeness = place.likeness()
        new = likeness not in self._known
        self._known.add(likeness)
        return new

    def done(self, place: Place) -> None:
        shutil.rmtree(place.root)


@pytest.fixture(params=["flat", "generations"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, warm: Warm) -> Scene:
    """One partition to be revised, one new, one bad, one with two bad rows to be split off; the gate has yet to see
    them."""
    place = Place(tmp_path / "made", request.param)
    (place.root / "suites" / "trips.yaml").write_text(CONTRACT + "policy: {on_fail: split}\n")
    place.land("2026-03-01", 0)
    assert warm(place) == [0]
    place.land("2026-03-01", 100)
    place.land("2026-03-02", 200)
    place.land("2026-03-03", 300, fare=-1.0)
    place.land("2026-03-04", 400, bad=1)
    return Scene(place, tmp_path)
