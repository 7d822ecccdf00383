"""One self-contained file: no script, nothing loaded, every word of the data escaped."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dq.reports.page import pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jinja2 import Template


def render(documents: Iterable[Mapping[str, Any]]) -> str:
    """Of several documents those with something to say are told in full, the others in a line each."""
    return _template().render(pages=pages(documents)).lstrip()


def framed(document: Mapping[str, Any]) -> str:
    """For a notebook: the page in a frame of its own, whose styles touch nothing around it."""
    return (
        f'<iframe sandbox srcdoc="{escape(render([document]))}" style="border: 0; width: 100%; height: 30rem"></iframe>'
    )


@cache
def _template() -> Template:
    folder = FileSystemLoader(Path(__file__).with_name("templates"))
    environment = Environment(
        loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html")
