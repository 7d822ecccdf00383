"""Where the data of a source is: the command line, the ini file, a fixture, else what was published last."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dq.errors import DQError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq.config import Config
    from dq.ir.contract import Contract

_SETTINGS = pytest.StashKey["Config"]()
SHOWN = ("none", "masked", "full")
_MARKED = re.compile(r"(.+?)::(.+?):\s+(\S.*)")


class Missing(UsageError):
    """Nobody says where the data is, or it is not there."""


def check_settings(config: pytest.Config) -> None:
    """Raises pytest.UsageError where an option or ini key is not written right."""
    for text, where, _ in _lines(config):
        if not all(text.partition("=")):
            raise pytest.UsageError(f'{where} "{text}": write it like orders=data/orders/*.parquet')
    if (missing := config.getini("dq_missing")) not in ("fail", "skip"):
        raise pytest.UsageError(f'dq_missing = "{missing}": fail or skip')
    if (asked := config.getini("dq_show_values")) not in ("", *SHOWN):
        raise pytest.UsageError(f'dq_show_values = "{asked}": {", ".join(SHOWN)}')
    list(marks(config))
    place = config.getoption("dq_report")
    if place and not (config.invocation_params.dir / place).parent.is_dir():
        raise pytest.UsageError(f"--dq-report {place}: name a file in a folder that is there, or a folder")


def shown(config: pytest.Config) -> Any:
    """What may be shown of the data, if no more than the contract allows."""
    return config.getoption("dq_show_values") or config.getini("dq_show_values") or None


def marks(config: pytest.Config) -> Iterator[tuple[str, str, str, str]]:
    """Tests that are to be marked: key of the ini file, source, check and reason. Raises pytest.UsageError."""
    for key in ("dq_xfail", "dq_skip"):
        for line in config.getini(key):
            found = _MARKED.fullmatch(line)
            if found is None:
                raise pytest.UsageError(f'{key} "{line}": write it like orders::amount.range: refunds are negative')
            yield key, found[1], found[2], found[3]


def _lines(config: pytest.Config) -> Iterator[tuple[str, str, Path]]:
    """What is written, where, and what its paths count from; what goes first last."""
    for text in config.getini("dq_sources"):
        yield text, "dq_sources", _base(config)
    for text in config.getoption("dq_source"):
        yield text, "--dq-source", config.invocation_params.dir


def _base(config: pytest.Config) -> Path:
    """What paths of the ini file count from."""
    return config.inipath.parent if config.inipath else config.rootpath


def given(config: pytest.Config) -> dict[str, str]:
    found = {}
    for text, _, base in _lines(config):
        name, _, place = text.partition("=")
        found[name.strip()] = counted_from(base, place.strip())
    return found


def counted_from(base: Path, place: Any) -> Any:
    """The path, from the folder that relative ones count from; what is no path as it is."""
    if isinstance(place, (list, tuple)):
        return [counted_from(base, p) for p in place]
    if not isinstance(place, (str, Path)) or "://" in str(place):
        return place
    return os.path.normpath(base / place)


def settings(config: pytest.Config) -> Config:
    """The gate's configuration. Raises ConfigError."""
    from dq.config import load

    if _SETTINGS not in config.stash:
        config.stash[_SETTINGS] = load(config.getoption("dq_config"), engine=config.getoption("dq_engine"))
    return config.stash[_SETTINGS]


def named(name: str, config: pytest.Config, fixture: Any) -> Any:
    """The data that somebody gave under the name, or None."""
    told = given(config).get(name)
    if told is not None:
        return told
    if not (isinstance(fixture, Mapping) or callable(fixture)):
        kind = type(fixture).__name__
        raise UsageError(f"the fixture dq_source gives {kind}: a mapping, or a function of the name, is needed")
    return counted_from(config.rootpath, fixture.get(name) if isinstance(fixture, Mapping) else fixture(name))


def located(name: str, contract: Contract, told: Any, config: pytest.Config, fixture: Any) -> Any:
    """The data of a source: what a test module tells, else what others do. Raises Missing with how to give it."""
    told = told() if callable(told) and not hasattr(told, "columns") else told
    data = counted_from(config.rootpath, told)
    return _narrowed(_found(name, contract, config, fixture) if data is None else data, contract, config)


def _found(name: str, contract: Contract, config: pytest.Config, fixture: Any) -> Any:
    found = named(name, config, fixture)
    if found is not None:
        return found
    if root := _root(config):
        return f"{root.rstrip('/')}/{name}"
    typed = [n for n in given(config) if nearest(n, [name])]
    if typed:
        raise Missing(f'no data for source "{name}": "{typed[0]}" was given{nearest(typed[0], [name])}')
    try:
        return _published(name, contract, settings(config))
    except DQError as error:
        raise Missing(
            f'no data for source "{name}": give it with --dq-source {name}=DATA, in the ini key dq_sources, or by a '
            f"fixture dq_source; nothing published takes its place: {error}"
        ) from None


def _root(config: pytest.Config) -> str:
    if told := config.getoption("dq_root"):
        return str(counted_from(config.invocation_params.dir, told))
    told = config.getini("dq_root")
    return str(counted_from(_base(config), told)) if told else ""


def _narrowed(data: Any, contract: Contract, config: pytest.Config) -> Any:
    """One partition of a folder that holds several, if that is asked for."""
    key = config.getoption("dq_partition") or config.getini("dq_partition")
    place = str(data)
    if not key or not isinstance(data, (str, Path)) or not (place.startswith("s3://") or os.path.isdir(place)):
        return data
    from dq.inventory import scan
    from dq.opening import store
    from dq.reach import access_of

    zone = store(place, access=access_of(settings(config)))
    keys = [one.partition.key for one in scan(zone, "", contract, 0.0) if not one.fault]
    found = [k for k in keys if k == key or k.endswith(f"={key}")] or (keys[-1:] if key == "latest" else [])
    if not found:
        raise Missing(f'no partition "{key}" in {place}{nearest(key, keys)}; it holds {len(keys)}')
    return f"{place.rstrip('/')}/{found[0]}"


def _published(name: str, contract: Contract, config: Config) -> list[str]:
    """The files of the newest published partition."""
    from dq.history import History
    from dq.ir.layout import moment, parse_layout
    from dq.running import zones_of
    from dq.standing import current

    zones = zones_of(name, config)
    files = current(name, zones.curated, History(zones.history))
    if not files:
        raise UsageError(f"{name} has published nothing (dq gate {name})")
    layout = parse_layout(contract.layout) if contract.layout else None

    def age(key: str) -> tuple[str, str]:
        keys = layout.match(tuple(key.split("/"))) if layout else None
        return str(moment(keys) if keys else ""), key

    newest = max({f["partition"] for f in files}, key=age)
    return [f["path"] for f in files if f["partition"] == newest]
