"""Where the data sets are that suites compare with: paths, frames, and the published data of sources."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from dq.errors import HoldError, SuiteError, UsageError, nearest
from dq.ir.codec import digest
from dq.ir.data import DataFile, Reading, unversioned
from dq.ir.other import Referenced
from dq.opening import find_files, is_path, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dq.ir.check import Check
    from dq.ir.contract import Contract

PUBLISHED = "dq://"
Published: TypeAlias = "Callable[[str], tuple[Contract, list[dict[str, Any]]]]"
_STEP = "then run the gate again"


@contextmanager
def referenced(
    contract: Contract, given: Mapping[str, Any], published: Published | None = None, *, strict: bool = False
) -> Iterator[tuple[Referenced, ...]]:
    """The data sets that the contract's checks compare with, wherever `given` or the contract says that they are; a
    frame is kept in a file meanwhile. `published` answers for sources: contract and current files.

    Raises UsageError where a given one is not there, or no check asks for it; if `strict`, SuiteError where a source
    is none.
    """
    named = _named(contract)
    for name in given:
        if name not in named:
            known = ", ".join(named) or "none"
            raise UsageError(f'no check compares with "{name}"{nearest(name, named)}; compared with are: {known}')
    with ExitStack() as stack:
        yield tuple(
            _given(name, given[name], published, stack)
            if name in given
            else _placed(contract, name, check, published, strict)
            for name, check in sorted(named.items())
        )


def located(contract: Contract, published: Published) -> tuple[Referenced, ...]:
    """The data sets that a contract's checks compare with."""
    with referenced(contract, {}, published, strict=True) as found:
        return found


def sources_of(contract: Contract) -> tuple[str, ...]:
    """Sources whose published data its checks compare with."""
    places = dict(contract.references)
    named = (places.get(name, PUBLISHED + name) for name in _named(contract))
    return tuple(re.split("[/?]", p.removeprefix(PUBLISHED))[0] for p in named if p.startswith(PUBLISHED))


def in_order(refers: Mapping[str, Iterable[str]]) -> list[str]:
    """Sources behind those that they refer to."""
    found: dict[str, None] = {}

    def visit(name: str, above: frozenset[str]) -> None:
        for source in refers[name]:
            if source in refers and source not in above:
                visit(source, above | {source})
        found[name] = None

    for name in refers:
        visit(name, frozenset({name}))
    return list(found)


def changed(one: Referenced) -> bool:
    """Whether its files are other ones than when they were located."""
    return any(signature(f.location) != f.signature for f in one.files)


def _named(contract: Contract) -> dict[str, Check]:
    """Data sets by name, each with the first check that asks for it."""
    found: dict[str, Check] = {}
    for suite in contract.suites:
        for check in suite.checks:
            for name in sorted(check.metric.references()):
                found.setdefault(name, check)
    return found


def _given(name: str, data: Any, published: Published | None, stack: ExitStack) -> Referenced:
    if isinstance(data, str) and data.startswith(PUBLISHED):
        return _of_source(name, data, published)
    if is_path(data):
        return _of_files(name, data)
    from dq.engines.frames import write_frame

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dq-others-"))
    path = os.path.join(folder, "frame.parquet")
    write_frame(data, path)
    return replace(_of_files(name, path), place=said(data))


def _of_files(name: str, data: Any) -> Referenced:
    files = tuple(replace(f, signature=f.signature or signature(f.location)) for f in find_files(data))
    return Referenced(name, said(data), files, Reading(delimiter=None))


def _placed(contract: Contract, name: str, check: Check, published: Published | None, strict: bool) -> Referenced:
    place = dict(contract.references).get(name, PUBLISHED + name)
    if place.startswith(PUBLISHED):
        try:
            return _of_source(name, place, published)
        except UsageError as error:
            if strict:
                file, line = check.origin.file or contract.file, check.origin.line
                raise SuiteError(f'{check.id}: "{name}": {error}', file=file, line=line) from None
            return Referenced(name, place, fault=f'nobody says where "{name}" is', step=_naming(name))
    try:
        return _of_files(name, place)
    except (UsageError, HoldError) as error:
        return Referenced(
            name, place, fault=f'"{name}" cannot be compared with: {error}', step=f"put it there, {_STEP}"
        )


def _of_source(name: str, place: str, published: Published | None) -> Referenced:
    """Raises UsageError where there is no such source."""
    source = place.removeprefix(PUBLISHED)
    if published is None:
        return Referenced(name, place, fault=f'nobody says where "{name}" is', step=_naming(name))
    try:
        theirs, listed = published(source)
    except (HoldError, SuiteError) as error:
        return Referenced(name, place, fault=f'"{name}" ({place}) is not there: {error}', step=f"mend that, {_STEP}")
    if not listed:
        return Referenced(name, place, fault=f"{source} has published nothing", step=f"dq gate {source}, {_STEP}")
    files = tuple(
        DataFile(
            f"{f['partition']}/{os.path.basename(unversioned(f['path']))}",
            f["bytes"],
            f["path"],
            signature(f["path"]),
            f["digest"],
        )
        for f in listed
    )
    reading = theirs.suites[-1].reading
    return Referenced(name, place, files, reading, digest([(f["partition"], f["digest"]) for f in listed]))


def _naming(name: str) -> str:
    return f"name it: --reference {name}=PATH"


def signature(path: str) -> str:
    """What tells that a local file is another one; of one elsewhere nothing."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"
