"""Reports that a person asks for beside what is printed: `--html`, `--junit`, `--markdown`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq.cli.output import say
from dq.errors import UsageError
from dq.reports import files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Html = Annotated[str | None, typer.Option("--html", metavar="PATH", help="Write a page in one file; - is stdout.")]
Junit = Annotated[str | None, typer.Option("--junit", metavar="PATH", help="Write JUnit XML; - is stdout.")]
Markdown = Annotated[str | None, typer.Option("--markdown", metavar="PATH", help="Write Markdown; - is stdout.")]


@dataclass(frozen=True, slots=True)
class Reports:
    """`paths` by form: the modules of `dq.reports`."""

    paths: Mapping[str, str]

    @classmethod
    def asked(
        cls, html: str | None, junit: str | None, markdown: str | None, *, stdout: str | None = None
    ) -> Reports:  # fmt: skip
        """Raises UsageError where one cannot be written, or two (`stdout`: another flag that prints) go to stdout:
        before any work is done."""
        paths = {n: p for n, p in (("html", html), ("junit", junit), ("markdown", markdown)) if p is not None}
        printed = [*([stdout] if stdout else []), *(f"--{n} -" for n, p in paths.items() if p == "-")]
        if len(printed) > 1:
            raise UsageError(f"{' and '.join(printed)} both write to stdout")
        for name, path in paths.items():
            if path != "-" and (Path(path).is_dir() or not Path(path).parent.is_dir()):
                raise UsageError(f"--{name} {path}: name a file in a folder that is there")
        return cls(paths)

    @property
    def printed(self) -> bool:
        """Whether one of them is what stdout is for."""
        return "-" in self.paths.values()

    def write(self, documents: Sequence[Mapping[str, Any]]) -> None:
        for name, path in self.paths.items():
            text = import_module(f"dq.reports.{name}").render(documents)
            say(text.rstrip("\n")) if path == "-" else write(path, text, f"--{name} {path}")


def write(path: str, text: str, said: str) -> None:
    """Raises UsageError, which begins with what was `said`."""
    try:
        files.write(path, text)
    except OSError as error:
        raise UsageError(f"{said}: {error.strerror}: name a file in a folder that may be written") from None
