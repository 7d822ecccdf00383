"""Where the data of a source lies, and what brings it here where no engine opens it there."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq.engines.ranged import answer, leave
from dq.errors import HoldError, StoreError
from dq.ir.data import Reading
from dq.isolation.folder import private_folder
from dq.opening import format_by_name, store
from dq.references import signature
from dq.spool import Ranging, Spool, is_remote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq.config import Config, Limits
    from dq.gate import Zones
    from dq.ir.contract import Contract
    from dq.ir.data import DataFile, Partition
    from dq.ir.other import Referenced
    from dq.stores.s3.access import Access


_UNRECORDED_BYTES = 64 << 20


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


def reading_of(contract: Contract | None) -> Reading | None:
    """How the contract's files are read in ranges; None where a check looks at whole files."""
    suites = contract.suites if contract else ()
    whole = any(check.metric.hashes() for suite in suites for check in suite.checks)
    return None if whole else suites[-1].reading if suites else Reading()


@contextmanager
def spool(
    limits: Limits, access: Access | None, keep: int = 1, ranged: Reading | None = None, *, recorded: bool = True
) -> Iterator[Spool]:
    """In a folder that goes with it. Large Parquet is `ranged`, if a reading for it is given: early, where nothing is
    `recorded` that would need a digest of all bytes."""
    most = limits.spool()
    above = min(limits.ranged_bytes or (most if recorded else _UNRECORDED_BYTES), most // keep)
    at, way = _Elsewhere(access), None
    if ranged is not None:
        way = Ranging(above, lambda files: at.are_parquet(files, ranged), at.get, at.identify)
    with private_folder(limits.temp) as folder:
        made = Spool(at.fetch, folder, most, keep, ranging=way)
        answer(made, made.owner)
        try:
            yield made
        finally:
            leave(made.owner)


class _Elsewhere:
    """Requests about files on S3."""

    def __init__(self, access: Access | None) -> None:
        self._access = access

    def fetch(self, file: DataFile, path: str) -> str:
        try:
            with open(path, "wb") as copy:
                return self._zone(file).fetch_at(file.location, file.signature, copy.write)  # type: ignore[no-any-return]
        except OSError as error:
            raise HoldError(f"{file.location}: no copy can be made here: {error.strerror}") from error

    def get(self, file: DataFile, start: int, end: int) -> bytes:
        return self._zone(file).range_at(file.location, file.signature, start, end)  # type: ignore[no-any-return]

    def identify(self, file: DataFile) -> str:
        return self._zone(file).identify_at(file.location, file.signature)  # type: ignore[no-any-return]

    def are_parquet(self, files: Sequence[DataFile], reading: Reading) -> bool:
        """By format or name; what has neither is as the first of such."""
        kinds = {reading.format or format_by_name(f.location): f for f in reversed(files)}
        unnamed = kinds.pop(None, None)
        return kinds.keys() <= {"parquet"} and (
            unnamed is None or (unnamed.bytes > 4 and self.get(unnamed, 0, 4) == b"PAR1")
        )

    def _zone(self, file: DataFile) -> Any:
        bucket = file.location.removeprefix("s3://").partition("/")[0]
        return store(f"s3://{bucket}", None, self._access)


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
def brought(
    partition: Partition, limits: Limits, access: Access | None, ranged: Reading | None = None
) -> Iterator[Partition]:
    """The partition with its files where engines open them: on this disk, unless they may be `ranged`."""
    if not any(is_remote(f.location) for f in partition.files):
        yield partition
        return
    with spool(limits, access, ranged=ranged, recorded=False) as here:
        yield here.readable(partition)
