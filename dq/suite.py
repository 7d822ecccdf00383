"""From what a person names to what is asked: a contract with the suites it includes, or a suite by itself."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dq.errors import SuiteError, UsageError
from dq.ir.contract import Contract
from dq.shelf import beside, read_text
from dq.spool import is_remote

if TYPE_CHECKING:
    from dq.ir.check import Suite
    from dq.ir.contract import Include
    from dq.stores.s3.access import Access

Semantics = Literal["pandas", "sql"]
_CODE = re.compile(r"(.+\.py)(?::(.*))?", re.DOTALL)
_ODCS = re.compile(r"(.+\.(?:ya?ml|json)):([^:]+)", re.DOTALL)
_KIND = re.compile(r"""^["']?kind["']?\s*:\s*["']?DataContract\b""", re.MULTILINE)
_DQDL = re.compile(r"^[ \t]*(Metadata|DataSources|DefaultLabels|Rules|Analyzers)\s*=\s*[\[{]", re.MULTILINE)
_PANDERA = re.compile(r"^schema_type\s*:", re.MULTILINE)


def load_contract(
    suite: Any, *, semantics: Semantics = "pandas", samples: int = 20, plugins: str | None = None,
    access: Access | None = None,
) -> Contract:  # fmt: skip
    """The contract with its included suites, or a suite of Great Expectations (`.json`), pandera (`file.py:NAME`, YAML
    or JSON), ODCS (`file.odcs.yaml`, `:OBJECT` where it has several) or DQDL (`.dqdl`) as a contract of its own.

    `semantics`, `samples` and `plugins` (a folder of custom expectations) matter to GX only; `access` is to suites on
    S3. Raises UsageError when the file is not there, SuiteError when it cannot be read.
    """
    if isinstance(suite, Contract):
        return suite
    if not isinstance(suite, (str, Path)):
        return _object(suite)
    if code := _code(str(suite)):
        return _alone(_imported(*code), code[0])
    path, name = _named(str(suite))
    text = read_text(path, access)
    if _is_odcs(text):
        return _alone(_standard(text, path, name), str(path))
    if name:
        raise UsageError(f"{suite}: only contracts of ODCS have objects to name")
    if _is_dqdl(path, text):
        return _alone(_ruleset(text, path), str(path))
    if _is_pandera(path, text):
        return _alone(_written(text, path), str(path))
    if _is_gx(path, text):
        return _alone(_expectations(text, path, semantics=semantics, samples=samples, plugins=plugins), str(path))
    from dq.dialects import contract

    found = contract.load(text, str(path))
    for include in found.includes:
        found = _with(found, _included(include, path, found.source, access))
        found = _placed(found, include, path)
    return found


def layout_in(path: str, access: Access | None = None) -> str | None:
    """The layout of the contract, read without what it includes."""
    from dq.dialects import contract

    return contract.load(read_text(path, access), path).layout


def _placed(contract: Contract, include: Include, path: str) -> Contract:
    """With where the included suite's data sets are: paths are from the contract's folder."""
    places = dict(contract.references)
    for name, place in include.references:
        whole = place if "://" in place else os.path.join(os.path.dirname(path), place)
        if places.setdefault(name, whole) != whole:
            message = f'include: "{name}" is {places[name]} already; one name is one data set'
            raise SuiteError(message, file=str(path), line=include.line)
    return replace(contract, references=tuple(places.items()))


def _object(schema: Any) -> Contract:
    """Of a schema of pandera that somebody holds. Code of its own is known in this process only."""
    from dq.dialects.pandera import objects

    if not objects.is_schema(schema):
        kind = schema.__name__ if isinstance(schema, type) else type(schema).__name__
        raise UsageError(f"{kind} is no suite: give a path, a contract, or a schema or model of pandera")
    suite = objects.suite_of(schema)
    live = any(getattr(c.metric, "language", "") == "python" for c in suite.checks)
    return Contract(suite.source, suite, live=live)


def _alone(suite: Suite, file: str) -> Contract:
    return Contract(suite.source, suite, file=file)


def _with(contract: Contract, other: Suite) -> Contract:
    """The contract whose every version asks the other suite too."""
    from dq.dialects.base import joined

    versions = tuple(replace(v, suite=joined(v.suite, other)) for v in contract.versions)
    return replace(contract, suite=joined(contract.suite, other), versions=versions)


def _included(include: Include, contract: str, source: str, access: Access | None) -> Suite:
    code = _code(include.suite)
    try:
        path = beside(contract, code[0] if code else include.suite)
        if code:
            return _imported(path, code[1])
        path, name = _named(path)
        text = read_text(path, access)
        plugins = None if include.plugins is None else _folder(contract, include.plugins)
    except UsageError as error:
        raise SuiteError(f"include: {error}", file=contract, line=include.line) from None
    if _is_odcs(text):
        return _standard(text, path, name, source)
    if name:
        message = f"include: {include.suite}: only contracts of ODCS have objects to name"
        raise SuiteError(message, file=contract, line=include.line)
    if _is_dqdl(path, text):
        return _ruleset(text, path, glue_compat=include.glue_compat, composite=include.composite)
    if _is_pandera(path, text):
        return _written(text, path)
    if not _is_gx(path, text):
        message = f"include: {include.suite} is no suite of Great Expectations, pandera, ODCS or DQDL"
        raise SuiteError(message, file=contract, line=include.line)
    given = dict(include.parameters)
    return _expectations(text, path, semantics=include.semantics, parameters=given, plugins=plugins)


def _folder(contract: str, name: str) -> str:
    """Of custom expectations."""
    try:
        place = beside(contract, name)
        _on_disk(place)
    except UsageError as error:
        raise UsageError(f"plugins: {error}") from None
    if not Path(place).is_dir():
        raise UsageError(f"plugins: {place}: no such folder")
    return str(Path(place).resolve())


def _on_disk(place: str) -> None:
    """Who may write an object is to decide about data, not to run code here. Raises UsageError."""
    if is_remote(place):
        raise UsageError(f"{place}: is code, which is not run from S3: copy it to a folder of suites on a disk")


def _named(path: str) -> tuple[str, str]:
    """A file, and the object in it that is named behind a colon."""
    match = _ODCS.fullmatch(path)
    return (match[1], match[2]) if match and (is_remote(path) or not Path(path).exists()) else (path, "")


def _is_odcs(text: str) -> bool:
    """It says so itself."""
    return _KIND.search(text) is not None or {"kind", "apiVersion"} <= _keys(text)


def _standard(text: str, path: str | Path, name: str, source: str = "") -> Suite:
    from dq.dialects import odcs

    return odcs.load(text, str(path), name, likely=source)


def _is_dqdl(path: str | Path, text: str) -> bool:
    """By its name, or by a section that nothing else writes so."""
    return Path(path).suffix.lower() == ".dqdl" or _DQDL.search(text) is not None


def _code(name: str) -> tuple[str, str] | None:
    """File and object of `file.py:NAME` or `file.py`."""
    match = _CODE.fullmatch(name)
    return (match[1], match[2] or "") if match else None


def _imported(file: str, name: str) -> Suite:
    from dq.isolation.importing import import_suite

    _on_disk(file)
    read_text(file)
    return import_suite(file, name)


def _written(text: str, path: str | Path) -> Suite:
    from dq.dialects import pandera

    return pandera.load(text, str(path))


def _expectations(text: str, path: str | Path, **options: Any) -> Suite:
    from dq.dialects import gx

    return gx.load(text, str(path), **options)


def _ruleset(text: str, path: str | Path, **options: Any) -> Suite:
    from dq.dialects import dqdl

    return dqdl.load(text, str(path), **options)


def _is_pandera(path: str | Path, text: str) -> bool:
    """It says so itself, in a key at the top."""
    if Path(path).suffix.lower() == ".json":
        return "schema_type" in _keys(text)
    return _PANDERA.search(text) is not None


def _is_gx(path: str | Path, text: str) -> bool:
    """JSON that is not a contract's."""
    return Path(path).suffix.lower() == ".json" and "source" not in _keys(text)


def _keys(text: str) -> frozenset[str]:
    """At the top of JSON; none where it is no JSON, or no mapping."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return frozenset()
    return frozenset(found) if isinstance(found, dict) else frozenset()
