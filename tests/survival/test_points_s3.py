"""On a model of S3 the client dies, gets no answer or is refused at every single request, with whatever S3 may say: the
invariants hold, and the next run finishes it. `test_kills_s3.py` and `test_faults_s3.py` do it over HTTP."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from dq.overrule import release
from dq.stores.memory import Crash
from dq.sweep import sweep
from tests.s3.model import Lost, refused
from tests.s3.proxy import ANSWERS
from tests.survival import invariants as law
from tests.survival.conftest import Covers
from tests.survival.rehearsal_s3 import S3Rehearsal

EVERY = int(os.environ.get("DQ_TEST_EVERY", "131"))
DAYS = ("dt=2026-03-01", "dt=2026-03-02", "dt=2026-03-03")
FAULTS: dict[str, tuple[str, Callable[[], BaseException]]] = {
    "dies before": ("before", lambda: Crash("before")), "dies after": ("after", lambda: Crash("after")),
    "unsent": ("before", Lost), "lost": ("after", Lost),
    **{s: ("before", lambda s=s, code=code: refused(int(s), code)) for s, code in ANSWERS.items()},  # type: ignore[misc]
}  # fmt: skip


def let_go(it: S3Rehearsal) -> Iterable[Any]:
    return release(it.run(), DAYS[2], by="ann", why="known")


ACTS: dict[str, Callable[[S3Rehearsal], Iterable[Any]]] = {
    "gate": lambda it: it.gated(),
    "gc": lambda it: sweep(it.run(), 0),
    "release": let_go,
}


@dataclass
class At:
    """At the n-th request, or from then on."""

    n: int
    fault: str
    last: bool
    seen: int = 0
    asked: str = ""

    def __call__(self, moment: str, operation: str, key: str) -> None:
        self.seen += moment == "before"
        at, made = FAULTS.get(self.fault, ("", Crash))
        if moment == at and (self.seen == self.n or (self.last and self.seen > self.n)):
            self.asked = self.asked or operation
            raise made()


def landed(act: str) -> S3Rehearsal:
    """A revision, a new partition and a bad one: to be gated, or gated and with something to be released or swept."""
    it = S3Rehearsal()
    it.land(1, 1)
    it.gate()
    for day, content in ((1, 2), (2, 3), (3, -1)):
        it.land(day, content)
    if act != "gate":
        it.gate()
        it.time = it.time.replace(year=it.time.year + 1)
    it.check()
    return it


def goes_wrong(act: str, fault: str, last: bool, n: int) -> str:
    """At what, if there was an n-th request."""
    it, at = landed(act), At(n, fault, last)
    try:
        said = it.act(at, lambda: ACTS[act](it))
        it.check(said if act == "gate" else ())
        it.check(it.gate())
        law.i6_everything_landed_is_finished(it.world, DAYS)
        before = it.state()
        assert it.gate() == []
        assert it.state() == before
    except Exception as error:
        error.add_note(f"{act}: {fault} at request {n}: {at.asked}")
        raise
    return at.asked


def all_go_wrong(act: str, fault: str, last: bool, start: int = 1, step: int = 1) -> Counter[str]:
    found: Counter[str] = Counter()
    n = start
    while asked := goes_wrong(act, fault, last, n):
        found[asked] += 1
        n += step
    return found


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dq.stores.s3._PAUSES", (0.0,) * 3)


def test_requests_go_wrong() -> None:
    found = sum(
        (all_go_wrong("gate", fault, bool(n % 2), 1 + 7 * n, EVERY) for n, fault in enumerate(FAULTS)), Counter()
    )
    assert found.total() >= len(FAULTS)


@pytest.mark.soak
@pytest.mark.parametrize("last", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("act", ACTS)
def test_every_request_goes_wrong(act: str, fault: str, last: bool, covers: Covers) -> None:
    found = all_go_wrong(act, fault, last)
    covers(found)
    assert found.total() > 10
