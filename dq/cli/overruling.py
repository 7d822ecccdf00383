"""Commands of a person who knows better: release, reject, accept."""

from __future__ import annotations

import os
import socket
from typing import Annotated

import typer

from dq.cli.looking import Partition, Source
from dq.cli.output import ConfigFile, Json, Table, complain, exit_code, progress, say, say_json
from dq.errors import UsageError

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in history.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so. Default: you.")]


def release(
    source: Source,
    partition: Partition,
    reason: Reason,
    by: By = None,
    teach: Annotated[bool, typer.Option("--teach", help="Compare later partitions with it, too.")] = False,
    as_json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Publish a quarantined partition as it is."""
    from dq import operate
    from dq.config import load
    from dq.reports import text

    why, who = _word(reason, by)
    with progress(f"{source} {partition}"):
        found = operate.release(source, partition, why=why, by=who, teach=teach, config=load(config))
    say_json(found) if as_json else say(text.render(found))
    return exit_code(found)


def reject(
    source: Source,
    partition: Partition,
    reason: Reason,
    by: By = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Confirm a quarantine, or that what is late will not come."""
    from dq import operate
    from dq.config import load
    from dq.reports import text
    from dq.reports.base import printable

    why, who = _word(reason, by)
    found = operate.reject(source, partition, why=why, by=who, config=load(config))
    if as_json:
        say_json(found)
    elif found["schema"] == "dq.history/1":
        say(printable(f"{found['source']} {found['partition']} will not come, says {found['by']}: {found['why']}"))
    else:
        say(text.render(found))
    return 0


def accept(
    source: Source,
    partition: Partition,
    reason: Reason,
    by: By = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Declare a partition the new normal; judge quarantines again."""
    from dq import operate
    from dq.config import load

    why, who = _word(reason, by)
    table = Table(as_json)
    with progress(source):
        for document in operate.accept(source, partition, why=why, by=who, config=load(config)):
            table.add(document)
    if not table.documents:
        complain(f"{source} {partition} is the new normal; no quarantine is open, so nothing is judged again")
    return table.end()


def _word(reason: str, by: str | None) -> tuple[str, str]:
    """Why, and who."""
    if not reason.strip():
        raise UsageError("--reason is empty: say why, somebody will read it later")
    if by is not None and not by.strip():
        raise UsageError("--by is empty: name a person, or leave it out")
    return reason.strip(), (by or identity()).strip()


def identity() -> str:
    """Who runs the command: user@host; the number of a user without a name."""
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
