"""What the person on call does: look at what stands, and overrule it. A door beside `api`, which opens the zones."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any

from dq import config as configuration
from dq import overrule, standing
from dq import status as reviewing
from dq.api import gate
from dq.errors import UsageError
from dq.gate import Wanted
from dq.ir.codec import plain
from dq.running import gate_run
from dq.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dq.config import Config

log = logging.getLogger("dq")


def release(
    source: str, name: str, *, why: str, by: str, config: Config | None = None, teach: bool = False
) -> dict[str, Any]:
    """A person overrules a quarantine: its bytes are published as they are. Said again it finishes what it began.

    Raises UsageError, and records nothing, unless the bytes in landing are the quarantined ones.
    """
    config = config or configuration.load()
    with closing(gate_run(source, config)) as run:
        key = overrule.release(run, name, by=by, why=why, teach=teach)
    (document,) = gate(source, config=config, wanted=Wanted(frozenset({key})))
    return document | {"adopted": False}


def reject(source: str, name: str, *, why: str, by: str, config: Config | None = None) -> dict[str, Any]:
    """A person confirms a quarantine: it stays, and asks nobody for anything any more. Of a partition that is late they
    say that it will not come; then the document is `dq.history/1`."""
    with closing(gate_run(source, config or configuration.load(), landed=False)) as run:
        if (absence := overrule.excuse(run, name, by=by, why=why)) is not None:
            return reviewing.event(absence)
        key = overrule.reject(run, name, by=by, why=why)
        for fault in run.outbox.deliver(run):
            log.warning("%s: %s", source, fault)
        return standing.stored(run, key)


def accept(
    source: str, name: str, *, why: str, by: str, config: Config | None = None
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """A person declares the partition's layout and levels the new normal; open quarantines are judged again."""
    config = config or configuration.load()
    with closing(gate_run(source, config)) as run:
        keys = overrule.accept(run, name, by=by, why=why)
    yield from gate(source, config=config, wanted=Wanted(keys))


def status(source: str, *, config: Config | None = None, now: datetime | None = None) -> dict[str, Any]:
    """What stands in the source and what of it needs somebody: `dq.status/1`."""
    with closing(gate_run(source, config or configuration.load(), now=now, landed=False)) as run:
        return reviewing.status(run)


def history(source: str, name: str | None = None, *, config: Config | None = None) -> list[dict[str, Any]]:
    """All that was ever decided and said of a source, or of one partition, oldest first: `dq.history/1`."""
    with closing(gate_run(source, config or configuration.load(), landed=False)) as run:
        key = None
        if name is not None and (key := standing.resolve(run, name)) is None:
            raise UsageError(f'{source} has no partition "{name}"')
        return list(reviewing.history(run, key))


def gc(source: str, *, config: Config | None = None, dry: bool = False) -> Iterator[dict[str, Any]]:
    """Remove what nobody needs any more, `publish.keep` superseded revisions aside; yields `dq.gc/1` as it goes."""
    config = config or configuration.load()
    with closing(gate_run(source, config, landed=False)) as run:
        for piece in sweep(run, config.publish.keep, dry=dry):
            yield {"schema": "dq.gc/1", "source": source, **plain(piece), "removed": not dry}
