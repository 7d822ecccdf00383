"""Commands to begin with: demo, init, suggest and convert."""

from __future__ import annotations

import os
import shutil
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dq.cli.output import complain, first_of, progress, say
from dq.errors import HoldError, StoreError, UsageError
from dq.reports.base import printable
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq.converting import Target

SETTINGS = 'suites = "suites"\n\n[zones]\nlanding = "landing"\ncurated = "curated"\n'
SETTINGS += 'quarantine = "quarantine"\nhistory = "_dq"\n'
_STRANGE = 5  # folders that are told


def demo(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Where to; made if need be.")] = "_demo",
) -> int:
    """Gate a hundred real daily reports, mistakes included."""
    from dq import api
    from dq.config import load
    from dq.reports import text
    from dq.running import gate_run

    root = Path(folder)
    _lay_out(root)
    documents: list[dict[str, Any]] = []
    with progress("judging") as done:
        for document in api.gated(gate_run("jhu", load(root / "dq.toml", environment={}))):
            documents.append(document)
            done(document["partition"])
    width = max((len(d["partition"]) for d in documents), default=0)
    if documents:
        say(text.headline(width=width))
    for document in documents:
        say(text.row(document, width=width))
    for document in documents:
        if not document["success"]:
            say(text.render(document))
    say(text.totals(documents) if documents else "nothing new: every partition is decided")
    say(_where(root))
    return first_of(3 for d in documents if d["verdict"] == "hold")


def _lay_out(root: Path) -> None:
    """Copy what is not there yet. Raises UsageError rather than mix with somebody's files."""
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root}: is a file; name a folder")
    if root.is_dir() and any(root.iterdir()) and not (root / "suites" / "jhu.yaml").is_file():
        raise UsageError(f"{root}: is not empty and no demo; name another folder")
    try:
        (root / "suites").mkdir(parents=True, exist_ok=True)
        (root / "landing" / "jhu").mkdir(parents=True, exist_ok=True)
        if not (root / "dq.toml").exists():
            (root / "dq.toml").write_text(SETTINGS)
        bundled = files("dq.demo")
        with as_file(bundled / "landing" / "jhu") as landing:
            for file in sorted(landing.glob("*.csv.gz")):
                _copy(file, root / "landing" / "jhu" / file.name)
        contract = bundled / "suites" / "jhu.yaml"
        if not contract.is_file():  # a checkout: the wheel takes it along from there
            contract = Path(__file__).parents[2] / "suites" / "jhu.yaml"
        with as_file(contract) as file:
            _copy(file, root / "suites" / "jhu.yaml")
    except OSError as error:
        raise StoreError(f"{error.filename}: {error.strerror}") from None


def _copy(file: Path, target: Path) -> None:
    """Under a name that is no data until it is whole: a killed copy is done again."""
    if not target.exists():
        temporary = target.with_name(f"_{target.name}")
        shutil.copyfile(file, temporary)
        temporary.replace(target)


def _where(root: Path) -> str:
    published = sum(1 for p in (root / "curated" / "jhu").rglob("*") if p.is_file())
    lines = [
        f"published:    {root / 'curated' / 'jhu'} ({published} files)",
        f"quarantined:  {root / 'quarantine' / 'jhu'} (records with the reasons; the files stay in landing)",
        f"contract:     {root / 'suites' / 'jhu.yaml'}",
        f"next: cd {root} && dq status",
        "      dq show jhu 2020-04-01",
        '      dq accept jhu 2020-04-01 --reason "…"',
    ]
    return "\n".join(lines)


def init(
    path: Annotated[str | None, typer.Argument(metavar="PATH", help="A folder, or s3://, in which data lands.")] = None,
    gx: Annotated[str | None, typer.Option(metavar="DIR", help="Instead: a project of Great Expectations.")] = None,
) -> int:
    """Write dq.toml and first contracts for what a folder holds."""
    from dq import api, opening
    from dq import init as first
    from dq.config import load

    if gx is not None and path is None:
        return _moved(gx)
    if path is None or gx is not None:
        raise UsageError("dq init needs PATH, or --gx DIR")
    drafts, landing, strange = opening.drafts(path)
    for one in strange[:_STRANGE]:
        complain(f"{one}: no known format, passed over; a contract may name it (format: csv, or json ...)")
    if len(strange) > _STRANGE:
        complain(f"{counted(len(strange) - _STRANGE, 'more folder')} without a known format")
    targets = [Path("dq.toml"), *(Path("suites") / f"{d.source}.yaml" for d in drafts)]
    _absent(targets)
    contracts, ours, look = {}, False, partial(api.look, config=load(None))
    for draft in drafts:
        strays = f" ({counted(draft.strays, 'path')} of no known layout or format)" if draft.strays else ""
        complain(
            f"{draft.source}: {counted(draft.partitions, 'partition')}, layout {draft.layout or 'one file each'}"
            f"{strays}; reading the newest {len(draft.newest)}{' and the oldest' if draft.oldest else ''}"
            f" ({draft.bytes:,} bytes)"
        )
        try:
            contracts[draft.source] = first.contract(draft, look)
        except (UsageError, HoldError) as error:
            ours |= isinstance(error, HoldError)
            complain(f"{draft.source}: no contract: {error}")
    if not contracts:
        raise (HoldError if ours else UsageError)(f"{path}: nothing could be read; nothing is written")
    _write(Path("dq.toml"), first.settings(landing, first.places(drafts, landing)))
    for source, text in contracts.items():
        _write(Path("suites") / f"{source}.yaml", text)
    say("next: read the contracts, then  dq gate --dry-run")
    return 0


def _absent(targets: Iterable[Path]) -> None:
    if existing := [str(t) for t in targets if os.path.lexists(t)]:
        raise UsageError(f"{', '.join(existing)}: already there and not overwritten; nothing is written")


def suggest(
    data: Annotated[list[str], typer.Argument(metavar="DATA", help="Files, folders or patterns.")],
    source: Annotated[str, typer.Option(metavar="NAME", help="What the contract calls it.")] = "data",
    out: Annotated[str | None, typer.Option(metavar="PATH", help="Instead of stdout; is not overwritten.")] = None,
) -> int:
    """Write a first contract for data: what was seen in it; exit 1 where not all of it could be read."""
    from dq import api
    from dq import init as first
    from dq.config import load

    if out is not None:
        _absent([Path(out)])
    profile, reading, faults = api.look(data, source, load(None))
    text = first.suggestion(source, profile, reading)
    _write(Path(out), text) if out is not None else say(text.removesuffix("\n"))
    return 1 if faults else 0


def convert(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="Of any dialect; named as for validate.")],
    to: Annotated[str, typer.Option("--to", metavar="contract|gx", help="What to write.")],
    out: Annotated[str | None, typer.Option(metavar="PATH", help="Instead of stdout; is not overwritten.")] = None,
) -> int:
    """Write a suite as a contract, or as a suite of GX; exit 1 where not all of it means the same."""
    from dq.converting import convert as converted
    from dq.suite import load_contract

    if to not in ("contract", "gx"):
        raise UsageError(f'--to "{to}": contract or gx')
    if out is not None:
        _absent([Path(out)])
    found = converted(load_contract(suite), cast("Target", to))
    for lost in found.lost:
        complain(str(lost))
    _write(Path(out), found.text) if out is not None else say(found.text.removesuffix("\n"))
    changed = sum(one.written for one in found.lost)
    left = sum(one.asks for one in found.lost) - changed
    complain(f"{counted(len(found.kept), 'check')} as they were, {changed:,} changed, {left:,} left out")
    return 1 if changed or left else 0


def _moved(folder: str) -> int:
    """From a project of Great Expectations. What somebody has to look at is listed, and exits 1 where it is an
    expectation that will not run."""
    from dq import moving
    from dq.reports.tables import table

    move = moving.plan(folder, Path("suites"))
    _absent(move.files)
    heads = ("SUITE", "EXPECTATIONS", "IN PLAN", "NEEDS EXTRA gx", "UNKNOWN")
    rows = [(n, s.expectations, s.planned, len(s.delegated), len(s.unknown)) for n, s in move.suites.items()]
    total = ("total", *(sum(int(r[i]) for r in rows) for i in range(1, 5)))
    if rows:
        say(table(heads, [*rows, total], "EXPECTATIONS UNKNOWN", widest=60))
    for left in move.left:
        complain(left)
    for target, text in move.files.items():
        _write(target, text)
    if not move.files:
        raise UsageError(f"{folder}: no suite is run on files that are read here; nothing is written")
    say("next: read the contracts, then  dq gate --dry-run")
    return 1 if any(s.unknown for s in move.suites.values()) else 0


def _write(target: Path, text: str) -> None:
    """Never over something that is there."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{target}: {error.strerror}") from None
    say(printable(f"wrote {target}"))
