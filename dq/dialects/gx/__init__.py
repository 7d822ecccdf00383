"""Great Expectations: suite JSON, of 1.x and of 0.x, into checks. GX itself is not imported.

Every expectation becomes one check; severity critical blocks, warning and info warn. What GX drops in silence (a type
it does not know, a keyword that is misspelt) is an error here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dq.dialects.base import LARGEST_BYTES, Problems, free, identified, read_json
from dq.dialects.gx import queries
from dq.dialects.gx.asked import Unfit, bound, ends, whole
from dq.dialects.gx.conditions import checked, moment, named
from dq.dialects.gx.custom import Custom, classes, code_of, needs_gx
from dq.dialects.gx.fit import Expectation
from dq.dialects.gx.parameters import filled, wanting
from dq.dialects.gx.sound import faults
from dq.dialects.gx.vocabulary import KINDS, Kind, arguments
from dq.errors import SuiteError, nearest
from dq.ir.check import Bound, Check, Condition, Origin, Severity, Suite
from dq.ir.data import Reading, format_path
from dq.ir.expr import Now
from dq.metrics.schema import ColumnPresent
from dq.metrics.volume import RowCount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.dialects.gx.metrics import Semantics

NONE = Bound((Condition("=", 0),))
SAMPLES = 20  # offending values that GX lists in SUMMARY
_SEVERITIES = {"critical": Severity.BLOCK, "warning": Severity.WARN, "info": Severity.WARN}
_DROPPED = (  # of 0.x, without meaning for the verdict on a column of one type
    "auto", "profiler_config", "include_config", "allow_cross_type_comparisons", "output_strftime_format"
)  # fmt: skip
_RENAMED = {
    "expect_column_pair_values_A_to_be_greater_than_B": "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_multicolumn_values_to_be_unique": "expect_select_column_values_to_be_unique_within_record",
}
_GONE = (
    "expect_column_chisquare_test_p_value_to_be_greater_than",
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than",
    "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than",
    "expect_column_pair_cramers_phi_value_to_be_less_than",
)
_COUNTS = ("distinct_count", "row_count", "column_count")
_TIME = re.compile(r"datetime|Timestamp|M8|date$")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|[\[\]{}]|\n')


def load(
    text: str, file: str, *, semantics: Semantics = "pandas", parameters: Mapping[str, Any] | None = None,
    samples: int = SAMPLES, plugins: str | None = None,
) -> Suite:  # fmt: skip
    """The suite, named as in the file. `plugins` is the folder of the classes of custom expectations.

    Raises SuiteError with a line per error.
    """
    written = _document(text, file)
    problems = Problems(file)
    given = {**_own(written, file), **(parameters or {})}
    builder = _Builder(file, problems, semantics, given, samples, plugins)
    for expectation, line in _located(written, text):
        builder.add(expectation, line)
    problems.settle()
    name = written.get("name") or written.get("expectation_suite_name") or "suite"
    return identified(Suite(str(name), tuple(builder.checks), Reading(delimiter=",", texts=builder.texts())))


@dataclass(frozen=True, slots=True)
class Survey:
    """Of the expectations of a suite those that run in the plan, those that GX itself has to run, and by line those
    that nobody can; `parameters` are wanted and not given."""

    planned: int
    delegated: tuple[str, ...]
    unknown: tuple[tuple[int, str], ...]
    parameters: tuple[str, ...]

    @property
    def expectations(self) -> int:
        return self.planned + len(self.delegated) + len(self.unknown)


def survey(
    text: str, file: str, parameters: Mapping[str, Any], plugins: str | None, semantics: Semantics = "pandas"
) -> Survey:
    """What will become of each expectation. Raises SuiteError where the file is no suite."""
    written = _document(text, file)
    given = {**_own(written, file), **parameters}
    lacking: set[str] = set()
    found: dict[str, list[Any]] = {"planned": [], "delegated": [], "unknown": []}
    for expectation, line in _located(written, text):
        named = wanting(expectation, given)
        lacking.update(named)
        problems = Problems(file)
        builder = _Builder(file, problems, semantics, {**given, **dict.fromkeys(named, 0)}, SAMPLES, plugins)
        builder.add(expectation, line)
        if problems.found and not named:
            found["unknown"].append(problems.found[0])
        else:
            custom = isinstance(builder.checks[-1].metric, Custom)
            alone = custom or needs_gx(expectation.get("kwargs") or {}, semantics)
            kind = "delegated" if alone else "planned"
            found[kind].append(expectation.get("type") or expectation.get("expectation_type"))
    delegated, unknown = tuple(found["delegated"]), tuple(found["unknown"])
    return Survey(len(found["planned"]), delegated, unknown, tuple(sorted(lacking)))


def _own(written: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Parameters that the suite itself gives."""
    for key in ("suite_parameters", "evaluation_parameters"):
        if found := written.get(key):
            if not isinstance(found, dict):
                raise SuiteError(f"{key}: a mapping of names to values is needed, not {json.dumps(found)}", file=file)
            return found
    return {}


def _parts(written: Any) -> tuple[str, dict[str, Any]]:
    """Type and arguments of an expectation. Raises ValueError."""
    name = written.get("type") or written.get("expectation_type") if isinstance(written, dict) else None
    if not isinstance(name, str):
        raise ValueError('an expectation is a mapping with "type" and "kwargs"')
    kwargs = written.get("kwargs") or {}
    if not isinstance(kwargs, dict):
        raise ValueError(f"kwargs: a mapping is needed, not {json.dumps(kwargs)}")
    return _RENAMED.get(name, name), kwargs


def _located(written: Mapping[str, Any], text: str) -> Iterator[tuple[Any, int]]:
    lines = _lines(text)
    return ((e, lines[n] if n < len(lines) else 1) for n, e in enumerate(written["expectations"]))


def _document(text: str, file: str) -> dict[str, Any]:
    if len(text.encode(errors="surrogatepass")) > LARGEST_BYTES:
        raise SuiteError(f"larger than {LARGEST_BYTES:,} bytes", file=file)
    written = read_json(text, file)
    if not isinstance(written, dict) or not isinstance(written.get("expectations"), list):
        raise SuiteError(f"no suite of Great Expectations: {_instead(written)}", file=file)
    if not written["expectations"]:
        raise SuiteError("the suite has no expectations: it would pass everything", file=file)
    return written


def _instead(written: Any) -> str:
    keys = written if isinstance(written, dict) else ()
    if {"validation_definitions", "validations"} & set(keys):
        return "it is a checkpoint; name the suite that it runs, or move the whole project in with dq init --gx"
    if {"results", "statistics"} <= set(keys):
        return "it is a result of a validation, which --compare takes"
    return 'a mapping with the key "expectations", a list, is needed'


def _lines(text: str) -> list[int]:
    """The line on which each expectation begins, in the list that is the value of "expectations"."""
    found, depth, line, wanted = [], 0, 1, False
    inside: int | None = None
    for match in _STRING.finditer(text):
        token = match[0]
        if token == "\n":
            line += 1
        elif token in "[{":
            depth += 1
            if token == "[" and wanted and depth == 2:
                inside = depth
            elif token == "{" and inside is not None and depth == inside + 1:
                found.append(line)
        elif token in "]}":
            depth -= 1
            inside = None if inside is not None and depth < inside else inside
        if token[0] == '"':
            if depth == inside:
                found.append(line)
            wanted = depth == 1 and token == '"expectations"'
    return found


class _Builder:
    def __init__(
        self, file: str, problems: Problems, semantics: Semantics, given: Mapping[str, Any], samples: int,
        plugins: str | None,
    ) -> None:  # fmt: skip
        self.samples = samples
        self.plugins = plugins
        self.custom = classes(plugins) if plugins else frozenset()
        self.code = code_of(plugins) if plugins else ""
        self.file = file
        self.problems = problems
        self.semantics = semantics
        self.given = given
        self.checks: list[Check] = [
            Check("table.not_empty", RowCount(), Bound((Condition(">", 0),)), origin=Origin("gx", file))
        ]
        self.columns: set[str] = set()
        self.seen: set[str] = set()
        self.dated: set[str] = set()

    def texts(self) -> frozenset[str]:
        """Columns that pandas leaves text, whatever they look like: none is compared with a time."""
        return frozenset(self.seen - self.dated) if self.semantics == "pandas" else frozenset()

    def add(self, written: Any, line: int) -> None:
        """One expectation; what is wrong with it goes to `problems`."""
        try:
            self._add(written, line)
        except (ValueError, TypeError, Unfit) as error:
            self.problems.add(line, str(error))

    def _add(self, written: Any, line: int) -> None:
        name, kwargs = _parts(written)
        given = filled(kwargs, self.given)
        severity = str(written.get("severity") or "critical")
        if severity not in _SEVERITIES:
            raise ValueError(f'severity "{severity}"{nearest(severity, _SEVERITIES)}; it is {", ".join(_SEVERITIES)}')
        if name in self.custom:
            self._custom(written, given, _SEVERITIES[severity], line)
            return
        if name not in KINDS:
            if name in _GONE:
                raise ValueError(f'"{name}" went with 1.0: GX itself computes it no more')
            near = nearest(name, [*KINDS, *self.custom])
            raise ValueError(f'no core expectation "{name}"{near}; the class of a custom one is looked for in plugins')
        if "expectation_type" in written:
            given = _of_today(name, given)
        kind = KINDS[name]
        self._sound(kind, name, given)
        self._look(kind, given, dated=bool(kwargs.get("parse_strings_as_datetimes")))
        if self.semantics == "sql":
            queries.check(name, given)
        columns = list(_columns(kind, given))
        for promised in columns:
            self._promise(promised, line)
        rule = _rule(name, given, written)
        column = format_path((columns[0],)) if len(columns) == 1 else None
        identity = f"{column or 'table'}.{kind.metric}"
        self._append(
            identity, Expectation(name, json.dumps(given), self.semantics, self.plugins or ""),
            _bound(kind, given), _SEVERITIES[severity], column, Origin("gx", self.file, line, rule),
        )  # fmt: skip

    def _look(self, kind: Kind, given: Mapping[str, Any], *, dated: bool) -> None:
        own = set(_columns(kind, given))
        ends = [bound(given.get(end)) for end in ("min_value", "max_value")]
        types = [given.get("type_"), *(given.get("type_list") or ())]
        if dated or any(isinstance(e, (date, Now)) for e in ends) or any(_TIME.match(str(t)) for t in types):
            self.dated |= own
        self.seen |= own | set(named(given.get("row_condition"), given.get("condition_parser")))

    def _custom(self, written: dict[str, Any], given: dict[str, Any], severity: Severity, line: int) -> None:
        """Which columns it speaks of only its class knows; by custom they are named as those of core ones."""
        name, _ = _parts(written)
        column = format_path((given["column"],)) if isinstance(given.get("column"), str) else None
        self.seen |= {given["column"]} if column else set()
        rule = _rule(name, given, written)
        metric = Custom(name, rule, self.plugins or "", self.code)
        identity = f"{column or 'table'}.{re.sub('^expect_(column_)?', '', name)}"
        self._append(identity, metric, NONE, severity, column, Origin("gx", self.file, line, rule))

    def _append(
        self, identity: str, metric: Any, bound: Bound, severity: Severity, column: str | None, origin: Origin
    ) -> None:
        self.checks.append(
            Check(free(identity, self.checks), metric, bound, severity, column, origin, self.samples, always=True)
        )

    def _promise(self, column: str, line: int) -> None:
        """A column that an expectation names must have landed."""
        if column not in self.columns:
            self.columns.add(column)
            path = format_path((column,))
            self._append(
                f"{path}.column_present", ColumnPresent(path), NONE, Severity.BLOCK, path,
                Origin("gx", self.file, line, column),
            )  # fmt: skip

    @staticmethod
    def _sound(kind: Kind, name: str, given: Mapping[str, Any]) -> None:
        known = arguments(kind)
        for key in given:
            if key not in known:
                raise ValueError(f'{name} takes no "{key}"{nearest(key, known)}')
        needed = {"column": ("column",), "pair": ("column_A", "column_B"), "columns": ("column_list",), "table": ()}
        for key in (*needed[kind.domain], *kind.required):
            if key not in given:
                raise ValueError(f'{name} needs "{key}"')
        for words in faults(name, given):
            raise ValueError(f"{name}: {words}")
        if kind.metric == "range":
            ends(given.get("min_value"), given.get("max_value"))
        checked(given.get("row_condition"), given.get("condition_parser"))


def _of_today(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of 0.x in the words of 1.x: a text that is to be read as a date is the start of that day."""
    kept = {k: v for k, v in given.items() if k not in _DROPPED}
    if kept.pop("parse_strings_as_datetimes", False):
        if "value_set" in kept:
            words = "parse_strings_as_datetimes went with 1.0, where a text equals no time: compare with bounds"
            raise ValueError(f"{name}: {words}")
        for end in ("min_value", "max_value"):
            day = moment(kept.get(end))
            if day is not None and not isinstance(day, datetime):
                kept[end] = datetime(day.year, day.month, day.day).isoformat()
    return kept


def _rule(name: str, given: Mapping[str, Any], written: Mapping[str, Any]) -> str:
    config = {k: written[k] for k in ("id", "meta", "notes", "description", "severity") if written.get(k)}
    return json.dumps({"type": name, "kwargs": given, **config}, ensure_ascii=False)


def _columns(kind: Kind, given: Mapping[str, Any]) -> Iterator[str]:
    """Columns without which the expectation has no meaning. `expect_column_to_exist` asks for itself."""
    if kind.domain == "columns":
        yield from map(str, given["column_list"])
    elif kind.domain == "pair":
        yield from (str(given["column_A"]), str(given["column_B"]))
    elif kind.domain == "column" or (kind.metric == "type" and "column" in given):
        yield str(given["column"])


def _bound(kind: Kind, given: Mapping[str, Any]) -> Bound:
    if kind.metric == "kl_divergence":
        threshold = given["threshold"]
        return Bound(() if threshold is None else (Condition("<=", float(threshold)),))
    if "value" in kind.required and kind.domain == "table":
        return Bound((Condition("=", int(given["value"])),))
    if "min_value" in kind.takes and "mostly" not in kind.takes:
        return _ends(given, counts=kind.metric in _COUNTS)
    mostly = given.get("mostly")
    if mostly is None or (kind.domain == "table" and "mostly" not in kind.takes) or ("mostly" not in arguments(kind)):
        return NONE
    if not 0 <= float(mostly) <= 1:
        raise ValueError(f"mostly: {mostly} lies not between 0 and 1")
    share = 1 - Decimal(str(mostly))
    return Bound((Condition("<=", share, "share of rows"),)) if share else NONE


def _ends(given: Mapping[str, Any], *, counts: bool) -> Bound:
    """Without either end, as profilers of 0.x wrote it, any number will do."""
    low, high = (whole(e) if counts else e for e in (bound(given.get("min_value")), bound(given.get("max_value"))))
    sides = (
        () if low is None else (Condition(">" if given.get("strict_min") else ">=", low),),
        () if high is None else (Condition("<" if given.get("strict_max") else "<=", high),),
    )
    return Bound(tuple(c for side in sides for c in side))
