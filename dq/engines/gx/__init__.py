"""Great Expectations itself, in a process of its own: for what only its code can judge. Needs the extra `gx`.

The process knows no credentials, has a deadline and a memory limit, and ends with whoever started it. It imports what
lies in the suite's `plugins`, which a person names; nothing that landed is ever imported.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dq.engines.base import FILE, ROW
from dq.engines.polars.source import frame, name_of
from dq.ir.delegated import Delegated, Unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq.engines.base import Dataset
    from dq.ir.aggregate import Aggregate

_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")  # and no credentials
_START = "import sys; sys.path[:] = {}; from dq.engines.gx.child import main; main({}, {})"
_DEADLINE_SECONDS = 3600.0


class GreatExpectations:
    """The process is started when first asked, and kept."""

    name = "gx"

    def __init__(
        self, *, temp: str | None = None, memory_bytes: int | None = None, deadline_seconds: float | None = None,
        **_: Any,
    ) -> None:  # fmt: skip
        self._folder = tempfile.TemporaryDirectory(prefix="dq-gx-", dir=temp)
        self._memory_bytes, self._seconds = memory_bytes, deadline_seconds or _DEADLINE_SECONDS
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, dataset: Dataset, aggregates: Sequence[Aggregate]) -> Mapping[Aggregate, Any]:
        """By aggregate: the result as JSON text, or why there is none."""
        asked = [a for a in aggregates if isinstance(a, Delegated)]
        if find_spec("great_expectations") is None:
            said = Unanswered("only Great Expectations itself can judge this", "; install the extra: dq-gate[gx]")
            return dict.fromkeys(asked, said)
        rows = os.path.join(self._folder.name, "rows.parquet")
        paths = sorted({p for a in asked for p in a.paths})
        names = {name_of(p): p[0] for p in paths}
        with tempfile.TemporaryDirectory(dir=self._folder.name) as folder:
            here = dataset.brought({p[0] for p in paths}, folder)
            frame(here, paths, positions=True).drop(FILE, ROW).rename(names).sink_parquet(rows)
        answers = f"{rows}.json"
        order = {"rows": rows, "asked": [[a.rule, a.code] for a in asked], "answers": answers}
        why = self._answered(json.dumps(order))
        if why:
            return dict.fromkeys(asked, Unanswered(f"Great Expectations: {why}"))
        with open(answers, encoding="utf-8") as file:
            found = json.load(file)
        raised = [f["raised"] for f in found]
        return {a: Unanswered(why) if why else json.dumps(f) for a, f, why in zip(asked, found, raised, strict=True)}

    def _answered(self, order: str) -> str:
        """Why there is no answer; nothing where there is one."""
        if self._process is None or self._process.poll() is not None:
            self._process = self._started()
        process, until = self._process, time.monotonic() + self._seconds
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(order.encode() + b"\n")
            process.stdin.flush()
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            if not ready.select(max(0.0, until - time.monotonic())):
                self._end()
                return f"not judged within {self._seconds:,g} s"
        said = process.stdout.readline().decode().strip()
        if said == "done":
            return ""
        self._end()
        return said or "its process ended; memory_bytes in [limits] of dq.toml may be too little"

    def _started(self) -> subprocess.Popen[bytes]:
        folder = self._folder.name
        environment = {n: os.environ[n] for n in _ENVIRONMENT if n in os.environ} | {"HOME": folder, "TMPDIR": folder}
        code = _START.format([p for p in sys.path if p], self._memory_bytes, os.getpid())
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-c", code],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("DQ_DEBUG") else subprocess.DEVNULL,  # it may quote data
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()

    def close(self) -> None:
        self._end()
        self._folder.cleanup()
