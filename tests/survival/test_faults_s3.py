"""Networks that lose, cut and damage answers, and a store that is busy, refuses, or says what is not so: at any request
the gate holds or goes on; nothing is lost, nothing let through, and the next run finishes it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dq.errors import StoreError
from dq.stores.s3 import S3Store
from dq.stores.s3.access import Access
from tests.conftest import configure
from tests.s3.place import kind
from tests.s3.proxy import FAULTS, Asked, Proxy, proxy
from tests.survival.conftest import Covers
from tests.survival.scene_s3 import S3Scene

# What a cut connection leaves behind is closed when it is collected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
EVERY = int(os.environ.get("DQ_TEST_EVERY", "97"))


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before asking again, and the dead give no lease back."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    monkeypatch.setattr("dq.stores.s3._PAUSES", (0.0,) * 3)
    monkeypatch.setattr("dq.stores.s3.lease.SECONDS", -1.0)
    monkeypatch.setattr("dq.stores.s3.lease.RENEW_SECONDS", 3600.0)  # no request but those of the gate


@pytest.fixture(scope="module")
def between(s3_endpoint: str) -> Iterator[Proxy]:
    with proxy(s3_endpoint) as one:
        yield one


@pytest.fixture(scope="module")
def made(request: Any, tmp_path_factory: pytest.TempPathFactory, s3_endpoint: str, between: Proxy) -> S3Scene:
    with pytest.MonkeyPatch.context() as patch:
        configure(s3_endpoint, patch)
        return S3Scene(tmp_path_factory.mktemp("place"), between.url, ranged=getattr(request, "param", False))


@pytest.fixture
def scene(made: S3Scene, s3: str) -> S3Scene:
    return made.fresh()


def requests(scene: S3Scene, between: Proxy) -> list[Asked]:
    """Of an undisturbed gate."""
    between.start(lambda _: "")
    scene.fresh().gate()
    return list(between.seen)


def goes_wrong(scene: S3Scene, between: Proxy, fault: str, n: int, last: bool) -> bool:
    """From the n-th request on, or only there. Whether the gate held anything."""
    between.start(lambda asked: fault if asked.n == n or (last and asked.n > n) else "")
    try:
        documents, held = scene.fresh().tried()
        hit = next((f"{a.method} {a.url}" for a in between.seen if a.n == n), "")
        between.start(lambda _: "")
        assert "\n" not in held
        holds = bool(held) or any(d["verdict"] == "hold" for d in documents)
        (scene.holds if holds else scene.is_finished)(documents)
        scene.finishes()
    except Exception as error:
        told = [(d["partition"], d["verdict"], d["reasons"]) for d in documents]
        error.add_note(f"{fault} at request {n}: {hit}; {held or told}")
        raise
    return holds


@pytest.mark.parametrize("look", ["list", "read", "stat", "digest", "put_if_absent"])
def test_an_answer_that_ends_early_tells_of_nothing(bucket: str, between: Proxy, look: str) -> None:
    """Wherever it ends: it is never taken for a listing, a file or a refusal that it is not."""
    S3Store(f"s3://{bucket}").put("a", b"1")
    store = S3Store(f"s3://{bucket}", access=Access(endpoint=between.url))
    asked: dict[str, Callable[[], object]] = {
        "list": lambda: [e.path for e in store.list()], "read": lambda: store.read("a"),
        "stat": lambda: store.stat("a"), "digest": lambda: store.digest("a"),
        "put_if_absent": lambda: store.put_if_absent("a", b"2"),
    }  # fmt: skip
    between.start(lambda _: "")
    told = asked[look]()
    refused = 0
    for eighths in range(8):
        between.start(lambda asked, n=eighths: f"cut {n}")  # type: ignore[misc]
        try:
            assert asked[look]() == told
        except StoreError:
            refused += 1
    between.start(lambda _: "")
    assert refused


@pytest.mark.parametrize("last", [False, True], ids=["once", "from then on"])
def test_a_request_goes_wrong(scene: S3Scene, between: Proxy, last: bool) -> None:
    count = len(requests(scene, between))
    assert count > 80
    tried = range(int(last) * 7, count, EVERY)
    held = [goes_wrong(scene, between, FAULTS[(i + last) % len(FAULTS)], n, last) for i, n in enumerate(tried)]
    assert any(held) or not last


@pytest.mark.parametrize("name", ["quarantine.json", "/history/selections/", "/history/decisions/"])
def test_what_is_said_to_be_there_and_is_not_is_written_again(scene: S3Scene, between: Proxy, name: str) -> None:
    asked = next(a for a in requests(scene, between) if a.method == "PUT" and name in a.url)
    goes_wrong(scene, between, "412", asked.n, last=False)


def all_go_wrong(scene: S3Scene, between: Proxy, fault: str, last: bool, tried: list[Asked]) -> Counter[str]:
    """How many points were tried, and what was asked in vain there."""
    between.failed.clear()
    for asked in tried:
        goes_wrong(scene, between, fault, asked.n, last)
    return Counter(points=len(tried)) + between.failed


@pytest.mark.soak
@pytest.mark.parametrize("last", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_request_goes_wrong(scene: S3Scene, between: Proxy, fault: str, last: bool, covers: Covers) -> None:
    covers(all_go_wrong(scene, between, fault, last, requests(scene, between)))


@pytest.mark.soak
@pytest.mark.parametrize("made", [True], ids=["ranged"], indirect=True)
@pytest.mark.parametrize("last", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("fault", [f for f in FAULTS if f != "damaged"])
def test_every_request_about_ranges_goes_wrong(
    scene: S3Scene, between: Proxy, fault: str, last: bool, covers: Covers
) -> None:
    """Of files that are read so. Whether a bit of them is another one no range tells: TLS does."""
    tried = [a for a in requests(scene, between) if "/landing/" in a.url and kind(a) != "ListObjectsV2"]
    assert "GetObject of a range" in map(kind, tried)
    covers(all_go_wrong(scene, between, fault, last, tried))
