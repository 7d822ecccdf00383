"""What a person asks first when the gate does not do what they expect: which configuration is in force, whether zones,
contracts and engines are there, and what ended runs left undone. `dq.doctor/1`."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq import operate, running, standing
from dq.config import unknown_variables
from dq.errors import DQError, HoldError, UsageError, nearest, without_secrets
from dq.opening import store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dq.config import Config
    from dq.standing import Standing
    from dq.stores.base import Store

ENGINES = ("duckdb", "polars", "pyarrow")
LEAST_TEMP_BYTES = 1 << 30
HELD, USAGE = HoldError.exit_code, UsageError.exit_code


def examine(config: Config, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Writes one small file to each zone but landing, and removes it. `exit_code` is 2 where configuration or a
    contract is wrong, else 3 where a zone does not answer or something is left undone, else 0."""
    problems: list[dict[str, Any]] = []
    for name, near in unknown_variables(environment):
        problems.append(_problem(USAGE, "environment", f"{name} is no setting{near}", "unset it, or mend the name"))
    zones = [z for name in type(config.zones).model_fields if (z := _zone(name, config, problems))]
    contracts, broken = _contracts(config, problems)
    moves, leftovers = _undone(contracts, config, problems)
    codes = {p["exit_code"] for p in problems}
    return {
        "schema": "dq.doctor/1",
        "success": not problems,
        "exit_code": next((c for c in (USAGE, HELD) if c in codes), 0),
        "file": config.file or None,
        "settings": [
            {"key": k, "value": without_secrets(v) if isinstance(v, str) else v, "origin": o}
            for k, v, o in config.settings()
        ],
        "zones": zones,
        "contracts": {"read": len(contracts), "broken": broken},
        "unfinished": moves,
        "leftover_bytes": leftovers,
        "engines": {name: version(name) for name in ENGINES},
        "temp": _temp(config, problems),
        "problems": problems,
    }


def _problem(code: int, where: str, message: str, step: str) -> dict[str, Any]:
    return {"exit_code": code, "where": where, "message": message, "next": step}


def _zone(name: str, config: Config, problems: list[dict[str, Any]]) -> dict[str, Any] | None:
    url = getattr(config.zones, name)
    if url is None:
        return None
    found: dict[str, Any] = {
        "zone": name,
        "url": without_secrets(url),
        "readable": False,
        "writable": None,
        "layout": None,
        "exists": False,
    }
    layout = None if config.publish.layout == "auto" else config.publish.layout
    try:
        zone = store(url, layout if name == "curated" else None, config.s3.access())
        found |= {"exists": zone.exists("")}
        if not found["exists"]:
            if name == "landing" and not any(s.landing for s in config.sources.values()):
                raise UsageError(f"{url}: no such folder")
            return found
        next(iter(zone.list()), None)
        found |= {"readable": True}
        if name != "landing":
            found |= {"writable": False}
            _write(zone)
            found |= {"writable": True, "layout": zone.layout if name == "curated" else None}
    except DQError as error:
        problems.append(
            _problem(error.exit_code, name, str(error), "make the folder, or mend its rights or the setting")
        )
    return found


def _write(zone: Store) -> None:
    """Records are safe where what is there is never created again."""
    probe = f".doctor-{uuid.uuid4().hex}"
    try:
        if not zone.put_if_absent(probe, b"dq") or zone.put_if_absent(probe, b"again") or zone.read(probe) != b"dq":
            raise HoldError(f"{zone.url}: creates a file that is there already: records would not be safe")
    finally:
        zone.remove(probe)


def _contracts(config: Config, problems: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Sources whose contracts were read, and those whose were not."""
    read, broken = [], []
    try:
        names = running.sources(config)
    except UsageError as error:
        problems.append(_problem(USAGE, "suites", str(error), "dq init PATH  writes first contracts"))
        return [], []
    for name in sorted({*config.sources} - {*names}):
        problems.append(
            _problem(
                USAGE,
                f"sources.{name}",
                f"no contract {config.suites}/{name}.yaml{nearest(name, names)}",
                "write it, or mend the name",
            )
        )
    for name in names:
        try:
            running.contract_of(name, config)
            read.append(name)
        except DQError as error:
            problems.append(_problem(error.exit_code, name, str(error), "mend the contract"))
            broken.append(name)
    return read, broken


def _undone(sources: list[str], config: Config, problems: list[dict[str, Any]]) -> tuple[list[dict[str, str]], int]:
    """Promotions that were recorded and not published, and bytes that `dq gc` would remove."""
    moves, leftovers = [], 0
    for source in sources:
        try:
            with closing(running.gate_run(source, config, landed=False)) as run:
                standings = standing.look(run)
                if standings and not run.zones.landing.exists(run.zones.prefix):
                    said = f"the landing folder {run.zones.landing.location(run.zones.prefix)} is not there"
                    problems.append(_problem(HELD, source, said, "mount or restore it"))
                for found in run.history.chain(source).verify():
                    said = f"history is not as the gate wrote it: {found}"
                    problems.append(_problem(HELD, source, said, "restore the history zone from its backup"))
            for move in _moves(source, standings):
                moves.append(move)
                said = f"{source} {move['partition']}: promoted {move['decided_at']}, not published"
                problems.append(_problem(HELD, source, said, f"dq gate {source}"))
            leftovers += sum(piece["bytes"] for piece in operate.gc(source, config=config, dry=True))
        except DQError as error:
            problems.append(_problem(error.exit_code, source, str(error), "mend the zone, then  dq gate"))
    return moves, leftovers


def _moves(source: str, standings: Iterable[Standing]) -> Iterator[dict[str, str]]:
    for found in standings:
        if found.state == "unpublished" and found.decision is not None:
            decided = found.decision
            yield {"source": source, "partition": decided.partition, "decided_at": decided.decided_at}


def _temp(config: Config, problems: list[dict[str, Any]]) -> dict[str, Any]:
    folder = Path(config.limits.temp or tempfile.gettempdir())
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        problems.append(
            _problem(USAGE, "limits.temp", f"{folder}: {error.strerror}", "make the folder, or name another")
        )
        return {"path": str(folder), "free_bytes": None}
    if free < LEAST_TEMP_BYTES:
        said = f"{folder}: {free:,} bytes free; large data spills there"
        problems.append(_problem(HELD, "limits.temp", said, "make room, or set limits.temp"))
    return {"path": str(folder), "free_bytes": free}
