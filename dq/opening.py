"""From what a person names to opened data: paths, globs, folders and frames; formats by extension, else by content."""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq.engines.base import Dataset
from dq.errors import ConfigError, StoreError, UsageError, nearest, refused
from dq.inventory import is_data
from dq.ir.data import VERSION, DataFile, Finding, Partition, Reading, Schema, unversioned
from dq.ir.layout import parse_layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq.init import Draft
    from dq.ir.contract import Contract
    from dq.ir.limits import Budget
    from dq.stores.s3.access import Access

FORMATS = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json",
    ".ndjson": "ndjson", ".jsonl": "ndjson",
}  # fmt: skip
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


@cache
def store(url: str, layout: str | None = None, access: Access | None = None) -> Any:
    """The store that serves a path or URL; `layout` where it is not to be found out, `access` to what is on S3. Raises
    ConfigError on a scheme nobody serves."""
    from dq.stores import STORES

    scheme, found, _ = url.partition("://")
    name = STORES.get(scheme if found else "file")
    if name is None:
        raise ConfigError(f"{url}: no store for {scheme}://; known are {', '.join(STORES)}")
    return attribute(name)(url, layout, access) if scheme == "s3" else attribute(name)(url, layout)


def attribute(name: str) -> Any:
    """What `module:attribute` names."""
    module, _, inner = name.partition(":")
    return getattr(import_module(module), inner)


class Engines(dict[str, Any]):
    """Engines by name, made when first asked for. Raises UsageError at once where `wanted` is none."""

    def __init__(self, wanted: str, budget: Budget) -> None:
        from dq.engines import ENGINES

        super().__init__()
        if wanted not in ("auto", *ENGINES):
            raise UsageError(f'no engine "{wanted}"{nearest(wanted, ENGINES)}; there are auto, {", ".join(ENGINES)}')
        self.limits: dict[str, Any] = {"temp": budget.temp, "deadline_seconds": budget.deadline_seconds}
        self.limits |= _limits(budget)

    def __missing__(self, name: str) -> Any:
        from dq.engines import engine

        self[name] = engine(name, **self.limits)
        return self[name]

    def close(self) -> None:
        for one in self.values():
            getattr(one, "close", lambda: None)()
        self.clear()


def _limits(budget: Budget) -> dict[str, int | None]:
    return {"threads": budget.threads, "memory_bytes": budget.engine_bytes, "temp_bytes": budget.temp_bytes}


def is_path(data: Any) -> bool:
    """Whether data is named by paths, and is not a frame."""
    return isinstance(data, (str, Path)) or (
        isinstance(data, (list, tuple)) and bool(data) and all(isinstance(d, (str, Path)) for d in data)
    )


def said(data: Any) -> str:
    """The data as a person named it."""
    if not is_path(data):
        return type(data).__name__
    return str(data) if isinstance(data, (str, Path)) else ", ".join(map(str, data))


def partition_of(data: Any, contract: Contract | None, access: Access | None = None) -> Partition:
    """The data as a partition, keyed by the contract's layout where its path fits. `key` is what the person named.

    No digests: nothing is recorded of it.
    """
    source = contract.source if contract else "data"
    if data is None:
        raise UsageError("NoneType is no path and no frame")
    if not is_path(data):
        return Partition(source, said(data))
    files = find_files(data, access)
    values = _path_keys(contract.layout, files) if contract and contract.layout else ()
    return Partition(source, said(data), values, files)


def _path_keys(layout: str, files: tuple[DataFile, ...]) -> tuple[Any, ...]:
    """Key values where the end of every file's path fits the layout and all files agree."""
    parsed = parse_layout(layout)
    found = set()
    for file in files:
        parts = Path(file.location).parts
        tails = (parts[-n:] for n in range(1, len(parts) + 1))
        match = next((m for tail in tails if (m := parsed.match(tuple(tail))) is not None), None)
        found.add(tuple(match.items()) if match else ())
    return found.pop() if len(found) == 1 else ()


def find_files(data: Any, access: Access | None = None) -> tuple[DataFile, ...]:
    """Data files at paths, globs and folders, sorted. Raises UsageError where one names nothing, StoreError where a
    file is there and does not open."""
    found: dict[str, DataFile] = {}
    for one in [data] if isinstance(data, (str, Path)) else data:
        text = str(one)
        named = _remote(text, access) if "://" in text else {p: _file(p, name) for p, name in _named(text)}
        if not named:
            raise UsageError(f"{one}: no such file, folder or pattern with data files in it")
        found |= named
    return tuple(found[p] for p in sorted(found))


def _remote(url: str, access: Access | None) -> dict[str, DataFile]:
    """What a URL names: an object, all data below it, or, where it has `*`, `?` or `[`, what fits that pattern."""
    if not url.startswith("s3://"):
        store(url)
        raise UsageError(f"{url}: data is read from paths and s3:// URLs")
    root, _, path = url.removeprefix("s3://").partition("/")
    zone, path = store(f"s3://{root}", None, access), path.strip("/")
    if path and not url.endswith("/") and (one := zone.stat(path)) is not None:
        entries = [one]
    elif VERSION in path:
        entries = []
    elif any(c in path for c in "*?["):
        fixed = "/".join(takewhile(lambda part: not any(c in part for c in "*?["), path.split("/")))
        fits = re.compile(_pattern(path))
        entries = [e for e in zone.list(fixed) if fits.fullmatch(e.path) and is_data(e.path, e.bytes)]
    else:
        inside = len(path) + 1 if path else 0
        entries = [e for e in zone.list(path) if is_data(e.path[inside:], e.bytes)]
    if (away := next((e.unreadable for e in entries if e.unreadable), "")) != "":
        raise StoreError(away)
    base = f"{path}/" if path and not any(c in path for c in "*?[") else ""
    files = (
        DataFile(e.path.removeprefix(base) if e.path != path else unversioned(path).rsplit("/", 1)[-1], e.bytes,
                 zone.location(e.path), e.signature, modified=e.modified)
        for e in entries
    )  # fmt: skip
    return {f.location: f for f in files}


def _pattern(text: str) -> str:
    """As a shell reads it: `**/` is any folders or none, `*` and `?` stay within a name."""
    found = ""
    for part in re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", text):
        special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part)
        found += special or (part.replace("[!", "[^") if part.startswith("[") and len(part) > 2 else re.escape(part))
    return found


def _named(text: str) -> Iterator[tuple[str, str]]:
    """Paths of the data files that the text names, and what they are called in results."""
    if os.path.isdir(text):
        for entry in store(text).list():
            if is_data(entry.path, entry.bytes):
                yield os.path.join(text, entry.path), entry.path
    elif os.path.lexists(text):
        yield text, os.path.basename(text)
    else:
        for path in glob.glob(text, recursive=True):
            if os.path.isfile(path):
                yield path, path


def _file(path: str, name: str) -> DataFile:
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise UsageError(f"{path}: no regular file")
        with open(path, "rb"):
            return DataFile(name, found.st_size, os.path.realpath(path))
    except OSError as error:
        kind = UsageError if error.errno in _NOWHERE else StoreError
        raise kind(f"{path}: {refused(error)}") from None


def open_files(
    files: tuple[DataFile, ...], reading: Reading, budget: Budget, parser: TextParser | None = None
) -> Dataset:
    """Open files of one format; what cannot be opened is a finding of the dataset, not an exception.

    Text goes through `parser`, or one of its own that closes with the dataset.
    """
    if len(files) > budget.caps.files:
        finding = Finding("over_limit", f"{len(files):,} files, at most {budget.caps.files:,} are read")
        return Dataset(Schema(), findings=(finding,), bytes=sum(f.bytes for f in files))
    reading = replace(reading, caps=budget.caps)
    formats = {f: reading.format or format_of(f.location) for f in files}
    kinds = set(formats.values())
    if len(kinds) > 1 or None in kinds:
        finding = _unlike(formats)
        return Dataset(Schema(), findings=(finding,), bytes=sum(f.bytes for f in files))
    if kinds == {"parquet"}:
        from dq.engines.parquet import open_parquet

        dataset = open_parquet(files, reading)
        dataset.memory_bytes = budget.engine_bytes
        return dataset
    reading = replace(reading, format=kinds.pop())
    if parser is not None:
        return _named_rightly(parser.open(files, reading), files)
    own = TextParser([f.location for f in files], budget)
    try:
        dataset = _named_rightly(own.open(files, reading), files)
    except BaseException:
        own.close()
        raise
    inner = dataset.close

    def close() -> None:
        inner()
        own.close()

    dataset.close = close
    return dataset


class TextParser:
    """One locked connection that may read `locations` (files or folders), with a private folder to spill to.

    Made when first needed, and anew after unreadable data, a failure or RECYCLE data sets: none lives for ever.
    """

    RECYCLE = 500

    def __init__(self, locations: Sequence[str], budget: Budget) -> None:
        self._locations, self._budget = locations, budget
        self._kept: ExitStack | None = None
        self._opened = 0

    def open(self, files: tuple[DataFile, ...], reading: Reading) -> Dataset:
        from dq.engines.duckdb.text import open_text

        if self._kept is None or self._opened >= self.RECYCLE:
            self._connect()
        self._opened += 1
        try:
            dataset = open_text(files, reading, temp=self._folder, connection=self._connection)
        except BaseException:
            self.close()
            raise
        if not dataset.readable:
            self.close()
        return dataset

    def admit(self, location: str) -> None:
        """Another location: nothing that was opened is open any more."""
        self.close()
        self._locations = [*self._locations, location]

    def _connect(self) -> None:
        from dq.engines.duckdb.connect import connect

        self.close()
        with ExitStack() as stack:
            self._folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dq-", dir=self._budget.temp))
            self._connection = connect(self._locations, temp=self._folder, **_limits(self._budget))
            stack.callback(self._connection.close)
            self._kept, self._opened = stack.pop_all(), 0

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None


def _named_rightly(dataset: Dataset, files: tuple[DataFile, ...]) -> Dataset:
    """Files are read by their content; whoever reads what is published goes by their names."""
    from dq.engines.duckdb.landed import compression

    found = []
    for file in files:
        told = next((k for e, k in COMPRESSIONS.items() if unversioned(file.location).lower().endswith(e)), None)
        held = compression(file.location)
        if told != held and file.bytes:
            named = f"is named like {told} and " if told else ""
            said = f"is {held}" if held else "is not compressed"
            found.append(Finding("compression", f"{file.path} {named}{said}", file.path))
    dataset.findings = (*dataset.findings, *found)
    return dataset


def _unlike(formats: dict[DataFile, str | None]) -> Finding:
    """What is wrong with files of which one has no known format, or which differ in it."""
    strange = next((f for f, kind in formats.items() if kind is None), None)
    if strange is not None:
        known = ", ".join(dict.fromkeys(FORMATS.values()))
        message = f"neither name nor content tells the format; known are {known}: name one as `format` in the contract"
        return Finding("unknown_format", message, strange.path)
    names = ", ".join(sorted(k for k in set(formats.values()) if k))
    return Finding("mixed_formats", f"files are {names}; name one `format` in the contract", next(iter(formats)).path)


def format_of(location: str) -> str | None:
    """By extension, else by content; .txt may be anything."""
    known = format_by_name(location)
    if known and _ending(location) != ".txt":
        return known
    from dq.engines.duckdb.sniff import format_told

    return format_told(location) or known


def format_by_name(location: str) -> str | None:
    return FORMATS.get(_ending(location))


def _ending(location: str) -> str:
    """Of the name before it was packed."""
    name = unversioned(location).lower()
    for compression in COMPRESSIONS:
        name = name.removesuffix(compression)
    return os.path.splitext(name)[1]


def drafts(path: str, access: Access | None = None) -> tuple[list[Draft], str, list[str]]:
    """Sources found below a folder or URL, the landing zone that makes them reachable, and files of no known format in
    folders that have no others. Of a URL it reads names only.

    Raises UsageError where there is no data, or where settings written here would be taken for data.
    """
    from dq.init import find

    if "://" in path:
        url = path.rstrip("/")
        zone, name, location = store(url, access=access), url.rsplit("/", 1)[-1], url
        found, strange = find(zone, name, lambda name: format_by_name(name) is not None)
    else:
        root, here = Path(path).absolute(), Path.cwd()
        if not root.is_dir():
            raise UsageError(f"{path}: no such folder")
        location = str(root.relative_to(here)) if root.is_relative_to(here) else str(root)
        found, strange = find(store(str(root)), root.name, lambda location: format_of(location) is not None)
        if inside := next((d for d in found if here.is_relative_to(root / d.folder)), None):
            raise UsageError(f"{here}: is where {inside.source} lands; run dq init in another folder")
    if not found:
        known = ", ".join(dict.fromkeys(FORMATS.values()))
        named = f"; {strange[0]} is none of {known}, plain or packed with gzip or zstd" if strange else ""
        raise UsageError(f"{path}: no data files in a known format below it{named}")
    return found, location, strange
