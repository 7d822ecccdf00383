"""A project of Great Expectations, of 1.x or 0.x, as its files tell: suites, and what they are run on.

GX itself is not imported and nothing is reached over the network. What cannot be read is told in `unread`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq.dialects.base import read_yaml
from dq.dialects.gx.sources import Asset, assets_of
from dq.errors import SuiteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

CONFIG = "great_expectations.yml"
_STORES = {
    "expectations": ("expectations_store_name", "expectations"),
    "definitions": ("validation_definition_store_name", "validation_definitions"),
    "checkpoints": ("checkpoint_store_name", "checkpoints"),
}
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


@dataclass(frozen=True, slots=True)
class Run:
    """A suite on an asset, by a validation definition or a checkpoint (`by`)."""

    by: str
    source: str
    asset: str
    suite: str
    batch: str = ""
    connector: str = ""
    parameters: tuple[tuple[str, Any], ...] = ()


@dataclass(slots=True)
class Project:
    """`suites` are files by name, `plugins` the folder of custom classes where it holds any."""

    root: Path
    suites: dict[str, Path] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    assets: dict[tuple[str, str], Asset] = field(default_factory=dict)
    plugins: Path | None = None
    unread: list[str] = field(default_factory=list)


def read(folder: str) -> Project:
    """Raises UsageError where the folder holds no project, SuiteError where its settings cannot be read."""
    root = next((p for p in (Path(folder), *(Path(folder) / n for n in _NAMES)) if (p / CONFIG).is_file()), None)
    if root is None:
        raise UsageError(f"{folder}: no project of Great Expectations: no {CONFIG} in it, in gx or great_expectations")
    reader = _Reader(root)
    reader.read()
    return reader.project


_NAMES = ("gx", "great_expectations")


def _settings(path: Path) -> dict[str, Any]:
    document = read_yaml(read_text(path), str(path))
    if not isinstance(document.value, dict):
        raise SuiteError("no settings of Great Expectations: a mapping is needed", file=str(path))
    for key in ("stores", "datasources", "fluent_datasources"):
        found = document.value.get(key)
        if found is not None and not (isinstance(found, dict) and all(isinstance(v, dict) for v in found.values())):
            raise SuiteError(f"{key}: a mapping of mappings is needed", file=str(path), line=document.line((key,)))
        document.value[key] = found or {}
    return document.value


class _Reader:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.project = Project(root)
        self.config = _settings(root / CONFIG)
        self.variables = self.given()

    def yaml(self, path: Path) -> Any:
        return read_yaml(read_text(path), str(path)).value

    def given(self) -> dict[str, str]:
        """Variables of the settings that a file gives. Nothing is taken from the environment."""
        path = self.root / str(self.config.get("config_variables_file_path") or "uncommitted/config_variables.yml")
        found = self.yaml(path) if path.is_file() else None
        return {k: v for k, v in (found or {}).items() if isinstance(v, str)} if isinstance(found, dict) else {}

    def filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {k: self.filled(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.filled(v) for v in value]
        return _VARIABLE.sub(self._variable, value) if isinstance(value, str) else value

    def _variable(self, match: re.Match[str]) -> str:
        return self.variables.get(match[1] or match[2], match[0])

    def read(self) -> None:
        self.suites()
        self.definitions()
        self.checkpoints()
        plugins = self.root / str(self.config.get("plugins_directory") or "plugins/")
        self.project.plugins = plugins if any(plugins.rglob("*.py")) else None
        for one in assets_of(self.filled(self.config), self.root, self.project.runs, self.project.unread):
            self.project.assets[one.source, one.name] = one

    def files(self, store: str, *kinds: str) -> Iterator[Path]:
        """Files of a store, sorted. A store that is no folder is told."""
        key, default = _STORES[store]
        name = self.config.get(key)
        backend = self.config["stores"].get(name, {}).get("store_backend") or {}
        if "Filesystem" not in str(backend.get("class_name", "Filesystem")):
            self.project.unread.append(f"{name}: kept in {backend['class_name']}, which is not read: export it first")
            return
        folder = self.root / str(self.filled(backend.get("base_directory") or default))
        yield from sorted(p for kind in kinds for p in folder.rglob(f"*{kind}") if not p.name.startswith("."))

    def documents(self, store: str, *kinds: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in self.files(store, *kinds):
            try:
                found = self.yaml(path) if path.suffix != ".json" else json.loads(read_text(path))
            except (SuiteError, ValueError, RecursionError) as error:
                self.project.unread.append(f"{path}: {str(error).splitlines()[0].removeprefix(f'{path}: ')}")
                continue
            if isinstance(found, dict):
                yield path, found
            else:
                self.project.unread.append(f"{path}: no mapping")

    def suites(self) -> None:
        for path, found in self.documents("expectations", ".json"):
            name = str(found.get("name") or found.get("expectation_suite_name") or path.stem)
            if not isinstance(found.get("expectations"), list):
                self.project.unread.append(f"{path}: no suite")
            elif not found["expectations"]:
                self.project.unread.append(f"{path}: the suite {name} has no expectations: it would pass everything")
            else:
                self.project.suites[name] = path

    def definitions(self) -> None:
        for path, found in self.documents("definitions", ".json"):
            try:
                data = {k: str(found["data"][k]["name"]) for k in ("datasource", "asset", "batch_definition")}
                run = Run(
                    str(found.get("name") or path.stem), data["datasource"], data["asset"],
                    str(found["suite"]["name"]), data["batch_definition"],
                )  # fmt: skip
            except (KeyError, TypeError):
                self.project.unread.append(f"{path}: no validation definition")
                continue
            self.project.runs.append(run)

    def checkpoints(self) -> None:
        known = {r.by for r in self.project.runs}
        for path, found in self.documents("checkpoints", ".json", ".yml", ".yaml"):
            try:
                self.checkpoint(str(found.get("name") or path.stem), found, known)
            except (AttributeError, TypeError, ValueError):
                self.project.unread.append(f"{path}: no checkpoint")

    def checkpoint(self, name: str, found: dict[str, Any], known: Set[str]) -> None:
        for wanted in found.get("validation_definitions") or ():
            if wanted.get("name") not in known:
                self.project.unread.append(f"checkpoint {name}: no validation definition {wanted.get('name')}")
        for action in found.get("actions") or found.get("action_list") or ():
            self.action(name, action)
        self.validations(name, found)

    def action(self, name: str, action: dict[str, Any]) -> None:
        kind = str((action.get("action") or {}).get("class_name") or action.get("type") or action.get("name"))
        if not re.search("store|update_data_docs|UpdateDataDocs|Store", kind):
            self.project.unread.append(f"checkpoint {name}: its action {kind} stays with GX")

    def validations(self, name: str, found: dict[str, Any]) -> None:
        """Of 0.x: whole or partly given above all of them."""
        if found.get("template_name"):
            self.project.unread.append(f"checkpoint {name}: its template {found['template_name']} is not read")
        above = {k: found.get(k) for k in ("expectation_suite_name", "batch_request", "evaluation_parameters")}
        listed = found.get("validations") or ([{}] if above["batch_request"] else [])
        for one in listed:
            request = {**(above["batch_request"] or {}), **(one.get("batch_request") or {})}
            suite = one.get("expectation_suite_name") or above["expectation_suite_name"]
            given = {**(above["evaluation_parameters"] or {}), **(one.get("evaluation_parameters") or {})}
            source, asset = request.get("datasource_name"), request.get("data_asset_name")
            if not (suite and source and asset):
                self.project.unread.append(f"checkpoint {name}: a validation names no suite or no data asset")
                continue
            connector = str(request.get("data_connector_name") or "")
            self.project.runs.append(
                Run(name, str(source), str(asset), str(suite), "", connector, tuple(self.filled(given).items()))
            )
        for one in found.get("batches") or ():
            named = (one.get("batch_kwargs") or {}).get("path") or (one.get("batch_kwargs") or {}).get("datasource")
            self.project.unread.append(f"checkpoint {name}: a batch of version 0.12 or before ({named}): name its data")


def read_text(path: Path) -> str:
    """Raises SuiteError where the file is no UTF-8, or does not open."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SuiteError(str(why), file=str(path)) from None
