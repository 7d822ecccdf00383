"""The command before a training run: pretrain."""

from __future__ import annotations

from typing import Annotated

import typer

from dq.cli.output import ConfigFile, Engine, Json, progress, say, say_json
from dq.cli.writing import Html, Junit, Markdown, Reports

Columns = list[str] | None


def pretrain(
    train: Annotated[list[str], typer.Option(metavar="DATA", help="Files, folders, patterns, dq://SOURCE?since=DATE.")],
    val: Annotated[Columns, typer.Option(metavar="DATA", help="What the model is chosen by.")] = None,
    test: Annotated[Columns, typer.Option(metavar="DATA", help="What the score is of.")] = None,
    label: Annotated[str, typer.Option(metavar="COLUMN", help="To predict; needed unless --suite names it.")] = "",
    row_id: Annotated[Columns, typer.Option("--id", metavar="COLUMN", help="Names a row.")] = None,
    group: Annotated[Columns, typer.Option(metavar="COLUMN", help="Must not be in two splits: user, patient.")] = None,
    time: Annotated[str | None, typer.Option(metavar="COLUMN", help="When a row is from; train ends first.")] = None,
    weight: Annotated[str | None, typer.Option(metavar="COLUMN", help="Weight of a row.")] = None,
    features: Annotated[Columns, typer.Option(metavar="COLUMN", help="What the model sees; all others.")] = None,
    suite: Annotated[str | None, typer.Option(metavar="FILE", help="<model>.pretrain.yaml, or a contract.")] = None,
    task: Annotated[str | None, typer.Option(metavar="NAME", help="auto, classification or regression.")] = None,
    also: Annotated[
        Columns, typer.Option(metavar="NAME", help="near_duplicates, label_issues (extra cleanlab).")
    ] = None,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Record what was validated, by content.")] = None,
    html: Html = None,
    junit: Junit = None,
    markdown: Markdown = None,
    as_json: Json = False,
    engine: Engine = None,
    config: ConfigFile = None,
) -> int:
    """Check splits before training: leaks, labels, drift, numbers.

    Exits 1 when a check fails. A training script refuses what was not validated:
    dq.require_validated(path, record="dq-pretrain.json").
    """
    from dq import training
    from dq.config import load
    from dq.reports.training import render

    settings = load(config, engine=engine)
    reports = Reports.asked(html, junit, markdown, stdout="--json" if as_json else None)
    with progress("pretrain"):
        found = training.pretrain(
            _data(train), val=_data(val), test=_data(test), label=label, id=row_id or (), group=group or (), time=time,
            weight=weight, features=_listed(features), suite=suite, task=task, also=_listed(also), out=out,
            engine=settings.engine.name, config=settings,
        )  # fmt: skip
    reports.write([found.document])
    if not reports.printed:
        say_json(found.document) if as_json else say(render(found.document))
    return 0 if found.success else 1


def _data(given: Columns) -> str | list[str] | None:
    return given[0] if given and len(given) == 1 else given or None


def _listed(given: Columns) -> list[str]:
    """Names may be repeated options or stand behind commas."""
    return [name for one in given or () for name in one.split(",") if name]
