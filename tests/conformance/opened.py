"""Texts as landed files, opened; and what engines then see of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dq.engines.base import FILE, ROW, Dataset, raw
from dq.engines.duckdb.connect import identifier
from dq.engines.duckdb.text import open_text
from dq.ir.data import DataFile, Declared, Reading, parse_type


def declare(name: str, type_: str | None = None, *formats: str, **more: Any) -> Declared:
    return Declared(name, parse_type(type_) if type_ else None, formats, **more)


def landed(folder: Path, *contents: bytes | str, suffix: str = ".csv") -> list[DataFile]:
    files = []
    for i, content in enumerate(contents):
        path = folder / f"file{i}{suffix}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        files.append(DataFile(path.name, path.stat().st_size, str(path)))
    return files


@contextmanager
def opened(folder: Path, *contents: bytes | str, **reading: Any) -> Iterator[Dataset]:
    files = landed(folder, *contents)
    with opened_files(folder, files, **reading) as dataset:
        yield dataset


@contextmanager
def opened_files(folder: Path, files: Sequence[DataFile], **reading: Any) -> Iterator[Dataset]:
    """Leaves nothing behind in the private directory."""
    temp = folder / "temp"
    temp.mkdir(exist_ok=True)
    reading = {"delimiter": ",", **reading}
    dataset = open_text(files, Reading(**reading), threads=2, memory_bytes=500_000_000, temp=str(temp))
    try:
        yield dataset
    finally:
        dataset.close()
        assert list(temp.iterdir()) == []


def rows(dataset: Dataset) -> list[tuple[Any, ...]]:
    """Values as text, in landed order."""
    shown = ", ".join(f"{identifier(n)}::VARCHAR" for n in dataset.schema.names) or "1"
    return list(dataset.connection.execute(f"SELECT {shown} FROM {dataset.table}").fetchall())


def lines(dataset: Dataset) -> list[int]:
    return [r[0] for r in dataset.connection.execute(f'SELECT "{ROW}" FROM {dataset.table}').fetchall()]


def files(dataset: Dataset) -> list[str]:
    return [r[0] for r in dataset.connection.execute(f'SELECT "{FILE}" FROM {dataset.table}').fetchall()]


def unread(dataset: Dataset, name: str) -> list[str | None]:
    query = f"SELECT {identifier(raw(name))} FROM {dataset.table}"
    return [r[0] for r in dataset.connection.execute(query).fetchall()]


def types(dataset: Dataset) -> dict[str, str]:
    return {f.name: str(f.type) for f in dataset.schema.fields}


def kinds(dataset: Dataset) -> list[str]:
    return [f.kind for f in dataset.findings]
