"""Every store behaves alike: operations, hostile names, races, and what a crash may take."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dq.errors import PublishUnknown, StoreError
from dq.stores.base import Store
from dq.stores.local import LocalStore
from dq.stores.memory import Crash, Faults, MemoryStore
from dq.stores.s3 import S3Store
from tests.s3 import servers
from tests.s3.model import Bucket, Modelled
from tests.s3.place import known

HOSTILE = [
    "plain.csv", "with space", "a'b\"c;--", "[ ] * ?", "{x}", "100%", "%2e%2e", "back\\slash", "new\nline", "tab\t",
    "-dash", "~", "$HOME", "naïve-été", "e\u0301", "\u202eevil", "\U0001f600", "..a", "a..", "...", "x" * 255,
]  # fmt: skip


@pytest.fixture(params=["flat", "generations", "fuse", "memory", "memory generations", "s3", "model"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "model":
        return S3Store("s3://b/some/zone", access=Modelled(Bucket(time.time)))
    if request.param == "s3":
        return known(f"s3://{request.getfixturevalue('bucket')}/some/zone")
    if "memory" in request.param:
        name = f"memory://{tmp_path.name}"
        return MemoryStore(name, "generations" if "generations" in request.param else "flat")
    if request.param == "fuse":
        return LocalStore(request.getfixturevalue("passed_through") / tmp_path.name)
    return LocalStore(tmp_path / "zone", request.param)


def publish(store: Store, staged: str, target: str, superseded: str = "old/0") -> None:
    store.commit(staged, target, superseded) if store.layout == "flat" else store.move(staged, target)


def flat(store: Store) -> Store:
    return store if store.layout == "flat" else pytest.skip("commits where folders can be exchanged")


def put(store: Store, *paths: str) -> None:
    for path in paths:
        assert store.put_if_absent(path, path.encode())


def names(store: Store, prefix: str = "") -> list[str]:
    return [e.path for e in store.list(prefix) if not e.path.startswith(".dq/")]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source.bin"
    file.write_bytes(bytes(range(256)) * 9000)
    return file


def stage(store: Store, source: Path, *paths: str) -> str:
    for path in paths:
        assert store.copy_in(str(source), path) == hashlib.sha256(source.read_bytes()).hexdigest()
    return paths[0].rsplit("/", 1)[0]


def test_a_record_is_written_once(store: Store) -> None:
    assert store.put_if_absent("a/b/c.json", b"one")
    assert not store.put_if_absent("a/b/c.json", b"two")
    assert store.read("a/b/c.json") == b"one"
    assert names(store) == ["a/b/c.json"]


def test_nothing_stands_where_nothing_was_put(store: Store) -> None:
    put(store, "a/b")
    for path in ("x", "a/x", "a/b/c"):
        assert store.read(path) is None
        assert not store.exists(path)
        assert store.stat(path) is None
    assert store.exists("a")
    assert store.stat("a") is None
    assert names(store, "x") == names(store, "a/b") == []
    with pytest.raises(StoreError):
        store.digest("x")


def test_a_folder_is_not_overwritten_and_a_file_is_no_folder(store: Store) -> None:
    if isinstance(store, S3Store):
        pytest.skip("a bucket has no folders: keys may begin alike")
    put(store, "a/b")
    assert not store.put_if_absent("a", b"")
    with pytest.raises(StoreError):
        store.put_if_absent("a/b/c", b"")
    assert names(store) == ["a/b"]


def test_lists_are_sorted_by_path(store: Store) -> None:
    paths = ["b", "a/z", "a.x", "a-b/c", "a/b/c", "aa", "a/b.c", "B", "é"]
    put(store, *paths)
    assert names(store) == sorted(paths)
    assert names(store, "a") == ["a/b.c", "a/b/c", "a/z"]


def test_an_entry_says_size_and_changes_its_signature(store: Store, source: Path) -> None:
    stage(store, source, "s/file")
    before = store.stat("s/file")
    assert before is not None
    assert (before.path, before.bytes) == ("s/file", source.stat().st_size)
    assert list(store.list("s")) == [before]
    os.utime(source)
    if isinstance(store, S3Store):  # which does not tell the same bytes again, within a second
        source.write_bytes(source.read_bytes()[::-1])
    stage(store, source, "s/file")
    after = store.stat("s/file")
    assert after is not None
    assert after.signature != before.signature


def test_any_name_is_only_a_name(store: Store, source: Path) -> None:
    source.write_bytes(b"1")
    odd = servers.chosen().odd if isinstance(store, S3Store) else ""
    hostile = [n for n in HOSTILE if not set(n) & set(odd)]
    for name in hostile:
        keep(store, source, name)
    assert [n for n in names(store) if "/" not in n] == sorted(hostile)


def keep(store: Store, source: Path, name: str) -> None:
    put(store, name)
    assert store.read(name) == name.encode()
    assert store.digest(name) == hashlib.sha256(name.encode()).hexdigest()
    staged = stage(store, source, f"stage/{name}/{name}")
    publish(store, staged, f"goal/{name}")
    assert names(store, f"goal/{name}") == [f"goal/{name}/{name}"]
    assert store.swap(f"pointer/{name}", b"1", None)
    assert store.read(f"pointer/{name}") == b"1"


@pytest.mark.parametrize("path", ["..", "a/../../b", "/etc/passwd", "//etc/passwd", "a/..", "a\0b"])
def test_no_path_leaves_the_zone(store: Store, source: Path, path: str) -> None:
    acts: list[Callable[[], object]] = [
        lambda: store.read(path), lambda: store.stat(path), lambda: store.exists(path), lambda: list(store.list(path)),
        lambda: store.put_if_absent(path, b""), lambda: store.copy_in(str(source), path), lambda: store.remove(path),
        lambda: store.commit(path, "x", "y"), lambda: store.commit("x", path, "y"),
        lambda: store.commit("x", "y", path), lambda: store.move(path, "x"), lambda: store.move("x", path),
        lambda: store.swap(path, b"", None), lambda: store.digest(path), lambda: store.location(path),
    ]  # fmt: skip
    for act in acts:
        with pytest.raises(StoreError):
            act()


def test_copying_again_replaces_an_earlier_attempt(store: Store, source: Path) -> None:
    stage(store, source, "s/a")
    source.write_bytes(b"short")
    stage(store, source, "s/a")
    assert store.read("s/a") == b"short"
    with pytest.raises(StoreError):
        store.copy_in(str(source.parent / "nothing"), "s/b")


def test_the_staged_folder_is_put_in_place_whole(store: Store, source: Path) -> None:
    staged = stage(store, source, "s/a", "s/x/b")
    publish(store, staged, "goal/p")
    assert names(store) == ["goal/p/a", "goal/p/x/b"]


def test_a_second_commit_takes_the_place_of_the_first(store: Store, source: Path) -> None:
    flat(store).commit(stage(store, source, "s/a", "s/b"), "goal/p", "old/0")
    source.write_bytes(b"new")
    store.commit(stage(store, source, "t/a"), "goal/p", "old/1")
    assert names(store) == ["goal/p/a", "old/1/a", "old/1/b"]
    assert store.read("goal/p/a") == b"new"


def test_a_single_file_is_committed_like_a_folder(store: Store, source: Path) -> None:
    for revision in (1, 2):
        source.write_bytes(b"%d" % revision)
        stage(store, source, "s/a")
        flat(store).commit("s/a", "goal/a.csv", f"old/{revision}")
    assert names(store) == ["goal/a.csv", "old/2"]
    assert store.read("goal/a.csv") == b"2"


def test_what_is_not_staged_cannot_be_committed_or_moved(store: Store, source: Path) -> None:
    flat(store).commit(stage(store, source, "s/a"), "goal/p", "old/0")
    for act in (lambda: store.commit("none", "goal/p", "old/1"), lambda: store.move("none", "goal/q")):
        with pytest.raises(StoreError) as raised:
            act()
        assert not isinstance(raised.value, PublishUnknown)
    assert names(store) == ["goal/p/a"]


def test_a_move_never_replaces_data(store: Store, source: Path) -> None:
    store.move(stage(store, source, "s/a"), "goal/p")
    with pytest.raises(StoreError):
        store.move(stage(store, source, "t/b"), "goal/p")
    assert names(store, "goal") == ["goal/p/a"]


def test_removing_takes_all_below_and_nothing_else(store: Store) -> None:
    put(store, "a/b/c", "a/b/d", "a/bc")
    store.remove("a/b")
    store.remove("a/b")
    store.remove("none/at/all")
    assert names(store) == ["a/bc"]
    store.remove("a/bc")
    assert names(store) == []


def test_a_swap_wants_the_state_it_saw(store: Store) -> None:
    assert store.swap("p/_current.json", b"1", None)
    assert not store.swap("p/_current.json", b"x", None)
    assert not store.swap("p/_current.json", b"x", b"0")
    assert store.swap("p/_current.json", b"2", b"1")
    assert not store.swap("p/_current.json", b"x", b"1")
    assert store.read("p/_current.json") == b"2"
    assert names(store) == ["p/_current.json"]


def race(writers: int, act: Callable[[int], bool]) -> list[int]:
    """Who of them won."""
    won: list[int] = []
    barrier = threading.Barrier(writers)

    def run(writer: int) -> None:
        barrier.wait()
        if act(writer):
            won.append(writer)

    threads = [threading.Thread(target=run, args=(w,)) for w in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def test_of_many_writers_of_a_record_one_wins(store: Store) -> None:
    for n in range(8):
        (winner,) = race(8, lambda writer, n=n: store.put_if_absent(f"r/{n}", b"%d" % writer))
        assert store.read(f"r/{n}") == b"%d" % winner


def test_of_many_swaps_from_one_state_one_wins(store: Store) -> None:
    state = None
    for n in range(8):
        (winner,) = race(8, lambda writer, n=n, seen=state: store.swap("p", b"%d %d" % (n, writer), seen))
        state = b"%d %d" % (n, winner)
        assert store.read("p") == state


def test_a_counter_that_many_swap_loses_no_step(store: Store) -> None:
    def count(_: int) -> bool:
        done = 0
        while done < 3:
            seen = store.read("n")
            done += store.swap("n", b"%d" % (int(seen or b"0") + 1), seen)
        return True

    race(4, count)
    assert store.read("n") == b"12"


def test_commits_to_one_place_lose_nothing(store: Store, tmp_path: Path) -> None:
    flat(store)
    for writer in range(6):
        source = tmp_path / f"{writer}"
        source.write_bytes(b"%d" % writer)
        store.copy_in(str(source), f"s{writer}/a")

    def commit(writer: int) -> bool:
        store.commit(f"s{writer}", "goal/p", f"old/{writer}")
        return True

    race(6, commit)
    held = [store.read(p) for p in names(store)]
    assert sorted(held) == [b"%d" % w for w in range(6)]
    assert len(names(store, "goal")) == 1
    assert len(names(store, "old")) == 5


def test_a_lock_is_seen_while_it_is_held(store: Store) -> None:
    assert not store.is_locked("trips")
    with store.lock("trips"):
        assert store.is_locked("trips")
        assert not store.is_locked("taxis")
    assert not store.is_locked("trips")


def test_the_lock_is_held_by_one(store: Store) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(writer: int) -> bool:
        with store.lock("trips"):
            inside.append(writer)
            most.append(len(inside))
            inside.remove(writer)
        return True

    race(6, work)
    assert max(most) == 1


def test_the_layout_is_found_by_trying(passed_through: Path, tmp_path: Path) -> None:
    assert LocalStore(tmp_path / "disk").layout == "flat"
    assert LocalStore(passed_through / "probed").layout == "generations"
    assert os.listdir(tmp_path / "disk" / ".dq") == os.listdir(passed_through / "probed" / ".dq") == []


def test_power_loss_takes_what_was_not_durable_and_nothing_else(source: Path) -> None:
    lost = set()
    source.write_bytes(b"0123456789")
    for seed in range(150):
        store = MemoryStore(f"memory://power-{seed}")
        put(store, "record")
        assert store.swap("pointer", b"1", None)
        store.commit(stage(store, source, "s/a"), "goal/p", "old/0")
        stage(store, source, "t/a", "t/b")
        store.remove("record")
        store.power_loss(random.Random(seed))
        assert store.read("pointer") == b"1"
        assert store.read("goal/p/a") == source.read_bytes()
        staged = [e.bytes for e in store.list("t")]
        lost.add((len(staged), all(size == source.stat().st_size for size in staged), store.exists("record")))
    assert {(2, True, False), (2, False, True), (0, True, True)} <= lost


def test_seeded_faults_repeat() -> None:
    def run(seed: int) -> list[str]:
        store = MemoryStore("memory://faults")
        store.faults = Faults(seed, error_ratio=0.2, crash_ratio=0.1)
        seen = []
        for n in range(120):
            try:
                store.put_if_absent(f"{n}", b"")
                store.swap("p", b"%d" % n, store.read("p"))
            except (Crash, StoreError) as error:
                seen.append(f"{type(error).__name__} {error}")
        return seen

    assert run(1) == run(1) != run(2)
    assert {s.split()[0] for s in run(1)} == {"Crash", "StoreError", "PublishUnknown"}
