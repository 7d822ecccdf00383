"""Great Expectations: suite JSON, of 1.x and of 0.x, into checks. GX itself is not imported.

Every expectation becomes one check; severity critical blocks, warning and info warn. What GX drops in silence (a type
it does not know, a keyword that is misspelt) is an error here.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dq.dialects.base import LARGEST_BYTES, Problems, free, identified
from dq.dialects.gx import queries
from dq.dialects.gx.asked import Unfit, bound
from dq.dialects.gx.fit import Expectation
from dq.dialects.gx.parameters import filled
from dq.dialects.gx.vocabulary import KINDS, Kind, arguments
from dq.errors import SuiteError, nearest
from dq.ir.check import Bound, Check, Condition, Origin, Severity, Suite
from dq.ir.data import Reading, format_path
from dq.metrics.schema import ColumnPresent
from dq.metrics.volume import RowCount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.dialects.gx.metrics import Semantics

NONE = Bound((Condition("=", 0),))
SAMPLES = 20  # offending values that GX lists in SUMMARY
_SEVERITIES = {"critical": Severity.BLOCK, "warning": Severity.WARN, "info": Severity.WARN}
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|[\[\]{}]|\n')


def load(
    text: str, file: str, *, semantics: Semantics = "pandas", parameters: Mapping[str, Any] | None = None,
    samples: int = SAMPLES,
) -> Suite:  # fmt: skip
    """The suite, named as in the file. Raises SuiteError with a line per error."""
    written = _document(text, file)
    problems = Problems(file)
    given = {**(written.get("suite_parameters") or written.get("evaluation_parameters") or {}), **(parameters or {})}
    builder = _Builder(file, problems, semantics, given, samples)
    lines = _lines(text)
    for n, expectation in enumerate(written["expectations"]):
        builder.add(expectation, lines[n] if n < len(lines) else 1)
    problems.settle()
    name = written.get("name") or written.get("expectation_suite_name") or "suite"
    return identified(Suite(str(name), tuple(builder.checks), Reading(delimiter=",")))


def _document(text: str, file: str) -> dict[str, Any]:
    if len(text.encode(errors="surrogatepass")) > LARGEST_BYTES:
        raise SuiteError(f"larger than {LARGEST_BYTES:,} bytes", file=file)
    try:
        written = json.loads(text.rstrip())  # so that an end too early is told where it is
    except json.JSONDecodeError as error:
        shown = (text.splitlines() or [""])[min(error.lineno, len(text.splitlines()) or 1) - 1]
        message = f"no JSON: {error.msg} (column {error.colno})\n    {shown}\n    {' ' * (error.colno - 1)}^"
        raise SuiteError(message, file=file, line=error.lineno) from None
    except RecursionError:
        raise SuiteError("no JSON: nested too deep", file=file) from None
    if not isinstance(written, dict) or not isinstance(written.get("expectations"), list):
        raise SuiteError('no suite of Great Expectations: a mapping with the key "expectations" is needed', file=file)
    if not written["expectations"]:
        raise SuiteError("the suite has no expectations: it would pass everything", file=file)
    return written


def _lines(text: str) -> list[int]:
    """The line on which each expectation begins: the mappings inside the list that is the value of "expectations"."""
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
        if token not in ("\n", "[", "{", "]", "}"):
            wanted = depth == 1 and token == '"expectations"'
    return found


class _Builder:
    def __init__(
        self, file: str, problems: Problems, semantics: Semantics, given: Mapping[str, Any], samples: int
    ) -> None:
        self.samples = samples
        self.file = file
        self.problems = problems
        self.semantics = semantics
        self.given = given
        self.checks: list[Check] = [
            Check("table.not_empty", RowCount(), Bound((Condition(">", 0),)), origin=Origin("gx", file))
        ]
        self.columns: set[str] = set()

    def add(self, written: Any, line: int) -> None:
        """One expectation; what is wrong with it goes to `problems`."""
        try:
            self._add(written, line)
        except (ValueError, TypeError, Unfit) as error:
            self.problems.add(line, str(error))

    def _add(self, written: Any, line: int) -> None:
        name = written.get("type") or written.get("expectation_type") if isinstance(written, dict) else None
        if name not in KINDS:
            raise ValueError(
                f'no core expectation "{name}"{nearest(str(name), KINDS)}; custom expectations run in GX only'
            )
        kind = KINDS[name]
        given = filled(written.get("kwargs") or {}, self.given)
        self._sound(kind, name, given)
        if self.semantics == "sql":
            queries.check(name, given)
        severity = str(written.get("severity") or "critical")
        if severity not in _SEVERITIES:
            raise ValueError(f'severity "{severity}"{nearest(severity, _SEVERITIES)}; it is {", ".join(_SEVERITIES)}')
        columns = list(_columns(kind, given))
        for promised in columns:
            self._promise(promised, line)
        config = {k: written[k] for k in ("id", "meta", "notes", "description", "severity") if written.get(k)}
        rule = json.dumps({"type": name, "kwargs": given, **config}, ensure_ascii=False)
        column = format_path((columns[0],)) if len(columns) == 1 else None
        identity = f"{column or 'table'}.{kind.metric}"
        self._append(
            identity, Expectation(name, json.dumps(given), self.semantics), _bound(name, kind, given),
            _SEVERITIES[severity], column, Origin("gx", self.file, line, rule),
        )  # fmt: skip

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


def _columns(kind: Kind, given: Mapping[str, Any]) -> Iterator[str]:
    """Columns without which the expectation has no meaning. `expect_column_to_exist` asks for itself."""
    if kind.domain == "columns":
        yield from map(str, given["column_list"])
    elif kind.domain == "pair":
        yield from (str(given["column_A"]), str(given["column_B"]))
    elif kind.domain == "column" or (kind.metric == "type" and "column" in given):
        yield str(given["column"])


def _bound(name: str, kind: Kind, given: Mapping[str, Any]) -> Bound:
    if kind.metric == "kl_divergence":
        threshold = given["threshold"]
        return Bound(() if threshold is None else (Condition("<=", float(threshold)),))
    if "value" in kind.required and kind.domain == "table":
        return Bound((Condition("=", int(given["value"])),))
    if "min_value" in kind.takes and "mostly" not in kind.takes:
        return _ends(name, given)
    mostly = given.get("mostly")
    if mostly is None or (kind.domain == "table" and "mostly" not in kind.takes) or ("mostly" not in arguments(kind)):
        return NONE
    if not 0 <= float(mostly) <= 1:
        raise ValueError(f"mostly: {mostly} lies not between 0 and 1")
    share = 1 - Decimal(str(mostly))
    return Bound((Condition("<=", share, "share of rows"),)) if share else NONE


def _ends(name: str, given: Mapping[str, Any]) -> Bound:
    low, high = bound(given.get("min_value")), bound(given.get("max_value"))
    if low is None and high is None and "table" not in name:
        raise ValueError(f"{name} needs min_value or max_value")
    sides = (
        () if low is None else (Condition(">" if given.get("strict_min") else ">=", low),),
        () if high is None else (Condition("<" if given.get("strict_max") else "<=", high),),
    )
    return Bound(tuple(c for side in sides for c in side))
