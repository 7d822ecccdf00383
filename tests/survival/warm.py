"""A process that has imported everything and opened nothing: it forks a gate per order, so a gate costs no start.

Orders come as JSON lines on stdin, answers leave as JSON lines on stdout. An order names a folder, how many gates run
there at once, and what happens to a gate at its n-th step: a step is the moment before or after a store operation, or
with `"seam": "system"` a call of the store to the operating system.
"""

from __future__ import annotations

import builtins
import errno
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import boto3  # noqa: F401
import typer.main

import dq.cli
from dq import running
from dq.gate import Zones
from dq.stores import local, pointer, posix
from tests.survival.place import CONTRACT, Place

Act = Callable[[str], None]


class Steps:
    """Counts steps, writes them down where asked, and acts at the n-th."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.n = 0
        self.at = order.get("at", 0)
        self.act: Act = ACTS[order.get("act", "")](order)
        self.log = open(order["log"], "a") if order.get("log") else None  # noqa: SIM115
        self.every = order.get("act") == "meddle"

    def __call__(self, name: str) -> None:
        self.n += 1
        if self.log:
            self.log.write(name + "\n")
            self.log.flush()
        if self.n == self.at:
            self.act(name)


def kill(order: dict[str, Any]) -> Act:
    return lambda name: os.kill(os.getpid(), signal.SIGKILL)


def judges() -> list[int]:
    """Judge processes of this process."""
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(p) for t in tasks for p in t.read_text().split()]


def kill_judge(order: dict[str, Any]) -> Act:
    def act(name: str) -> None:
        until = time.monotonic() + 10
        while not judges() and time.monotonic() < until:  # it is just being started
            time.sleep(0.001)
        for pid in judges():
            os.kill(pid, signal.SIGKILL)

    return act


def kill_both(order: dict[str, Any]) -> Act:
    def act(name: str) -> None:
        kill_judge(order)(name)
        os.kill(os.getpid(), signal.SIGKILL)

    return act


def terminate(order: dict[str, Any]) -> Act:
    return lambda name: os.kill(os.getpid(), signal.SIGTERM)


def fail(order: dict[str, Any]) -> Act:
    def act(name: str) -> None:
        code = getattr(errno, order["errno"])
        raise OSError(code, os.strerror(code), name)

    return act


def meddle(order: dict[str, Any]) -> Act:
    """Somebody replaces, appends to, removes or adds a landing file."""
    file, how = Path(order["file"]), order["how"]

    def act(name: str) -> None:
        if how == "replace":
            new = file.with_name(".new")
            new.write_bytes(Path(order["content"]).read_bytes())
            os.rename(new, file)
        elif how == "overwrite":
            file.write_bytes(Path(order["content"]).read_bytes())
        elif how == "append":
            with open(file, "ab") as open_file:
                open_file.write(b"more")
        elif how == "remove":
            file.unlink()
        else:
            file.with_name("part-9.parquet").write_bytes(Path(order["content"]).read_bytes())

    return act


ACTS: dict[str, Callable[[dict[str, Any]], Act]] = {
    "": lambda order: lambda name: None, "kill": kill, "terminate": terminate, "fail": fail, "meddle": meddle,
    "kill judge": kill_judge, "kill both": kill_both,
}  # fmt: skip


class Stepped:
    """A store whose operations are steps."""

    def __init__(self, zone: str, store: Any, steps: Steps, locks: bool) -> None:
        self._zone, self._store, self._steps, self._locks = zone, store, steps, locks

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found) or name in ("location", "lock"):
            return found

        def step(*arguments: Any) -> Any:
            self._steps(f"before {self._zone} {name} {' '.join(map(str, arguments[:1]))}")
            answer = found(*arguments)
            answer = iter(list(answer)) if name in ("list", "irregular") else answer
            self._steps(f"after {self._zone} {name}")
            return answer

        return step

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        self._steps(f"before {self._zone} lock")
        with self._store.lock(name) if self._locks else nullcontext():
            self._steps(f"after {self._zone} lock")
            yield


class System:
    """The operating system as the local store calls it; every call is a step."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        if name not in ("open", "fsync", "link", "rename", "mkdir", "lstat", "listdir", "scandir"):
            return found

        def step(*arguments: Any, **named: Any) -> Any:
            self._steps(name)
            return found(*arguments, **named)

        return step


def step_stores(order: dict[str, Any], steps: Steps) -> None:
    locks = order.get("locks", True)
    plain = running.zones_of

    def zones_of(*arguments: Any) -> Zones:
        zones = plain(*arguments)
        names = ("landing", "history", "quarantine", "curated")
        return replace(zones, **{n: Stepped(n, getattr(zones, n), steps, locks) for n in names})

    running.zones_of = zones_of


def step_system(steps: Steps) -> None:
    system = System(steps)
    exchange = posix._rename_with

    def open_(file: Any, mode: str = "r", **named: Any) -> Any:
        steps(f"open {mode}")
        opened = builtins.open(file, mode, **named)  # noqa: SIM115
        if "r" in mode:
            return opened
        write = opened.write

        class Written:
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                opened.close()

            def __getattr__(self, name: str) -> Any:
                return getattr(opened, name)

            def write(self, content: bytes) -> int:
                steps("write")
                return write(content)

        return Written()

    def renameat2(*arguments: Any) -> None:
        steps("renameat2")
        exchange(*arguments)

    posix._rename_with = renameat2
    for module in (local, pointer, posix):
        vars(module).update(os=system, open=open_)


def trace(options: list[str]) -> None:
    """Let strace watch this process; it goes on when it is watched."""
    strace = subprocess.Popen(["strace", "-q", *options, "-p", str(os.getpid())])
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        if strace.poll() is not None:
            raise OSError(f"strace does not watch: {strace.returncode}")
        time.sleep(0.01)


def gate(order: dict[str, Any]) -> int:
    """One gate, or the command that was ordered, as the command line runs it."""
    root = Path(order["root"])
    os.environ.update(order.get("env", {}))
    out = os.open(order.get("out", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(out, 1)
    os.dup2(out, 2)
    if "open_files" in order:
        resource.setrlimit(resource.RLIMIT_NOFILE, (order["open_files"], order["open_files"]))
    if "strace" in order:
        trace(order["strace"])
    steps = Steps(order)
    if order.get("seam") == "system":
        step_system(steps)
    else:
        step_stores(order, steps)
    command = order.get("command", ["gate", "--json"])
    return dq.cli.main([*command, "--config", str(root / "dq.toml"), *order.get("arguments", [])])


def learn() -> None:
    """Import what a gate imports, as one tells that ran, and keep its command line; so no order pays for them, and no
    trace counts their files."""
    typer.main.get_command = cache(typer.main.get_command)
    typer.main.get_command(dq.cli.app)
    reading, writing = os.pipe()
    if os.fork() == 0:
        with tempfile.TemporaryDirectory() as folder, suppress(BaseException):
            place = Place(Path(folder) / "place")
            (place.root / "suites" / "trips.yaml").write_text(CONTRACT + "policy: {on_fail: split}\n")
            place.land("2026-03-01", 0, bad=1)
            gate({"root": str(place.root)})
        os.write(writing, " ".join(sys.modules).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as names:
        for name in names.read().split():
            with suppress(ImportError):  # not every module is found under its name
                import_module(name)
    os.wait()
    gc.collect()
    gc.freeze()  # what a collection would look at, a fork would copy


def serve() -> None:
    learn()
    for line in sys.stdin:
        order = json.loads(line)
        children = []
        commands = [order] * order.get("gates", 1)
        if "beside" in order:
            commands.append({**order, "command": order["beside"]})
        for one in commands:
            child = os.fork()
            if child == 0:
                code = 70
                try:
                    code = gate(one)
                finally:
                    sys.stdout.flush()
                    os._exit(code)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children]
        print(json.dumps(codes), flush=True)


if __name__ == "__main__":
    serve()
