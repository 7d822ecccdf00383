"""First contracts for data that nobody has described: sources and layouts from paths, columns from the newest data.

What is written is what was seen, to be corrected by people who know: types, no nulls, no negatives, few values, half of
the rows of the day before.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dq import inventory
from dq.errors import HoldError, UsageError
from dq.inventory import Other
from dq.ir.check import Suite
from dq.ir.contract import Contract
from dq.ir.data import FLOATS, NUMBERS, TEXTS, Kind, format_path, parse_type
from dq.layouts import is_key, layouts_of
from dq.profile import ColumnProfile, Profile, date_formats, exact_counts, is_never_negative, looks_of, merge
from dq.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dq.inventory import Landed
    from dq.ir.data import Partition, Reading, Type
    from dq.stores.base import Store

    Look = Callable[[list[str], str], tuple[Profile, Reading, tuple[str, ...]]]

MARKER = "_SUCCESS"
NEWEST = 3  # partitions that are read
FEW_VALUES = 20
ROWS_PER_VALUE = 20
_PROSE = re.compile(r"(readme|licen[cs]e|changelog|copying|notice)\b", re.IGNORECASE)
_STEPS = 13  # from one partition to the next, of which anything comes again
_STEADY = 0.75  # of the bytes before
_FORMATS = 4  # in which dates of one column may be written
_STRANGE = 3  # texts that may stand among numbers
_LONGEST_KEY = 1_000  # of YAML without a question mark
_NUMBER = re.compile(r"[+-]?\d[\d.,]*")
_MARKED_NUMBER = re.compile(r"\(?[+-]?(?:[A-Z]{3}|[$€£¥])? ?\d[\d.,' ]*(?:%|[A-Z]{3}|[$€£¥])?\)?")


@dataclass(frozen=True, slots=True)
class Draft:
    """A source as found: its folder below the landing zone, its layout, and the partitions to be read: the newest ones,
    and the oldest, if it is none of these, for its columns."""

    source: str
    folder: str
    layout: str | None
    partitions: int
    newest: tuple[Partition, ...]
    strays: int = 0
    marker: str | None = None
    otherwise: str | None = None  # a layout that reads as many paths, and other dates in them
    oldest: Partition | None = None
    dip: float = 1.0  # bytes against the partition before, as small as they come again and again

    @property
    def bytes(self) -> int:
        return sum(p.bytes for p in (self.oldest, *self.newest) if p)


def find(zone: Store, name: str, recognised: Callable[[str], bool]) -> tuple[list[Draft], list[str]]:
    """Sources in a zone that is called `name`; data directly in it, or in folders of keys, makes the zone itself one.

    Files of which nobody knows how to read them are passed over; the first one of every folder that has no others is
    told beside the sources.
    """
    strange: dict[str, str] = {}
    folders: dict[str, list[str]] = defaultdict(list)
    marked: set[str] = set()
    for entry in zone.list():
        parts = entry.path.split("/")
        if parts[-1] == MARKER:
            marked.add("/".join(parts[:-1]))
        if not inventory.is_data(entry.path, entry.bytes) or _PROSE.match(parts[-1]):
            continue
        depth = next((i for i, p in enumerate(parts[:-1]) if is_key(p)), len(parts) - 1)
        folder = "/".join(parts[:depth])
        if recognised(zone.location(entry.path)):
            folders[folder].append("/".join(parts[depth:]))
        else:
            strange.setdefault(folder, entry.path)
    taken: set[str] = set()
    drafts = []
    for folder, paths in sorted(folders.items()):
        draft = _draft(zone, folder, _named(folder or name, taken), paths, recognised, _inside(folder, folders))
        complete = bool(draft.newest) and all(f"{folder}/{p.key}".strip("/") in marked for p in draft.newest)
        drafts.append(replace(draft, marker=MARKER if complete else None))
    return drafts, [path for folder, path in sorted(strange.items()) if folder not in folders]


def _inside(folder: str, folders: Iterable[str]) -> list[Other]:
    """Sources that lie in the folder of another one."""
    base = f"{folder}/" if folder else ""
    return [Other(f.removeprefix(base)) for f in folders if f != folder and f.startswith(base)]


def _named(folder: str, taken: set[str]) -> str:
    """The last part of the folder, or as many as it takes to be new."""
    parts = [re.sub(r"[^A-Za-z0-9_.-]+", "_", p).lstrip("_.-") or "data" for p in folder.split("/")]
    name = next((n for i in range(1, len(parts) + 1) if (n := "_".join(parts[-i:])) not in taken), "_".join(parts))
    taken.add(name)
    return name


def _draft(
    zone: Store, folder: str, source: str, paths: list[str], recognised: Callable[[str], bool], others: list[Other]
) -> Draft:
    layout, otherwise = layouts_of(paths)
    landed: list[Landed] = inventory.scan(zone, folder, Contract(source, Suite(source), layout), 0.0, others)
    sound = [o.partition for o in landed if not o.fault and all(recognised(f.location) for f in o.partition.files)]
    newest, oldest = tuple(sound[-NEWEST:]), sound[0] if len(sound) > NEWEST else None
    strays, dip = len(landed) - len(sound), _dip(sound)
    return Draft(source, folder, layout, len(sound), newest, strays, None, otherwise, oldest, dip)


def _dip(partitions: Iterable[Partition]) -> float:
    """The lowest ratio of following partitions that is no single fault: one in twenty may be."""
    lines: defaultdict[Any, list[int]] = defaultdict(list)
    for one in partitions:
        lines[inventory.series(one)].append(one.bytes)
    ratios = sorted(b / a for line in lines.values() for a, b in pairwise(line) if a)
    return ratios[len(ratios) // 20 + 1] if len(ratios) >= _STEPS else 1.0


def _unread(key: str, how: str, why: str) -> str:
    """A partition that is called like its one file is named once."""
    return f"{key} could not be {how}: {why.removeprefix(f'{key}: ')}"


def contract(draft: Draft, look: Look) -> str:
    """A first contract in YAML, from the newest partitions that have the newest one's columns; columns that not all
    have are optional.

    What cannot be read among them is said. Raises UsageError where none can, HoldError where that is no fault of the
    data.
    """
    looked, unread, ours = [], [], False
    columns: dict[str, list[Any]] = {}
    for partition in draft.newest:
        try:
            looked.append(look([f.location for f in partition.files], draft.source))
            columns[partition.key] = _layout(looked[-1][0])
            unread += [_unread(partition.key, "read whole", fault) for fault in looked[-1][2]]
        except (UsageError, HoldError) as error:
            ours |= isinstance(error, HoldError)
            unread.append(_unread(partition.key, "read", str(error)))
    if not looked:
        raise (HoldError if ours else UsageError)("; ".join(unread))
    if draft.oldest:
        with suppress(UsageError, HoldError):  # it is read for its columns only
            columns[draft.oldest.key] = _layout(look([f.location for f in draft.oldest.files], draft.source)[0])
    newest, reading, _ = looked[-1]
    alike = [p for p, *_ in looked if _layout(p) == _layout(newest)]
    seen = f"{counted(len(alike), 'partition')} with "
    more = [
        *_ambiguous(draft),
        *([f"layout: {json.dumps(draft.layout, ensure_ascii=False)}"] if draft.layout else []),
        *_ready(draft),
    ]
    notes = [f"# {json.dumps(u, ensure_ascii=True)[1:-1]}" for u in unread]
    mine = set(_layout(newest))
    near = {
        key: mine.difference(paths) for key, paths in columns.items() if len(mine.intersection(paths)) * 2 > len(mine)
    }
    notes += [f"# {json.dumps(k)[1:-1]} has other columns" for k in columns if k not in near]
    lacking = {path: key for key, missing in near.items() for path in missing}
    return _written("init", seen, draft.source, reduce(merge, alike), reading, notes, more, lacking, draft.dip)


def _ready(draft: Draft) -> list[str]:
    if draft.marker:
        return [f"ready: {{marker: {draft.marker}}}"]
    if all(len(p.files) == 1 for p in draft.newest):
        return []
    return [
        "# Nothing that landed says when all files of a partition have come. It may wait until none came for a while:",
        "# ready: {quiet: 10m}",
    ]


def suggestion(source: str, profile: Profile, reading: Reading) -> str:
    """A first contract in YAML for data that lies anywhere."""
    return _written("suggest", "", source, profile, reading)


def _written(
    command: str, seen: str, source: str, whole: Profile, reading: Reading, notes: Sequence[str] = (),
    more: Sequence[str] = (), lacking: Mapping[Any, str] | None = None, dip: float = 1.0,
) -> str:  # fmt: skip
    least = 50 if dip >= _STEADY else max(5, int(dip * 50) // 5 * 5)  # half of what weekends have, say
    lines = [
        f"# Written by dq {command} from {seen}{counted(whole.rows, 'row')}: what was seen.",
        "# Correct it by what you know; `dq validate DATA --suite THIS_FILE` tries it.",
        *notes,
        f"source: {source}",
        *more,
        *_format(reading),
        "columns:" if whole.columns else "columns: {}",
        *(_column(c, (lacking or {}).get(c.path), reading) for c in whole.columns if len(c.path) == 1),
        "checks:",
        f'  - {{row_count: ">= {least}% of previous"}}',
    ]
    return "\n".join(lines) + "\n"


def _ambiguous(draft: Draft) -> list[str]:
    if draft.otherwise is None:
        return []
    return [f"# Day before month or month before day? Every path also reads as {draft.otherwise}"]


def _layout(profile: Profile) -> list[Any]:
    return [c.path for c in profile.columns]


def _format(reading: Reading) -> list[str]:
    """How text was read, every choice shown."""
    if reading.format != "csv":
        return [f"format: {reading.format}"] if reading.format else []
    alone = ["# One column: no delimiter parts the lines, and columns of fixed width are not read."]
    said: dict[str, Any] = {"delimiter": reading.delimiter, "quote": reading.quote, "encoding": reading.encoding}
    said |= {"escape": reading.escape} if reading.escape not in (None, reading.quote) else {}
    said |= {"skip": reading.skip} if reading.skip else {}
    said |= {"header": reading.header} if reading.header else {"header": False, "names": list(reading.names)}
    said |= {"decimal": reading.decimal} if reading.decimal != "." else {}
    said |= {"thousands": reading.thousands} if reading.thousands else {}
    written = "csv: " + flow({k: v for k, v in said.items() if v is not None})
    return [*(alone if len(reading.names) == 1 else []), written]


def _column(column: ColumnProfile, lacking: str | None, reading: Reading) -> str:
    """`lacking` is the key of a partition without it."""
    dates, note = _dates(column)
    if dates and reading.format == "parquet":  # says of what type it is, and text in it is not read as another
        dates, note = {}, "  # dates in text"
    rules: dict[str, Any] = {"optional": True} if lacking else {}
    rules |= dates or ({"type": str(column.type)} if _is_sayable(column.type) else {})
    nans = column.states.get("nans", 0)
    if column.present == column.rows > 0 and not nans:
        rules["required"] = True
    if column.type.kind in NUMBERS and not nans and is_never_negative(column):
        rules["min"] = 0
    rules |= {} if dates else _values(column)
    note = note or _remark(column)
    note += f"  # not in {json.dumps(lacking)[1:-1]}" if lacking else ""
    name = key(format_path(column.path))
    start = f"  {name}:" if len(name) < _LONGEST_KEY else f"  ? {name}\n  :"
    return f"{start} {flow(rules)}{note}"


def _dates(column: ColumnProfile) -> tuple[dict[str, Any], str]:
    """Texts that all are dates, and a remark where nobody can tell day and month apart."""
    if column.type.kind is not Kind.STRING or column.personal:
        return {}, ""
    texts = looks_of(column)
    formats, share = date_formats(texts)
    if not formats or share < 1:
        return {}, ""
    if len(formats) > _FORMATS:
        return {}, f"  # dates, written in {len(formats)} ways: kept as text"
    if (
        len(formats) == 1
        and date_formats(texts, (swapped := _other_order(formats[0]),))[1] == 1
        and swapped != formats[0]
    ):
        return {}, f"  # dates: formats: [{_quoted(formats[0])}] or [{_quoted(swapped)}]?"
    timed = any(re.search("%[HI]", f) for f in formats)
    return {"type": "timestamp" if timed else "date", "formats": list(formats)}, ""


def _remark(column: ColumnProfile) -> str:
    """What texts look like of which most, or all but for marks, are numbers."""
    if column.type.kind is not Kind.STRING or column.personal:
        return ""
    texts = [(str(text).strip(), rows) for text, rows in looks_of(column)]
    whole = sum(rows for _, rows in texts)
    strange = {text: rows for text, rows in texts if not _NUMBER.fullmatch(text)}
    plain = whole - sum(strange.values())
    if strange and all(map(_MARKED_NUMBER.fullmatch, strange)):
        return f"  # numbers, as {_quoted(next(iter(strange)))} writes them: kept as text"
    if strange and len(strange) <= _STRANGE and plain * 2 >= whole:
        listed = ", ".join(map(_quoted, strange))
        return f"  # numbers, but for {listed}: missing values (csv: null_values), or rows that are none?"
    return ""


def _other_order(format_: str) -> str:
    """With day and month in each other's place."""
    return re.sub("%[dm]", lambda d: "%m" if d[0] == "%d" else "%d", format_) if "%Y-%m" not in format_ else format_


def _values(column: ColumnProfile) -> dict[str, Any]:
    """Personal data is marked instead of listed. Few values are warned about only: the next day may bring a new one."""
    counts = exact_counts(column) if column.type.kind in TEXTS - FLOATS else None
    if column.personal:
        return {"pii": True}
    if not counts or len(counts) > FEW_VALUES or sum(counts.values()) < ROWS_PER_VALUE * len(counts):
        return {}
    return {"allowed": {"value": sorted(counts), "severity": "warn"}}


def _unknown(found: Type) -> bool:
    """Whether a part of it was always NULL."""
    parts = (found.key, found.item, *(f.type for f in found.fields))
    return found.kind is Kind.NULL or any(_unknown(part) for part in parts if part)


def _is_sayable(found: Type) -> bool:
    """Whether a contract can say it: names of fields may be anything."""
    try:
        return not _unknown(found) and parse_type(str(found)) == found
    except ValueError:
        return False


_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def key(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) and name.lower() not in _WORDS
    return name if plain else _quoted(name)


def _quoted(text: str) -> str:
    """In quotes, for any encoding. Beyond the basic plane JSON has pairs of surrogates, which are none to YAML."""
    return '"' + "".join(f"\\U{ord(c):08X}" if c > "\uffff" else json.dumps(c)[1:-1] for c in text) + '"'


def flow(value: Any) -> str:
    """JSON is YAML; keys stand without quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key(str(k))}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and re.fullmatch(r"[a-z]\w*", value, re.ASCII) and value not in _WORDS:
        return value
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def settings(landing: str, places: Mapping[str, str]) -> str:
    """A first dq.toml. `landing` is the zone as it is to be written, of which nothing is published at first where it is
    no folder; `places` of sources that lie elsewhere than their name says."""
    curated = 'curated = "curated"'
    if "://" in landing:
        curated = '# curated = "s3://bucket/curated"  # without it partitions are judged and nothing is published'
    lines = [
        'suites = "suites"', "", "[zones]", f"landing = {json.dumps(landing)}", curated, 'quarantine = "quarantine"',
        'history = "_dq"',
    ]  # fmt: skip
    for source, place in places.items():
        name = source if re.fullmatch(r"[A-Za-z0-9_-]+", source) else json.dumps(source)
        lines += ["", f"[sources.{name}]", f"landing = {json.dumps(place)}"]
    return "\n".join(lines) + "\n"


def places(drafts: Iterable[Draft], landing: str) -> dict[str, str]:
    """Where the sources lie that do not lie under their name."""
    return {d.source: f"{landing}/{d.folder}".rstrip("/") for d in drafts if d.folder != d.source}
