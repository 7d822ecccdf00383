"""The documents of all that was judged, from whichever process: handed to hooks, and written with `--dq-report`."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from dq.api import Result

_DOCUMENT = pytest.StashKey[str]()
_FORMS = {".html": "html", ".htm": "html", ".md": "markdown"}


def keep(item: pytest.Item, result: Result) -> None:
    """Send the document along with the next report of the item, if anybody wants it."""
    if item.config.getoption("dq_report") or item.config.hook.pytest_dq_result.get_hookimpls():
        item.stash[_DOCUMENT] = result.to_json()


class Gathering:
    """A plugin of its own, since it keeps what it hears."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.documents = config, dict[str, dict[str, Any]]()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:  # fmt: skip
        report = yield
        if _DOCUMENT in item.stash:
            report.__dict__["dq_document"] = item.stash[_DOCUMENT]  # which travels with it
            del item.stash[_DOCUMENT]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        text: str | None = getattr(report, "dq_document", None)
        if text is None or hasattr(self.config, "workerinput"):
            return
        document = json.loads(text)
        if document["run_id"] not in self.documents:
            self.documents[document["run_id"]] = document
            self.config.hook.pytest_dq_result(config=self.config, source=document["source"], document=document)

    def pytest_sessionfinish(self) -> None:
        place = self.config.getoption("dq_report")
        if place and not hasattr(self.config, "workerinput"):
            _write(self.config.invocation_params.dir / place, list(self.documents.values()))


def _write(place: Path, documents: list[dict[str, Any]]) -> None:
    """A folder gets a file per data set; what is there of an earlier run and not of this one stays."""
    from dq.reports import files
    from dq.reports.json import render

    if place.is_dir():
        taken: dict[str, int] = {}
        for document in documents:
            name = quote(document["source"], safe=" ")
            taken[name] = taken.get(name, 0) + 1
            number = f"-{taken[name]}" if taken[name] > 1 else ""
            files.write(place / f"{name}{number}.json", render(document) + "\n")
    elif form := _FORMS.get(place.suffix.lower()):
        files.write(place, import_module(f"dq.reports.{form}").render(documents))
    else:
        files.write(place, "".join(f"{render(d)}\n" for d in documents))
