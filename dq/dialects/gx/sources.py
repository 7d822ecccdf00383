"""Data sources of a project of Great Expectations: where the files of an asset lie, and how they are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dq.ir.layout import parse_layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dq.dialects.gx.project import Run

# What pandas takes for a missing value in text.
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
_CSV = {"sep": "delimiter", "delimiter": "delimiter", "quotechar": "quote", "escapechar": "escape",
        "encoding": "encoding", "names": "names"}  # fmt: skip
_SAID = {"type", "id", "name", "batch_definitions", "batching_regex", "batch_metadata", "order_by", "regex",
         "na_values", "keep_default_na", "header", "lines", "connect_options", "class_name", "module_name",
         "base_directory", "pattern", "group_names", "schema", "s3_prefix", "bucket", "prefix"}  # fmt: skip
_REGEX = re.compile(
    r"\(\?P<(?P<name>\w+)>(?P<named>(?:[^()\\]|\\.)*)\)|\((?:\?:)?(?P<group>(?:[^()\\]|\\.)*)\)"
    r"|\\(?P<escaped>[^\w])|(?P<end>[\^$])|(?P<any>\.[*+]\??)|(?P<plain>[^\\()\[\]{}*+?|])"
)
_PARTS = ("year", "month", "day", "hour")
_DATE = {r"\d{4}-\d{2}-\d{2}": "date", r"\d\d\d\d-\d\d-\d\d": "date"}
_WHOLE = re.compile(r"(?:\\d|\[0-9\])(?:[+*]|\{[124](?:,[24])?\})?")
_DIGITS = {"day": (r"\{8\}", "%Y%m%d"), "date": (r"\{8\}", "%Y%m%d"), "month": (r"\{6\}", "%Y%m")}


@dataclass(frozen=True, slots=True)
class Asset:
    """`place` is a folder or URL. `layout` is below it; None: every file is a partition."""

    source: str
    name: str
    place: str
    layout: str | None
    semantics: Literal["pandas", "sql"]
    format: str | None = None
    csv: tuple[tuple[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


def assets_of(
    config: Mapping[str, Any], root: Path, runs: Sequence[Run], unread: list[str]
) -> Iterator[Asset]:  # fmt: skip
    """Assets whose files we can read. Of the others, `unread` says why."""
    for name, written in (config.get("fluent_datasources") or {}).items():
        assets = written.get("assets") or {}
        if not isinstance(assets, dict):
            unread.append(f"{name}: its assets are no mapping")
            continue
        for asset, options in assets.items():
            try:
                yield _fluent(name, written, asset, options or {}, root, runs)
            except (AttributeError, TypeError):
                unread.append(f"{name}.{asset}: not written as Great Expectations writes it")
            except ValueError as error:
                unread.append(f"{name}.{asset}: {error}")
    for name, written in (config.get("datasources") or {}).items():
        for asset in dict.fromkeys(r.asset for r in runs if r.source == name):
            try:
                yield _of_connector(name, written, asset, root, runs)
            except ValueError as error:
                unread.append(f"{name}.{asset}: {error}")


def _fluent(
    name: str, written: Mapping[str, Any], asset: str, options: Mapping[str, Any], root: Path, runs: Sequence[Run]
) -> Asset:
    """Raises ValueError with the reason why no files of the asset can be read."""
    kind, form = str(written.get("type", "")), str(options.get("type", ""))
    if kind in ("pandas", "spark"):
        place = options.get("filepath_or_buffer")
        what = "a frame handed over in Python" if form == "dataframe" else f"read from {place}"
        raise ValueError(f"{what}: validate it with  dq validate DATA --suite SUITE")
    if not kind.startswith(("pandas_", "spark_")):
        raise ValueError(f"tables of {kind or 'no known kind'} are not read: export them as files")
    pattern, notes = _pattern(name, asset, options, runs)
    return _asset(name, asset, _place(written, options, root), pattern, kind, form, options, notes)


def _asset(
    source: str, name: str, place: str, pattern: str | None, kind: str, form: str, options: Mapping[str, Any],
    notes: list[str],
) -> Asset:  # fmt: skip
    semantics: Literal["pandas", "sql"] = "sql" if kind.lower().startswith(("spark", "sql")) else "pandas"
    layout = None
    try:
        folder, layout = parted(pattern or "")
        place = f"{place}/{folder}" if folder else place
    except ValueError as error:
        notes.append(f"its batch pattern {pattern} is not translated: {error}; every file is a partition")
    if pattern is not None and layout is None and not notes:
        notes.append(f"its batch pattern {pattern} names no key: every file in {place} is a partition")
    if "://" not in place and not Path(place).is_dir():
        notes.append(f"its folder {place} is not there")
    found, csv = _format(form, options, semantics, notes)
    return Asset(source, name, place, layout, semantics, found, tuple(csv.items()), tuple(notes))


def _pattern(source: str, asset: str, options: Mapping[str, Any], runs: Sequence[Run]) -> tuple[str | None, list[str]]:
    """The pattern of the batch definition that is run, the one with most keys of several; of 0.x that of the asset."""
    if options.get("batching_regex"):
        return str(options["batching_regex"]), []
    written = options.get("batch_definitions") or {}
    patterns = {
        k: str((v.get("partitioner") or {}).get("regex") or "") for k, v in written.items() if isinstance(v, dict)
    }
    used = {r.batch for r in runs if (r.source, r.asset) == (source, asset)} & patterns.keys() or patterns.keys()
    ranked = sorted((k for k in used if patterns[k]), key=lambda k: (-patterns[k].count("(?P<"), k))
    others = [f"its batch definition {k} ({patterns[k]}) is no partition of its own" for k in ranked[1:]]
    return (patterns[ranked[0]] if ranked else None), others


def _place(written: Mapping[str, Any], options: Mapping[str, Any], root: Path) -> str:
    bucket = written.get("bucket") or written.get("bucket_or_name")
    if bucket and "s3" in str(written.get("type") or written.get("class_name")).lower():
        prefix = options.get("s3_prefix") or (options.get("connect_options") or {}).get("s3_prefix") or ""
        return f"s3://{bucket}/{prefix or written.get('prefix') or ''}".rstrip("/")
    # A relative folder counts from wherever the person stood who ran it: beside or in the project, most often.
    base = options.get("base_directory") or written.get("base_directory") or options.get("data_directory")
    if not base:
        raise ValueError("its files lie in a store that is not read: copy them to a folder or to S3")
    if "$" in str(base):
        raise ValueError(f"its folder {base} names a variable that no file of the project gives")
    above = written.get("base_directory")
    inner = [str(above), str(base)] if above and above != base else [str(base)]
    paths = [start.joinpath(*inner) for start in (root.parent, root, Path.cwd(), root.parent.parent)]
    return str(next((p for p in paths if p.is_dir()), paths[0]).resolve())


def _format(
    form: str, options: Mapping[str, Any], semantics: str, notes: list[str]
) -> tuple[str | None, dict[str, Any]]:  # fmt: skip
    unknown = [k for k in options if k not in _SAID and k not in _CSV]
    notes += [f"its option {k}: {options[k]} is not translated" for k in unknown]
    if form.startswith("directory_"):
        raise ValueError(f"a whole folder as one batch ({form}): give it a layout with a key, then write a contract")
    match form:
        case "parquet" | "":
            return form or None, {}
        case "json":
            return ("ndjson" if options.get("lines") else "json"), {}
        case "csv":
            csv = {ours: options[k] for k, ours in _CSV.items() if options.get(k) is not None}
            if "header" in options and options["header"] in (None, False):
                csv["header"] = False
            return None, {"delimiter": ",", **csv, **_missing(options, semantics)}
    raise ValueError(f"files of type {form} are not read")


def _missing(options: Mapping[str, Any], semantics: str) -> dict[str, Any]:
    if semantics != "pandas":
        return {}
    own = options.get("na_values") or []
    own = [own] if isinstance(own, str) else own
    known = () if options.get("keep_default_na") is False else MISSING
    return {"null_values": list(dict.fromkeys((*known, *map(str, own))))} if isinstance(own, list) else {}


def _of_connector(
    name: str, written: Mapping[str, Any], asset: str, root: Path, runs: Sequence[Run]
) -> Asset:  # fmt: skip
    """An asset of version 0.13 to 0.15, as the connector finds it that a checkpoint names."""
    engine = str((written.get("execution_engine") or {}).get("class_name") or "PandasExecutionEngine")
    wanted = {r.connector for r in runs if (r.source, r.asset) == (name, asset)}
    connectors = {k: v for k, v in (written.get("data_connectors") or {}).items() if k in wanted}
    if not connectors:
        raise ValueError("no data connector of that name")
    connector = next(iter(connectors.values()))
    if "Runtime" in str(connector.get("class_name")):
        raise ValueError("data handed over at run time: validate it with  dq validate DATA --suite SUITE")
    if engine.startswith("SqlAlchemy"):
        raise ValueError("tables of SQL are not read: export them as files")
    configured = "Configured" in str(connector.get("class_name"))
    own: Mapping[str, Any] = ((connector.get("assets") or {}).get(asset) or {}) if configured else {}
    regex = {**(connector.get("default_regex") or {}), **{k: own[k] for k in ("pattern", "group_names") if k in own}}
    pattern = _named(str(regex.get("pattern") or ""), list(regex.get("group_names") or ()), asset)
    place = _place({**connector, "type": connector.get("class_name")}, own, root)
    return _asset(name, asset, place, pattern or None, engine, "", {}, [])


def _named(pattern: str, names: list[str], asset: str) -> str:
    """The pattern with its groups named, and the asset's own name where a group stands for it."""
    given = iter(names)

    def group(match: re.Match[str]) -> str:
        name = next(given, "")
        if name == "data_asset_name":
            return re.escape(asset).replace(r"\-", "-").replace(r"\_", "_")
        return f"(?P<{name}>{match[1]})" if name else match[0]

    return re.sub(r"(?<!\\)\(((?:[^()\\?]|\\.)(?:[^()\\]|\\.)*)\)", group, pattern)


def parted(pattern: str) -> tuple[str, str | None]:
    """The folder in which everything lies that the regular expression fits, and the layout below it, None where it
    names no key. Raises ValueError with the piece that no layout has."""
    found, end = "", 0
    while end < len(pattern):
        piece = _REGEX.match(pattern, end)
        if piece is None:
            raise ValueError(f"{pattern[end:]} has no like in a layout")
        found += _piece(piece)
        end = piece.end()
    folder = found.partition("{")[0].rpartition("/")[0]
    below = found[len(folder) :].lstrip("/")
    if "{" not in below:
        return folder, None
    parse_layout(below)
    return folder, below


def _piece(piece: re.Match[str]) -> str:
    if (name := piece["name"]) is not None:
        return _key(name, piece["named"])
    if piece["group"] is not None or piece["any"] is not None:
        raise ValueError(f"{piece[0]} has no name")
    if piece["escaped"] in ("{", "}") or piece["plain"] in ("{", "}"):
        raise ValueError("a brace stands in no layout")
    return "" if piece["end"] else piece["escaped"] or str(piece["plain"])


def _key(name: str, inner: str) -> str:
    if name in _PARTS and _WHOLE.fullmatch(inner):
        return f"{{{name}}}"
    count, form = _DIGITS.get(name, ("", ""))
    if form and re.fullmatch(rf"(?:\\d|\[0-9\]){count}", inner):
        return f"{{{name}:{form}}}"
    if inner in _DATE:
        return f"{{{name}:date}}"
    if re.fullmatch(r"(?:\\d|\[0-9\])[+*]", inner):
        return f"{{{name}:int}}"
    return f"{{{name}:str}}"  # so that 007 and 7 stay two
