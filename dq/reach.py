"""Where the data of a source lies, and what brings it here where no engine opens it there."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dq.errors import HoldError, StoreError
from dq.isolation.folder import private_folder
from dq.opening import store
from dq.references import signature
from dq.spool import Spool, is_remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.config import Config, Limits
    from dq.gate import Zones
    from dq.ir.data import DataFile, Partition
    from dq.ir.other import Referenced
    from dq.stores.s3.access import Access


def place(zones: Zones) -> str:
    """The folder, or URL, in which the source lands."""
    found: str = zones.landing.location(zones.prefix)
    return found.rstrip("/") if is_remote(found) else os.path.normpath(found)


def is_there(zones: Zones) -> bool:
    found = place(zones)
    if is_remote(found):
        return zones.landing.exists(zones.prefix)
    try:
        return Path(found).is_dir()
    except OSError as error:
        raise StoreError(f"{found}: {error.strerror}") from None


def access_of(config: Config | None) -> Access | None:
    return config.s3.access() if config else None


@contextmanager
def spool(limits: Limits, access: Access | None, keep: int = 1) -> Iterator[Spool]:
    """In a folder that goes with it."""

    def fetch(file: DataFile, path: str) -> str:
        bucket = file.location.removeprefix("s3://").partition("/")[0]
        zone = store(f"s3://{bucket}", None, access)
        try:
            with open(path, "wb") as copy:
                return zone.fetch_at(file.location, file.signature, copy.write)  # type: ignore[no-any-return]
        except OSError as error:
            raise HoldError(f"{file.location}: no copy can be made here: {error.strerror}") from error

    with private_folder(limits.temp) as folder:
        yield Spool(fetch, folder, limits.spool(), keep)


@contextmanager
def brought_too(
    referenced: tuple[Referenced, ...], limits: Limits, access: Access | None
) -> Iterator[tuple[Referenced, ...]]:
    """Data sets to compare with, with their files where engines open them. What a source publishes does not change
    where it lies; a later publication is the next run's."""
    if not any(is_remote(f.location) for one in referenced for f in one.files):
        yield referenced
        return
    with spool(limits, access, keep=len(referenced)) as here:
        yield tuple(_brought(one, here) for one in referenced)


def _brought(one: Referenced, here: Spool) -> Referenced:
    """What cannot be had is a fault of the comparison, and of no data."""
    if not any(is_remote(f.location) for f in one.files):
        return one
    try:
        files = tuple(replace(f, signature=signature(f.location)) for f in here.files(one.files))
    except HoldError as error:
        fault = f'"{one.name}" ({one.place}) cannot be read: {error}'
        return replace(one, files=(), fault=fault, step="see to it that it can be read, then run the gate again")
    return replace(one, files=files)


@contextmanager
def brought(partition: Partition, limits: Limits, access: Access | None) -> Iterator[Partition]:
    """The partition with its files where engines open them."""
    if not any(is_remote(f.location) for f in partition.files):
        yield partition
        return
    with spool(limits, access) as here:
        yield here.local(partition)
