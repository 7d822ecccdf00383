"""Which files pytest takes for contracts. Asked of every YAML and JSON file it meets, so it costs next to nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dq.errors import nearest

OTHERS = re.compile(r"^(schema_type\s*:|[\"']?kind[\"']?\s*:\s*[\"']?DataContract\b)", re.MULTILINE)
_TOP_KEY = re.compile(r"^[\"']?(\w+)[\"']?\s*:", re.MULTILINE)
_LONG = len("resource")
_TELLING = {"source", "columns", "checks", "layout", "ready", "expected", "versions", "include", "policy", "csv"}


def is_wanted(path: Path, config: pytest.Config) -> bool:
    """Whether the file is a contract that somebody asks for: it or its folder is named on the command line, or it lies
    below `dq_suites`. Suites that a contract beside them names are tested as part of it."""
    file = os.path.realpath(path)
    named = _named(config)
    if file in named:
        return True
    if path.suffix not in (".yaml", ".yml") or path.name.endswith(".pretrain.yaml"):
        return False
    if any(Path(file).is_relative_to(os.path.realpath(folder)) for folder in config.getini("dq_suites")):
        return not _is_included(path)
    return os.path.dirname(file) in named and _is_contract(text_of(path)) and not _is_included(path)


def _named(config: pytest.Config) -> set[str]:
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return set()
    return {os.path.realpath(config.invocation_params.dir / str(a).split("::")[0]) for a in config.args}


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _is_contract(text: str) -> bool:
    """Other YAML lies beside tests, too. A slip in `source` is told, and not passed over."""
    keys = set(_TOP_KEY.findall(text))
    known = keys & _TELLING
    slip = bool(known) and any(len(k) < _LONG and nearest(k, ["source"]) for k in keys - known - {"sources"})
    return bool(OTHERS.search(text)) or len(known) > 1 or keys == known == {"source"} or slip


def _is_included(path: Path) -> bool:
    beside = (p for p in path.parent.iterdir() if p != path and p.suffix in (".yaml", ".yml"))
    return any(path.name in text for text in map(text_of, beside) if re.search(r"^include\s*:", text, re.MULTILINE))
