"""Where text goes: documents to stdout, everything else to stderr, one line each; nothing of it steers a terminal."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq.errors import HoldError
from dq.reports import json, text
from dq.reports.base import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ConfigFile = Annotated[str | None, typer.Option("--config", metavar="FILE", help="Instead of the nearest dq.toml.")]
Engine = Annotated[str | None, typer.Option(help="auto, duckdb or polars.", show_default="auto")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document per line.")]


def say(line: str) -> None:
    """To stdout. Whoever closed it does not stop the work; raises HoldError where it takes no more."""
    try:
        print(line, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered fails no second time
        if not isinstance(error, BrokenPipeError):
            raise HoldError(f"stdout: {error.strerror}: run the same command again with room for it") from None


def say_json(document: Mapping[str, Any]) -> None:
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    say(json.render(document))


def complain(message: str) -> None:
    """To stderr: `dq: ` before the first line."""
    for number, line in enumerate(message.splitlines() or [""]):
        print(("" if number else "dq: ") + printable(line), file=sys.stderr, flush=True)


def listen() -> None:
    """Log records of the gate go to stderr; what a terminal's encoding lacks is escaped, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    log = logging.getLogger("dq")
    log.handlers[:] = [_Complaints()]
    log.setLevel(logging.INFO)
    log.propagate = False


class _Complaints(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        complain(record.getMessage())


def exit_code(document: Mapping[str, Any]) -> int:
    """0 only for what succeeded; a promoted partition that is not published yet is held."""
    return 0 if document["success"] else 1 if document["verdict"] == "quarantine" else 3


def first_of(codes: Iterable[int]) -> int:
    """The first of 3, 1, 0 that occurs."""
    found = set(codes)
    return next((c for c in (3, 1) if c in found), 0)


class Table:
    """Results of partitions as they come: a single one in full, several as rows with totals below."""

    def __init__(
        self, as_json: bool, *, with_source: bool = False, silent: bool = False, recorded: bool = True
    ) -> None:
        """`silent`: stdout is for something else. `recorded`: results are in history, but for holds."""
        self.as_json, self.with_source, self.silent, self.recorded = as_json, with_source, silent, recorded
        self.documents: list[dict[str, Any]] = []
        self._width = 0

    def add(self, document: dict[str, Any]) -> None:
        self.documents.append(document)
        if self.silent:
            return
        if self.as_json:
            say_json(document)
        elif len(self.documents) == 2:
            self._width = max(24, *(len(self._row(d).split("  ")[0]) for d in self.documents))
            say(text.headline(width=self._width))
            say(self._row(self.documents[0]))
        if not self.as_json and len(self.documents) > 1:
            say(self._row(document))

    def _row(self, document: dict[str, Any]) -> str:
        return text.row(document, width=self._width, with_source=self.with_source)

    def __enter__(self) -> Table:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """A first result that waits for a second is told even if there will be none."""
        if kind is not None and not (self.as_json or self.silent) and len(self.documents) == 1:
            say(text.render(self.documents[0]))

    def end(self) -> int:
        """Exit code of all."""
        told = not (self.as_json or self.silent)
        if told and len(self.documents) == 1:
            say(text.render(self.documents[0]))
        elif told and self.documents:
            say(text.totals(self.documents))
            self._tell_more()
        return first_of(map(exit_code, self.documents))

    def _tell_more(self) -> None:
        """What `dq show` shows is left to it. Holds are often alike: the first one of each source is told."""
        bad = [d for d in self.documents if not d["success"]]
        kept = [d for d in bad if self.recorded and d["verdict"] != "hold"]
        others = [d for d in bad if d not in kept]
        told = set[str]()
        for document in others:
            if not self.recorded or document["source"] not in told:
                say(text.why(document))
            told.add(document["source"])
        if kept:
            say(printable(f"next: dq show {kept[0]['source']} {shlex.quote(kept[0]['partition'])}"))
        for line in text.steps(others[0]) if others and not kept else []:
            say(line)


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """A line that moves while work goes on, on a terminal only; call it with what is done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(printable(what))) as status:
        yield lambda done: status.update(Text(printable(f"{what}: {done}")))
