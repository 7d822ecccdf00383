"""Commands that look at what stands: status, show, ls."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from dq.cli.output import ConfigFile, Json, first_of, say, say_json
from dq.errors import UsageError

Source = Annotated[str, typer.Argument(metavar="SOURCE")]
Partition = Annotated[str, typer.Argument(metavar="PARTITION", help="Its path below the source, or 2026-03-01.")]


def status(
    source: Annotated[str | None, typer.Argument(metavar="SOURCE")] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 for open quarantines, 3 for held ones.")] = False,
    as_json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Say what stands where, per source."""
    from dq import api, standing
    from dq.config import load
    from dq.reports import tables

    settings = load(config)
    names = [source] if source else api.landing_sources(settings)
    documents = [standing.status(api.gate_run(n, settings)) for n in names]
    if as_json:
        for document in documents:
            say_json(document)
    else:
        say(tables.statuses(documents))
    counts = [d["counts"] for d in documents]
    codes = [3 if c["held"] or c["unpublished"] else 1 if c["quarantined"] else 0 for c in counts]
    return first_of(codes) if check else 0


def show(source: Source, partition: Partition, as_json: Json = False, config: ConfigFile = None) -> int:
    """Show the decision on a partition: reasons, evidence, by whom."""
    from dq import api, standing
    from dq.config import load
    from dq.reports import text

    found = standing.stored(api.gate_run(source, load(config)), partition)
    say_json(found) if as_json else say(text.render(found) + "\n" + text.provenance(found))
    return 0


def ls(
    source: Source,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write there instead, in one step.")] = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> int:
    """List the files that readers of a source see now."""
    from dq import api, standing
    from dq.config import load
    from dq.reports import json

    found = standing.files(api.gate_run(source, load(config)))
    lines = [json.render(found)] if as_json else [f["path"] for f in found["files"]]
    if out is not None:
        _write(out, "".join(f"{line}\n" for line in lines))
    elif as_json:
        say_json(found)
    else:
        for line in lines:
            say(line)
    return 0


def _write(path: str, content: str) -> None:
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
