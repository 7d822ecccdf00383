"""Commands that keep the house: gc and doctor."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dq.cli.output import ConfigFile, Json, complain, say, say_json
from dq.errors import DQError


def gc(
    source: Annotated[str | None, typer.Argument(metavar="SOURCE", help="Default: every contract.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, remove nothing.")] = False,
    as_json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Remove superseded revisions and what ended runs left behind.

    The newest `publish.keep` superseded revisions stay, and whatever is younger than a day. Safe beside a running gate.
    """
    from dq import operate, running
    from dq.config import load
    from dq.reports import keeping

    settings = load(config)
    pieces: list[dict[str, Any]] = []
    code = 0
    for name in [source] if source else running.sources(settings):
        try:
            for piece in operate.gc(name, config=settings, dry=dry_run):
                pieces.append(piece)
                say_json(piece) if as_json else say(keeping.piece(piece))
        except DQError as error:
            if source:
                raise
            complain(f"{name}: {error}")
            code = max(code, error.exit_code)
    if not as_json:
        say(keeping.total(pieces, dry=dry_run))
    return code


def doctor(as_json: Json = False, config: ConfigFile = None) -> int:
    """Show configuration, zones, contracts, engines, and what is left undone."""
    from dq.config import load
    from dq.doctor import examine
    from dq.reports import keeping

    found = examine(load(config))
    say_json(found) if as_json else say(keeping.doctor(found))
    return int(found["exit_code"])
