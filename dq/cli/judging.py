"""Commands that read data: gate, validate, profile, diff, explain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dq.cli.output import ConfigFile, Engine, Json, Table, complain, first_of, progress, say, say_json
from dq.cli.writing import Html, Junit, Markdown, Reports, write
from dq.errors import HoldError, SuiteError, UsageError
from dq.reports import json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from dq.api import EngineName, Result
    from dq.config import Config
    from dq.gate import Wanted
    from dq.ir.aggregate import Aggregate
    from dq.ir.contract import Contract
    from dq.plan import Plan
    from dq.profile import Depth
    from dq.reports.gx import ResultFormat
    from dq.suite import Semantics

Data = Annotated[list[str], typer.Argument(metavar="DATA", help="Files, folders or patterns.")]
Suites = Annotated[list[str], typer.Option("--suite", metavar="FILE", help="Contract to hold the data against.")]
Suite = Annotated[str | None, typer.Option(metavar="FILE", help="Contract that says how the data is read.")]
As = Annotated[str, typer.Option(metavar="pandas|sql", help="How GX judged a GX suite so far.")]
Reference = Annotated[
    list[str] | None, typer.Option(metavar="NAME=DATA", help="Where data is that the suite compares with.")
]
Plugins = Annotated[str | None, typer.Option(metavar="DIR", help="Custom expectations of a GX suite.")]


def gate(
    sources: Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help="Default: every contract.")] = None,
    partition: Annotated[
        str | None, typer.Option(metavar="KEY", help="Only this one: its path, or 2026-03-01.")
    ] = None,
    wait: Annotated[str | None, typer.Option(metavar="TIME", help="With --partition: until ready, like 30m.")] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="DATE", help="Ignore older ones from now on.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Judge decided partitions anew.")] = False,
    quarantined: Annotated[bool, typer.Option("--quarantined", help="With --again: quarantined ones only.")] = False,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="With --again: from this one on.")] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="With --again: why; kept in history.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, write nothing.")] = False,
    jobs: Annotated[int | None, typer.Option(metavar="N", min=1, help="Scan N partitions at once.")] = None,
    html: Html = None,
    junit: Junit = None,
    markdown: Markdown = None,
    as_json: Json = False,
    engine: Engine = None,
    config: ConfigFile = None,
) -> int:
    """Judge what landed; promote it or quarantine it.

    Every partition of the sources that is ready and undecided, in order of time. What could not be judged is tried
    again after a minute, then after ten; parked after three holds alike, until it changes or --partition names it.
    """
    from dq import api, running
    from dq.config import load
    from dq.gate import Wanted

    settings = load(config, engine=engine, jobs=jobs)
    reports = Reports.asked(html, junit, markdown, stdout="--json" if as_json else None)
    if wait and partition is None:
        raise UsageError("--wait goes with --partition")
    for flag, given in (("--quarantined", quarantined), ("--since", since), ("--reason", reason is not None)):
        if given and not again:
            raise UsageError(f"{flag} goes with --again")
    wanted = Wanted(
        start=_date("--from", start), again=again, only_quarantined=quarantined, since=_date("--since", since),
        dry=dry_run, by=_by(again or start is not None), why=reason or ("judged again" if again else ""),
    )  # fmt: skip
    names = list(dict.fromkeys(sources or ())) or running.landing_sources(settings)
    if partition is None:
        return _gate_all(names, settings, wanted, as_json, reports, named=bool(sources))
    if len(names) != 1:
        raise UsageError(f"--partition needs one SOURCE; there are {', '.join(names)}")
    table = Table(as_json, silent=reports.printed)
    seconds = _seconds(wait) if wait else 0.0
    with progress(f"{names[0]} {partition}"):
        found = api.gate_named(names[0], partition, config=settings, wanted=wanted, wait_seconds=seconds)
    table.add(found)
    reports.write(table.documents)
    return table.end()


def _gate_all(
    names: list[str], settings: Config, wanted: Wanted, as_json: bool, reports: Reports, *, named: bool
) -> int:
    """A contract that does not parse keeps its own source from being gated; all of them where somebody `named` it."""
    from dq import api, running
    from dq.references import in_order, sources_of

    runs, codes = {}, []
    for name in names:
        try:
            runs[name] = running.gate_run(name, settings, wanted)
        except SuiteError as error:
            if named or len(names) == 1:
                raise
            complain(f"{name} is passed over: {error}")
            codes.append(HoldError.exit_code)
    table = Table(as_json, with_source=len(names) > 1, silent=reports.printed, recorded=not wanted.dry)
    for name in in_order({n: sources_of(run.contract) for n, run in runs.items()}):
        run = runs[name]
        if run.asking.referenced:  # which may have been published just now
            run.close()
            run = running.gate_run(name, settings, wanted)
        with table, progress(name) as done:
            try:
                for document in api.gated(run):
                    table.add(document)
                    done(document["partition"])
            except HoldError as error:
                complain(f"{name}: {error}")
                codes.append(HoldError.exit_code)
        codes.append(HoldError.exit_code if run.open else 0)
    reports.write(table.documents)
    return first_of((*codes, table.end()))


def _by(asked: bool) -> str:
    from dq.cli.overruling import identity

    return identity() if asked else ""


def _date(flag: str, text: str | None) -> date | None:
    from datetime import date, datetime

    if text is None:
        return None
    try:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f'{flag} "{text}": write it like 2026-03-01') from None


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text.strip())
    if not match or not any(match.groups()):
        raise UsageError(f'--wait "{text}": write it like 30m, 90s or 1h30m')
    hours, minutes, seconds = (int(g or 0) for g in match.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def validate(
    data: Data,
    suite: Suites,
    semantics: As = "pandas",
    reference: Reference = None,
    plugins: Plugins = None,
    gx: Annotated[str | None, typer.Option(metavar="PATH", help="Write GX's validation result; - is stdout.")] = None,
    result_format: Annotated[
        str, typer.Option(metavar="NAME", help="Of GX's result: BOOLEAN_ONLY, BASIC, SUMMARY or COMPLETE.")
    ] = "SUMMARY",
    compare: Annotated[
        str | None, typer.Option(metavar="FILE", help="List what differs from this validation result of GX.")
    ] = None,
    html: Html = None,
    junit: Junit = None,
    markdown: Markdown = None,
    as_json: Json = False,
    engine: Engine = None,
    config: ConfigFile = None,
) -> int:
    """Hold data against contracts, or suites of GX, pandera, ODCS; moves and records nothing."""
    from dq import api
    from dq.dialects.gx.results import read_result
    from dq.reports.gx import FORMATS

    settings, name = _settings(config, engine)
    if result_format not in FORMATS:
        raise UsageError(f'--result-format "{result_format}": {", ".join(FORMATS)}')
    for flag, value in (("--gx", gx), ("--compare", compare)):
        if value and len(suite) != 1:
            raise UsageError(f"{flag} goes with one --suite")
    printed = ("--compare", compare), ("--gx -", gx == "-"), ("--json", as_json and not compare)
    stdout = " and ".join(flag for flag, value in printed if value)
    if compare and gx == "-":
        raise UsageError(f"{stdout} both write to stdout")
    reports = Reports.asked(html, junit, markdown, stdout=stdout)
    theirs = None if compare is None else read_result(compare)
    given = _references(reference)
    contracts = [_contract(s, semantics, plugins, settings) for s in suite]
    table = Table(as_json, with_source=True, silent=reports.printed or gx == "-", recorded=False)
    for contract in contracts:
        found = api.validate(
            data, contract, engine=name, limits=settings.limits, references=given, config=settings,
            result_format=cast("ResultFormat", result_format),
        )  # fmt: skip
        if gx == "-":
            say_json(found.to_gx())
        elif gx:
            _write_gx(gx, found)
        if theirs is not None:
            return _compared(found, theirs, as_json)
        table.add(found.document)
    reports.write(table.documents)
    return table.end()


def _contract(suite: str, semantics: str, plugins: str | None, settings: Config) -> Contract:
    from dq.suite import load_contract

    if semantics not in ("pandas", "sql"):
        raise UsageError(f'--semantics "{semantics}": pandas or sql')
    if plugins is not None and not Path(plugins).is_dir():
        raise UsageError(f"--plugins {plugins}: no such folder")
    meant = cast("Semantics", semantics)
    return load_contract(suite, semantics=meant, plugins=plugins, access=settings.s3.access())


def _compared(found: Result, theirs: Mapping[str, Any], as_json: bool) -> int:
    """0 where nothing differs, whatever the verdict; else 3 where something could not be judged, or 1."""
    from dq.profile import HIDDEN
    from dq.reports import comparison

    document = comparison.comparison(found.to_gx(), theirs, HIDDEN)
    say_json(document) if as_json else say(comparison.render(document))
    return 0 if document["success"] else 3 if found.verdict == "hold" else 1


def _references(given: list[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given or ():
        name, equals, place = text.partition("=")
        if not (name and equals and place):
            raise UsageError(f'--reference "{text}": write it like zones=zones.parquet')
        found[name] = place
    return found


def _write_gx(path: str, found: Result) -> None:
    from dq.reports.gx import set_apart

    whole, apart = set_apart(found.to_gx(), path)
    for place, listed in apart.items():
        write(place, json.render(listed) + "\n", f"--gx {place}")
    write(path, json.render(whole) + "\n", f"--gx {path}")


def profile(
    data: Data,
    suite: Suite = None,
    depth: Annotated[str, typer.Option(metavar="core|full", help="full adds keys, duplicates, patterns.")] = "full",
    as_json: Json = False,
    engine: Engine = None,
    config: ConfigFile = None,
) -> int:
    """Profile data: what every column is like; exit 1 where not all of it could be read."""
    from dq import api
    from dq.reports import tables

    if depth not in ("core", "full"):
        raise UsageError(f'--depth "{depth}": core or full')
    settings, name = _settings(config, engine)
    asked = cast("Depth", depth)
    found = api.profile(data, depth=asked, suite=suite, engine=name, limits=settings.limits, config=settings)
    say_json(found.document) if as_json else say(tables.profile(found.document))
    return 1 if found.unread else 0


def diff(
    a: str, b: str, suite: Suite = None, as_json: Json = False, engine: Engine = None, config: ConfigFile = None
) -> int:
    """Compare two data sets; exit 1 when they differ badly, or where not all of them could be read."""
    from dq import api
    from dq.ir.document import difference
    from dq.reports import tables

    settings, name = _settings(config, engine)
    one, other = (api.profile(x, suite=suite, engine=name, limits=settings.limits, config=settings) for x in (a, b))
    found = difference({"name": a, "rows": one.rows}, {"name": b, "rows": other.rows}, api.diff(one, other))
    say_json(found) if as_json else say(tables.difference(found))
    return 0 if found["success"] and not (one.unread or other.unread) else 1


def explain(
    data: Data,
    suite: Annotated[str | None, typer.Option(metavar="FILE", help="Contract; without it DATA is SOURCE KEY.")] = None,
    semantics: As = "pandas",
    reference: Reference = None,
    plugins: Plugins = None,
    engine: Engine = None,
    config: ConfigFile = None,
) -> int:
    """Show how data would be read: passes, engines, columns, bytes."""
    from dq import api

    settings, name = _settings(config, engine)
    if suite is not None:
        given, contract = _references(reference), _contract(suite, semantics, plugins, settings)
        plan = api.explain(data, contract, engine=name, limits=settings.limits, references=given, config=settings)
        say(_plan(plan))
    elif reference:
        raise UsageError("--reference goes with --suite: where references of a source are its contract says")
    elif len(data) == 2:
        say(_plan(api.explain_landed(data[0], data[1], config=settings)))
    else:
        raise UsageError("explain needs DATA --suite FILE, or SOURCE PARTITION")
    return 0


def _plan(plan: Plan) -> str:
    from dq.reports import tables
    from dq.reports.base import printable
    from dq.words import counted

    rows = [
        (n, p.engine, p.family, len(p.aggregates), len({c[0] for c in p.columns}), "?" if p.bytes is None else p.bytes)
        for n, p in enumerate(plan.passes, 1)
    ]
    heads = ("PASS", "ENGINE", "FAMILY", "AGGREGATES", "COLUMNS", "BYTES")
    lines = [tables.table(heads, rows, "PASS AGGREGATES COLUMNS BYTES")] if rows else ["nothing is read"]
    if plan.known:
        lines.append(f"{len(plan.known)} more aggregates are answered by footers")
    if plan.shared:
        lines.append(f"\n{counted(len(plan.shared), 'aggregate')} computed once for several checks:")
        served = sorted((_asked(a), ", ".join(checks)) for a, checks in plan.shared.items())
        lines.append(tables.table(("AGGREGATE", "CHECKS"), served, widest=100))
    lines += [printable(f"{check}: {u.message}{u.advice}") for check, u in plan.unjudged.items()]
    lines += [printable(f"{check}: {remark}") for check, remark in plan.remarks.items()]
    return "\n".join(lines)


def _asked(aggregate: Aggregate) -> str:
    from dq.ir.data import format_path

    columns = ", ".join(sorted(format_path(p) for p in aggregate.columns()))
    return f"{type(aggregate).__name__} of {columns or 'rows'}"


def _settings(config: str | None, engine: str | None) -> tuple[Config, EngineName]:
    from dq.config import load

    settings = load(config, engine=engine)
    return settings, settings.engine.name
