"""The process in which Great Expectations runs: an order a line on stdin, `done` or what went wrong on stdout."""

from __future__ import annotations

import ctypes
import importlib
import json
import logging
import os
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_SPARE_BYTES = 2 << 30  # address space that is reserved and never touched


def main(memory_bytes: int | None, parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what code prints is no answer
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    if memory_bytes is not None and sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = memory_bytes + _SPARE_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    judge = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            judge = judge or _Judge()
            found = judge.results(order["rows"], order["asked"])
            Path(order["answers"]).write_text(json.dumps(found), encoding="utf-8")
            said = "done"
        except MemoryError:
            said = "its memory did not suffice; raise memory_bytes in [limits] of dq.toml"
        except Exception as error:  # its text may quote data
            said = f"{type(error).__name__}{f': {error}' if isinstance(error, _Broken) else ''}"
        print(" ".join(said.split()), file=answers, flush=True)


class _Broken(Exception):
    """Code of the suite that does not load; the message says which file."""


class _Judge:
    def __init__(self) -> None:
        import great_expectations as gx

        self._gx = gx
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
        asset = context.data_sources.add_pandas("landed").add_dataframe_asset("partition")
        self._batches = asset.add_batch_definition_whole_dataframe("whole")
        self._loaded: set[str] = set()

    def results(self, rows: str, asked: list[list[str]]) -> list[dict[str, Any]]:
        """One result an expectation, in the order they were asked."""
        import pandas as pd  # type: ignore[import-untyped]
        from great_expectations.expectations.registry import get_expectation_impl

        for _, code in asked:
            self._load(code)
        suite = self._gx.ExpectationSuite("asked")
        for n, (rule, _) in enumerate(asked):
            written = json.loads(rule)
            try:
                one = get_expectation_impl(written["type"])(**written["kwargs"], meta={"n": n})
            except Exception as error:
                raise _Broken(f"{written['type']} does not take its arguments ({type(error).__name__})") from None
            suite.expectations.append(one)
        batch = self._batches.get_batch({"dataframe": pd.read_parquet(rows)})
        validated: Any = batch.validate(suite, result_format="COMPLETE")
        found = validated.to_json_dict()["results"]
        found.sort(key=lambda r: r["expectation_config"]["meta"]["n"])
        return [{"success": bool(r["success"]), "result": r["result"], "raised": _raised(r)} for r in found]

    def _load(self, folder: str) -> None:
        """Import every module of a plugins folder once: its classes register themselves."""
        if not folder or folder in self._loaded:
            return
        self._loaded.add(folder)
        sys.path.insert(0, folder)
        for path in sorted(Path(folder).rglob("*.py")):
            name = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
            try:
                importlib.import_module(name)
            except Exception as error:
                raise _Broken(f"{path.name} of plugins raises {type(error).__name__} when imported") from None


def _raised(result: dict[str, Any]) -> str:
    """What the code raised: only its class, for the text may quote data."""
    info = result.get("exception_info") or {}
    one = info if "raised_exception" in info else next((v for v in info.values() if v.get("raised_exception")), {})
    if not one.get("raised_exception"):
        return ""
    last = str(one.get("exception_traceback") or "").strip().splitlines()
    name = last[-1].partition(":")[0].rpartition(".")[2] if last else ""
    return f"its code raises {name if name.isidentifier() else 'an error'}"
