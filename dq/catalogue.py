"""What `dq://SOURCE[/PARTITION][?since=DATE&until=DATE]` names: the published files of a source."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from dq import config as configuration
from dq.errors import UsageError, nearest
from dq.ir.data import DataFile, Partition, unversioned
from dq.ir.layout import moment, parse_layout
from dq.opening import is_path, partition_of, said
from dq.reach import access_of
from dq.references import PUBLISHED
from dq.running import published_files
from dq.standing import is_named

if TYPE_CHECKING:
    from dq.config import Config
    from dq.ir.contract import Contract

_ENDS = ("since", "until")


def is_published(data: Any) -> bool:
    """Whether the data is named so."""
    return isinstance(data, str) and data.startswith(PUBLISHED)


def published(text: str, config: Config | None) -> tuple[Contract, Partition]:
    """The contract of the source, and the files that readers see now. Raises UsageError where there are none."""
    place, _, query = text.removeprefix(PUBLISHED).partition("?")
    source, _, name = place.partition("/")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    unknown = next((k for k in asked if k not in _ENDS), None)
    if unknown:
        raise UsageError(f"{text}: unknown {unknown}{nearest(unknown, _ENDS)}; there are {', '.join(_ENDS)}")
    ends = {k: _date(text, v) for k, v in asked.items()}
    contract, listed = published_files(source, config or configuration.load())
    layout = parse_layout(contract.layout) if contract.layout else None
    files, seen = [], set()
    for file in listed:
        keys = (layout.match(tuple(file["partition"].split("/"))) if layout else None) or {}
        when = moment(keys)
        if ends and when is None:
            raise UsageError(f"{text}: partitions of {source} have no date to compare with")
        partition = Partition(source, file["partition"], tuple(keys.items()))
        day = when.date() if isinstance(when, datetime) else when
        within = day is None or ends.get("since", date.min) <= day <= ends.get("until", date.max)
        if within and (not name or is_named(partition, name.strip("/"))):
            called = os.path.basename(unversioned(file["path"]))
            files.append(DataFile(f"{partition.key}/{called}", file["bytes"], file["path"]))
            seen.add(partition.values)
    if not files:
        what = f" as {name}" if name else ""
        raise UsageError(f"{text}: {source} has published nothing{what}{' of that time' if ends else ''}")
    return contract, Partition(source, text, seen.pop() if len(seen) == 1 else (), tuple(files))


def partition_named(data: Any, contract: Contract | None, config: Config | None) -> Partition:
    """`opening.partition_of`, for published data too."""
    named = [data] if isinstance(data, (str, Path)) else data
    if not is_path(data) or not any(map(is_published, named)):
        return partition_of(data, contract, access_of(config))
    parts = [published(str(n), config)[1] if is_published(n) else partition_named(n, contract, config) for n in named]
    values = parts[0].values if len(parts) == 1 else ()
    source = contract.source if contract else "data"
    return Partition(source, said(data), values, tuple(f for part in parts for f in part.files))


def _date(where: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f'{where}: "{text}": write it like 2026-03-01') from None
