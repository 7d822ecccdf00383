"""From what a person names to what is asked: a contract with the suites it includes, or a suite by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dq.errors import SuiteError, UsageError
from dq.ir.contract import Contract

if TYPE_CHECKING:
    from dq.ir.check import Suite
    from dq.ir.contract import Include

Semantics = Literal["pandas", "sql"]


def load_contract(path: str | Path, *, semantics: Semantics = "pandas", samples: int = 20) -> Contract:
    """The contract with its included suites, or a suite of Great Expectations (`.json`) as a contract of its own.

    `semantics` and `samples` matter to the latter only. Raises UsageError when the file is not there, SuiteError when
    it cannot be read.
    """
    from dq.dialects import contract, gx

    text = _read(path)
    if _is_gx(path, text):
        suite = gx.load(text, str(path), semantics=semantics, samples=samples)
        return Contract(suite.source, suite, file=str(path))
    found = contract.load(text, str(path))
    for include in found.includes:
        found = _with(found, _included(include, Path(path)))
        found = _placed(found, include, Path(path))
    return found


def _placed(contract: Contract, include: Include, path: Path) -> Contract:
    """With where the included suite's data sets are: paths are from the contract's folder."""
    places = dict(contract.references)
    for name, place in include.references:
        whole = place if "://" in place else str(path.parent / place)
        if places.setdefault(name, whole) != whole:
            message = f'include: "{name}" is {places[name]} already; one name is one data set'
            raise SuiteError(message, file=str(path), line=include.line)
    return replace(contract, references=tuple(places.items()))


def _with(contract: Contract, other: Suite) -> Contract:
    """The contract whose every version asks the other suite too."""
    from dq.dialects.base import joined

    versions = tuple(replace(v, suite=joined(v.suite, other)) for v in contract.versions)
    return replace(contract, suite=joined(contract.suite, other), versions=versions)


def _included(include: Include, contract: Path) -> Suite:
    from dq.dialects import gx

    path = contract.parent / include.suite
    try:
        text = _read(path)
    except UsageError as error:
        raise SuiteError(f"include: {error}", file=str(contract), line=include.line) from None
    if not _is_gx(path, text):
        message = f"include: {include.suite} is no suite of Great Expectations; other dialects are not supported yet"
        raise SuiteError(message, file=str(contract), line=include.line)
    return gx.load(text, str(path), semantics=include.semantics, parameters=dict(include.parameters))


def _is_gx(path: str | Path, text: str) -> bool:
    """JSON that is not a contract's."""
    if Path(path).suffix.lower() != ".json":
        return False
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return True
    return not (isinstance(found, dict) and "source" in found)


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SuiteError(f"not UTF-8 at byte {error.start}", file=str(path)) from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
