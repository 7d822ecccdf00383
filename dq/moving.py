"""Moving in from Great Expectations: contracts and settings for a whole project, and what becomes of its suites."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq.dialects.gx import Survey, project, survey
from dq.dialects.gx.project import read_text
from dq.errors import SuiteError
from dq.init import flow, key, settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq.dialects.gx.project import Project, Run
    from dq.dialects.gx.sources import Asset


@dataclass(slots=True)
class Move:
    """What is to be written, by path, the suites with what becomes of them, and what is left to somebody."""

    files: dict[Path, str] = field(default_factory=dict)
    suites: dict[str, Survey] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def plan(folder: str, suites: Path) -> Move:
    """One contract in `suites` for each data asset that a suite is run on, and beside them, in `gx`, copies of the
    suites and of their custom classes. Raises UsageError, SuiteError."""
    found = project.read(folder)
    move = Move(left=found.unread)
    runs = [r for r in found.runs if _known(found, r, move)]
    copies = _copies(found, {r.suite for r in runs if (r.source, r.asset) in found.assets}, suites / "gx")
    for name, path in found.suites.items():
        _look(name, path, copies.get(name), [r for r in runs if r.suite == name], found, move)
    places: dict[str, str] = {}
    for (source, name), asset in found.assets.items():
        mine = [r for r in runs if (r.source, r.asset) == (source, name) and r.suite in move.suites]
        if not mine:
            move.left.append(f"{source}.{name}: no suite is run on it: no contract")
            continue
        called = _called(name, source, places)
        places[called] = asset.place
        code = suites / "gx" / "plugins" if found.plugins else None
        move.files[suites / f"{called}.yaml"] = _contract(called, asset, mine, copies, code)
        move.left += [f"{source}.{name}: {note}" for note in asset.notes]
    if places:
        move.files[Path("dq.toml")] = settings("landing", places)
        _copy_plugins(found, suites / "gx" / "plugins", move)
    return move


def _copies(found: Project, used: Iterable[str], folder: Path) -> dict[str, Path]:
    """Where the suites go that are run: contracts include nothing from outside their folder."""
    copies: dict[str, Path] = {}
    for name in (n for n in found.suites if n in set(used)):
        path = folder / f"{_plain(name)}.json"
        copies[name] = path if path not in copies.values() else folder / f"{_plain(name)}_{len(copies)}.json"
    return copies


def _copy_plugins(found: Project, target: Path, move: Move) -> None:
    for path in sorted(found.plugins.rglob("*")) if found.plugins else ():
        inner = path.relative_to(found.plugins or path)
        if inner.parts[0] == "custom_data_docs" or "__pycache__" in inner.parts or not path.is_file():
            continue
        if path.suffix == ".py":
            move.files[target / inner] = read_text(path)
        else:
            move.left.append(f"{path}: is no Python and stays there")


def _known(found: Project, run: Run, move: Move) -> bool:
    if run.suite in found.suites:
        return True
    move.left.append(f"{run.by}: runs the suite {run.suite}, which was not read")
    return False


def _look(name: str, path: Path, copy: Path | None, runs: list[Run], found: Project, move: Move) -> None:
    given = {k: v for r in runs for k, v in r.parameters}
    try:
        text = read_text(path)
        on = {a.semantics for r in runs if (a := found.assets.get((r.source, r.asset)))}
        plugins = str(found.plugins) if found.plugins else None
        seen = survey(text, str(copy or path), given, plugins, "sql" if "sql" in on else "pandas")
    except SuiteError as error:
        move.left.append(str(error))
        return
    if copy is not None:
        move.files[copy] = text
    move.suites[name] = seen
    move.left += [f"{copy or path}:{line}: unknown: {why}" for line, why in seen.unknown]
    if seen.parameters:
        wanted = ", ".join(seen.parameters)
        move.left.append(f"suite {name}: nobody gives its parameters {wanted}: write them under include")
    if copy is None:
        move.left.append(f"suite {name}: runs on nothing that is read here:  dq validate DATA --suite {path}")


def _called(asset: str, source: str, taken: Iterable[str]) -> str:
    """The asset's name as that of a source; with the data source's in front where it is taken."""
    names = (_plain(asset), _plain(f"{source}_{asset}"))
    return next((n for n in names if n not in taken), f"{names[1]}_{len(list(taken)) + 1}")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).lstrip("_.-") or "data"


def _contract(called: str, asset: Asset, runs: Iterable[Run], copies: Mapping[str, Path], code: Path | None) -> str:
    lines = [
        f"# Written by dq init --gx from {json.dumps(f'{asset.source}.{asset.name}')}.",
        f"source: {called}",
        *([f"layout: {json.dumps(asset.layout, ensure_ascii=False)}"] if asset.layout else []),
        *([f"format: {asset.format}"] if asset.format else []),
        *([f"csv: {flow(dict(asset.csv))}"] if asset.csv else []),
        "include:",
    ]
    given: dict[str, dict[str, Any]] = {}
    for run in runs:
        given.setdefault(run.suite, {}).update(run.parameters)
    for suite, parameters in given.items():
        item: dict[str, Any] = {"suite": f"gx/{copies[suite].name}", "semantics": asset.semantics}
        item |= {"parameters": parameters} if parameters else {}
        item |= {"plugins": f"gx/{code.name}"} if code else {}
        lines.append("  - {" + ", ".join(f"{key(k)}: {flow(v)}" for k, v in item.items()) + "}")
    return "\n".join(lines) + "\n"
