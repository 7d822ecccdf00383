"""Commands that look at what stands: status, show, history, ls."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from dq.cli.output import ConfigFile, Json, complain, say, say_json
from dq.cli.writing import Html, Junit, Markdown, Reports, write
from dq.errors import DQError, UsageError

Source = Annotated[str, typer.Argument(metavar="SOURCE")]
Partition = Annotated[str, typer.Argument(metavar="PARTITION", help="Its path below the source, or 2026-03-01.")]


def status(
    source: Annotated[str | None, typer.Argument(metavar="SOURCE")] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 while anything needs somebody.")] = False,
    as_json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Say what stands where, and what needs somebody."""
    from dq import operate, running
    from dq.config import load
    from dq.reports import status as reports

    settings = load(config)
    names = [source] if source else running.sources(settings)
    documents, faults, codes = [], {}, []
    for name in names:
        try:
            documents.append(operate.status(name, config=settings))
        except DQError as error:
            if source:
                raise
            faults[name] = str(error)
            codes.append(error.exit_code)
    if as_json:
        for document in documents:
            say_json(document)
        for fault in faults.values():
            complain(fault)
    else:
        alone = len(documents) == 1 and not faults
        say(reports.detail(documents[0]) if alone else reports.overview(documents, faults))
    if check:
        codes += [0 if d["success"] else 1 for d in documents]
    return max(codes, default=0)


def history(
    source: Source,
    partition: Annotated[str | None, typer.Argument(metavar="PARTITION", help="Only this one.")] = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> int:
    """List all decisions on a source over time, people's words included."""
    from dq import operate
    from dq.config import load
    from dq.reports import status as reports

    documents = operate.history(source, partition, config=load(config))
    if as_json:
        for document in documents:
            say_json(document)
    elif documents:
        say(reports.history(documents))
    return 0


def show(
    source: Source,
    partition: Partition,
    data_docs: Annotated[
        str | None, typer.Option(metavar="DIR", help="Add it to a site of GX's Data Docs in DIR (extra gx).")
    ] = None,
    html: Html = None,
    junit: Junit = None,
    markdown: Markdown = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Show the decision on a partition: reasons, evidence, by whom."""
    from dq import running, standing
    from dq.config import load
    from dq.reports import text

    reports = Reports.asked(html, junit, markdown, stdout="--json" if as_json else None)
    found = standing.stored(running.gate_run(source, load(config), landed=False), partition)
    if data_docs is not None:
        _document(found, data_docs)
    reports.write([found])
    if not reports.printed:
        say_json(found) if as_json else say(text.render(found) + "\n" + text.provenance(found))
    return 0


def _document(found: dict[str, Any], folder: str) -> None:
    from dq import docs
    from dq.reports.gx import of_document

    result = of_document(found)
    if not result["results"]:
        raise UsageError(f"--data-docs: no check of {found['source']} is an expectation of Great Expectations")
    page, left_out = docs.add(result, folder, found["partition"], found["run_id"])
    complain(f"Data Docs: {page}")
    if left_out:
        complain(f"not on the page, since their classes are the suite's own: {', '.join(left_out)}")


def ls(
    source: Source,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write there; of S3 in X.manifest as SageMaker reads it.")
    ] = None,
    as_json: Json = False,
    config: ConfigFile = None,
) -> int:
    """List the files that readers of a source see now."""
    from dq import running, standing
    from dq.config import load
    from dq.ir.document import lines, manifest
    from dq.reports import json
    from dq.reports.base import printable

    run = running.gate_run(source, load(config), landed=False)
    found = standing.files(run)
    paths = [f["path"] for f in found["files"]]
    if out is not None and out.endswith(".manifest") and not as_json and any(p.startswith("s3://") for p in paths):
        write(out, manifest(standing.keys(run)), out)
    elif out is not None:
        write(out, "".join(f"{x}\n" for x in ([json.render(found)] if as_json else lines(paths))), out)
    elif as_json:
        say_json(found)
    else:
        for path in map(printable, paths) if sys.stdout.isatty() else lines(paths):
            say(path)
    return 0
