"""Suites that are code are imported in a process of their own, without credentials; what comes back is plain data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq.errors import SuiteError
from dq.ir.codec import decode, encode

if TYPE_CHECKING:
    from dq.ir.check import Suite

_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")  # and no credentials
_MOST_SECONDS = 60
_START = (  # what the file left running is not waited for
    "import os, sys; sys.path[:] = {}; from dq.isolation.importing import main; main({!r}, {!r}, {!r}); os._exit(0)"
)


def import_suite(path: str, name: str) -> Suite:
    """The suite of a schema in a file of Python. Raises SuiteError with what importing the file raises."""
    with tempfile.TemporaryDirectory(prefix="dq-suite-") as folder:
        answer = Path(folder, "answer.json")
        code = _START.format([p for p in sys.path if p], path, name, str(answer))
        try:
            ran = subprocess.run(  # noqa: S603
                [sys.executable, "-I", "-B", "-c", code],
                env=environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if os.environ.get("DQ_DEBUG") else subprocess.DEVNULL,
                timeout=_MOST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise SuiteError(f"not imported within {_MOST_SECONDS} s", file=path) from None
        told = answer.read_text(encoding="utf-8") if answer.exists() else ""
    return _suite(told, path, ran.returncode)


def environment(folder: str) -> dict[str, str]:
    """Of a process that finds the programs that this one finds, and knows nothing else of it."""
    return {n: os.environ[n] for n in _ENVIRONMENT if n in os.environ} | {"HOME": folder, "TMPDIR": folder}


def _suite(told: str, path: str, code: int) -> Suite:
    from dq.dialects.pandera import fit  # noqa: F401  the answer names its metrics

    try:
        answer: dict[str, Any] = json.loads(told)
        if "error" not in answer:
            suite: Suite = decode(answer["suite"])
            return suite
    except (ValueError, TypeError, KeyError):
        raise SuiteError(f"importing it ended with exit code {code}", file=path) from None
    error = SuiteError(str(answer["error"]))
    error.file, error.line = path, answer.get("line")
    raise error


def main(path: str, name: str, answer: str) -> None:
    """In the process: import, and write what was found."""
    from dq.dialects.pandera.objects import load

    try:
        found: dict[str, Any] = {"suite": encode(load(path, name))}
    except SuiteError as error:
        found = {"error": str(error), "line": error.line}
    Path(answer).write_text(json.dumps(found), encoding="utf-8")
