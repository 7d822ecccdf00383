"""What a run over a source of the configuration needs: its contract, its zones, and who reads them."""

from __future__ import annotations

import logging
import uuid
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from dq import __version__, shelf, standing
from dq.delivering import outbox_of
from dq.dividing import Divider
from dq.errors import ConfigError, HoldError, SuiteError, UsageError, nearest
from dq.gate import Run, Wanted, Zones
from dq.history import History
from dq.inventory import Other
from dq.ir.layout import parse_layout
from dq.isolation.pool import Pool
from dq.judge import Asking
from dq.opening import store
from dq.reach import access_of, brought_too, is_there, place, reading_of, spool
from dq.references import changed, located
from dq.scanning import Scanner
from dq.spool import is_remote
from dq.suite import layout_in, load_contract

if TYPE_CHECKING:
    from dq.config import Config
    from dq.ir.contract import Contract
    from dq.scanning import Scanning

log = logging.getLogger("dq")


def gate_run(
    source: str, config: Config, wanted: Wanted | None = None, now: datetime | None = None, *, landed: bool = True
) -> Run:
    """What one run over the source needs. Raises UsageError without a contract, or, if `landed`, a landing folder."""
    contract = contract_of(source, config)
    zones = zones_of(source, config)
    zones = replace(zones, others=_others(source, zones, config))
    if landed and not is_there(zones):
        raise UsageError(f"{place(zones)}: no landing folder for source {source}")
    if wanted is not None and zones.pinned:
        _see_versions(zones)
    kept, locations, budget = ExitStack(), [place(zones)], config.limits.budget()
    others = located(contract, partial(published_files, config=config))
    if wanted is not None:  # who only looks reads none of them
        others = kept.enter_context(brought_too(others, config.limits, access_of(config)))
    asking = Asking(now or datetime.now(UTC), config.engine.name, referenced=others)
    if is_remote(locations[0]):
        way = None if zones.curated and not zones.curated.takes(locations[0]) else reading_of(contract)
        made = kept.enter_context(spool(config.limits, access_of(config), config.limits.jobs + 2, way))
        zones, locations = replace(zones, spool=made), [made.folder]
    scanning: Scanning
    if config.limits.isolated:
        scanning = Pool(locations, budget, asking, config.limits.jobs)
    else:
        scanning = Scanner(locations, budget, asking)
    divider = Divider(scanning, budget.temp)

    def close() -> None:
        scanning.close()
        divider.close()
        kept.close()

    return Run(
        contract, zones, History(zones.history), scanning.submit, asking, new_run_id(), wanted or Wanted(), close,
        divider, __version__, config.limits.jobs, config.limits.retry_seconds, changed, outbox=outbox_of(config, zones),
    )  # fmt: skip


def zones_of(source: str, config: Config) -> Zones:
    own = config.sources.get(source)
    landing, prefix = (own.landing, "") if own and own.landing else (config.zones.landing, source)
    layout = None if config.publish.layout == "auto" else config.publish.layout
    opened = partial(store, access=access_of(config))
    curated = opened(config.zones.curated, layout) if config.zones.curated else None
    pinned = config.publish.mode == "reference"
    return Zones(
        opened(landing), prefix, opened(config.zones.history), opened(config.zones.quarantine), curated, pinned
    )


def _see_versions(zones: Zones) -> None:
    """Raises ConfigError where nothing can be published that stays in landing."""
    mode = 'mode "reference" in [publish]'
    if zones.curated is None or zones.curated.layout != "generations":
        raise ConfigError(f'{mode} needs a curated zone for its pointers, on S3 or with layout "generations"')
    if not zones.landing.keeps_versions():
        raise ConfigError(f'{mode} needs a landing zone that keeps versions, {zones.landing.url} does not: switch'
                          ' versioning on in its bucket, or set mode = "copy"')  # fmt: skip


def _others(source: str, zones: Zones, config: Config) -> tuple[Other, ...]:
    """Sources whose landing is this one's, or lies in it."""
    mine, found = place(zones), []
    for name in sources(config):
        theirs = place(zones_of(name, config)) if name != source else None
        if theirs == mine:
            layout = layout_in(_file(name, config), access_of(config))
            found.append(Other("", parse_layout(layout) if layout else None))
        elif theirs and theirs.startswith(f"{mine.rstrip('/')}/"):
            found.append(Other(theirs.removeprefix(mine).strip("/")))
    return tuple(found)


def sources(config: Config) -> list[str]:
    """Sources that have a contract, by name."""
    return shelf.named(config.suites, access_of(config))


def landing_sources(config: Config) -> list[str]:
    """Sources that have a contract and a folder in landing. Raises UsageError where there is none at all."""
    named = sources(config)
    found = [n for n in named if is_there(zones_of(n, config))]
    if not found:
        raise UsageError(f"{config.zones.landing}: no landing folder of {', '.join(named) or 'any contract'}")
    for name in sorted(set(named).difference(found)):
        log.info("%s: passed over: no landing folder %s", name, place(zones_of(name, config)))
    return found


def contract_of(source: str, config: Config) -> Contract:
    file = _file(source, config)
    try:
        contract = load_contract(file, access=access_of(config))
    except UsageError:
        if source in (known := sources(config)):
            raise
        others = ", ".join(known) or "none"
        raise UsageError(
            f"{file}: no contract for source {source}{nearest(source, known)}; there are {others}"
        ) from None
    if contract.source != source:
        raise SuiteError(f'source: is "{contract.source}", the file is named after "{source}"', file=file)
    return contract


def _file(source: str, config: Config) -> str:
    return f"{config.suites.rstrip('/')}/{source}.yaml"


def new_run_id() -> str:
    return uuid.uuid4().hex[:12]


def published_files(source: str, config: Config) -> tuple[Contract, list[dict[str, Any]]]:
    """What references ask of a source: its contract and its current files."""
    zones = zones_of(source, config)
    contract = contract_of(source, config)
    if zones.curated is None:
        raise HoldError("no curated zone is configured: nothing is published")
    return contract, standing.current(source, zones.curated, History(zones.history))
