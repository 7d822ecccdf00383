"""What dialects share: YAML read with the line of every key, and errors by line."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from dq.errors import SuiteError
from dq.ir.check import Bound, Check, Condition, Origin, Suite
from dq.ir.codec import digest
from dq.ir.data import parse_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Place: TypeAlias = "tuple[str | int, ...]"
LARGEST_BYTES = 1_000_000
DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values, and the line (from 1) of every key and list item."""

    value: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """Of the place, or of the nearest one above it that was written."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


@dataclass
class Problems:
    """Errors of one file, collected so that all are told at once."""

    file: str
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, message: str) -> None:
        if (line, message) not in self.found:
            self.found.append((line, message))

    def settle(self, most: int | None = None) -> None:
        """Raise one SuiteError with a line per error, `most` of them, in order of lines; return where there is none."""
        if not self.found:
            return
        (line, first), *rest = sorted(self.found, key=lambda p: p[0])
        more = "".join(f"\n{self.file}:{n}: {message}" for n, message in rest[: most and most - 1])
        more += f"\nand {len(self.found) - most} more errors" if most and len(self.found) > most else ""
        raise SuiteError(first + more, file=self.file, line=line)


_WIDEST = 120


def pointed(message: str, line: str, column: int) -> str:
    """The message with the line, or what of a long one lies around the column (from 1), and a caret below that."""
    start = max(0, column - 1 - _WIDEST // 2) if len(line) > _WIDEST else 0
    shown = line[start : start + _WIDEST].replace("\t", " ")
    return f"{message}\n    {shown}\n    {' ' * (column - 1 - start)}^"


def read_json(text: str, file: str) -> Any:
    """Raises SuiteError with the place of what is no JSON."""
    try:
        return json.loads(text.rstrip(), object_pairs_hook=_once)  # so that an end too early is told where it is
    except json.JSONDecodeError as error:
        if not text.strip():
            raise SuiteError("the file is empty", file=file) from None
        line = (text.split("\n"))[error.lineno - 1]
        message = pointed(f"no JSON: {error.msg} (column {error.colno})", line, error.colno)
        raise SuiteError(message, file=file, line=error.lineno) from None
    except (ValueError, RecursionError) as error:
        why = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise SuiteError(f"no JSON: {why}", file=file) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [n for n, _ in pairs]
        raise ValueError(f'the key "{next(n for n in names if names.count(n) > 1)}" is there twice')
    return found


def identified(suite: Suite) -> Suite:
    """With the digest of what is asked, not of where it is written."""
    return replace(
        suite, digest=digest(replace(suite, checks=tuple(replace(c, origin=Origin()) for c in suite.checks)))
    )


def joined(suite: Suite, other: Suite) -> Suite:
    """With the other suite's checks behind its own; what both ask is asked once, and a name taken is numbered."""
    checks = list(suite.checks)
    for check in other.checks:
        if not any((check.metric, check.bound, check.severity) == (c.metric, c.bound, c.severity) for c in checks):
            checks.append(replace(check, id=free(check.id.partition("#")[0], checks)))
    told = [_named(s) - s.reading.texts for s in (suite, other)]
    texts = (suite.reading.texts | other.reading.texts).difference(*told)
    reading = replace(suite.reading, texts=texts)
    return identified(replace(suite, checks=tuple(checks), pii=suite.pii | other.pii, reading=reading))


def _named(suite: Suite) -> frozenset[str]:
    """Columns that its checks speak of."""
    columns = [c.column for c in suite.checks if c.column]
    found = {p[0] for check in suite.checks for p in check.metric.paths()}
    for text in columns:
        with suppress(ValueError):  # a pattern
            found.add(parse_path(text)[0])
    return frozenset(found)


def free(identity: str, checks: Iterable[Check]) -> str:
    """The id, numbered where it is taken."""
    taken = {c.id for c in checks}
    numbered = (f"{identity}#{n}" for n in range(2, len(taken) + 3))
    return identity if identity not in taken else next(i for i in numbered if i not in taken)


def read_yaml(text: str, file: str) -> Document:
    """YAML 1.2 scalars (`no`, `16:00`, `007`, dates are text), no aliases, tags, doubled keys. Raises SuiteError."""
    if len(text.encode(errors="surrogatepass")) > LARGEST_BYTES:
        raise SuiteError(f"larger than {LARGEST_BYTES:,} bytes", file=file)
    try:
        reader = _YamlReader(yaml.parse(text, Loader=yaml.SafeLoader), file)
        return reader.document()
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        lines = text.splitlines() or [""]
        shown = lines[min(line, len(lines) - 1)]
        opened = error.context_mark.line + 1 if error.context_mark else line + 1
        began = f", {error.context} from line {opened}" if opened < line + 1 else ""
        message = f"no YAML: {error.problem or error.context} (column {column + 1}{began})"
        raise SuiteError(pointed(message, shown, column + 1), file=file, line=line + 1) from None
    except yaml.YAMLError as error:
        raise SuiteError(f"no YAML: {getattr(error, 'reason', 'it cannot be read')}", file=file) from None


_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")  # 007 is a code
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BEYOND = re.compile(r"[+-]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def _scalar(text: str) -> Any:
    if _NULL.fullmatch(text):
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text) and len(text) <= 40:
        return int(text)
    if _BEYOND.fullmatch(text):
        return float(text.replace(".", ""))
    return float(text) if _FLOAT.fullmatch(text) else text


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _YamlReader:
    def __init__(self, events: Iterator[Any], file: str) -> None:
        self.events = events
        self.file = file
        self.lines: dict[Place, int] = {}

    def fault(self, event: Any, message: str) -> SuiteError:
        return SuiteError(message, file=self.file, line=_line(event))

    def document(self) -> Document:
        value: Any = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.fault(event, "one document per file: remove the second ---")
                value = self.value(next(self.events), ())
        return Document(value, self.lines)

    def value(self, event: Any, place: Place) -> Any:
        if len(place) > DEEPEST:
            raise self.fault(event, f"nested deeper than {DEEPEST} levels")
        if isinstance(event, yaml.AliasEvent):
            raise self.fault(event, f"aliases (*{event.anchor}) are not allowed: write the value out")
        if getattr(event, "tag", None) not in (None, "!"):
            raise self.fault(event, f"tags ({event.tag}) are not allowed: quote what is text")
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(place)
        return _scalar(event.value) if event.implicit[0] else event.value

    def mapping(self, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        event: Any
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self.fault(event, "a key is a plain text")
            key = event.value
            if key in found:
                raise self.fault(event, f'the key "{key}" is written twice')
            self.lines[*place, key] = _line(event)
            found[key] = self.value(next(self.events), (*place, key))
        return found

    def sequence(self, place: Place) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            inner = (*place, len(found))
            self.lines[inner] = _line(event)
            found.append(self.value(event, inner))
        return found


_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_CONDITION = re.compile(rf"(<=|>=|!=|==|=|<|>)?\s*({_NUMBER})\s*(%)?(\s+of\s+previous)?")
_BETWEEN = re.compile(rf"between\s+({_NUMBER}\s*%?)\s+and\s+({_NUMBER}\s*%?)(\s+of\s+previous)?")
Meaning: TypeAlias = Literal["rows", "ratio", "number"]


def parse_bound(value: Any, meaning: Meaning) -> Bound:
    """`>= 10`, `between 1 and 5` (both ends), `<= 0.1%`, `>= 60% of previous`; conditions joined by `and`.

    A bare number is `=`; of `rows` that may fail it is `<=`, and their percentage is of the rows in scope. A percentage
    of a `ratio` is the ratio. Raises ValueError.
    """
    text = str(value).strip()
    if between := _BETWEEN.fullmatch(text):
        suffix = between[3] or ""
        parts = [f">= {between[1]}{suffix}", f"<= {between[2]}{suffix}"]
    else:
        parts = re.split(r"\s+and\s+", text)
    conditions = tuple(_condition(p, text, meaning) for p in parts)
    if between and conditions[0].limit > conditions[1].limit:  # type: ignore[operator]
        raise ValueError(f'"{text}" holds nothing: the first end is above the second')
    return Bound(conditions)


def _condition(text: str, whole: str, meaning: Meaning) -> Condition:
    match = _CONDITION.fullmatch(text)
    if not match:
        raise ValueError(f'"{whole}" is no bound; bounds are like ">= 10", "between 1 and 5", ">= 60% of previous"')
    op: Any = (match[1] or ("<=" if meaning == "rows" else "=")).replace("==", "=")
    share, previous = match[3], match[4]
    number = Fraction(match[2]) / 100 if share else Fraction(match[2])
    limit = int(number) if number.denominator == 1 else float(number)
    if meaning == "rows":
        return _tolerance(Condition(op, limit, "share of rows" if share else "value"), whole, previous)
    if previous:
        if not share:
            raise ValueError(f'"{whole}": of previous needs a percentage, like ">= 60% of previous"')
        return Condition(op, limit, "share of previous")
    if share and meaning == "number":
        raise ValueError(f'"{whole}": a percentage of what? write "{text} of previous"')
    if meaning == "ratio" and not 0 <= number <= 1:
        raise ValueError(f'"{whole}": a share lies between 0 and 1, or 0% and 100%')
    return Condition(op, limit)


def _tolerance(condition: Condition, whole: str, previous: str | None) -> Condition:
    limit: Any = condition.limit
    if previous or condition.op not in ("<=", "<", "=") or limit < 0:
        raise ValueError(f'"{whole}": rows that may fail are written like "<= 3" or "<= 0.1%"')
    if limit > 1 if condition.unit == "share of rows" else not isinstance(limit, int):
        raise ValueError(f'"{whole}": rows that may fail are a whole number, or 0% to 100% of the rows')
    return condition


_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parse_seconds(text: str) -> float:
    """Seconds of `30s`, `5m`, `12h`, `1d`, `2w`. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if not match or int(match[1]) == 0:
        raise ValueError(f'"{text}" is no duration; durations are like 30s, 5m, 12h, 1d, 2w')
    return float(int(match[1]) * _SECONDS[match[2]])


_DIRECTIVES = frozenset((*"YymdHIMSjfbBaApz%", "-m", "-d", "-H", "-I", "-M", "-S"))


def check_format(text: str) -> None:
    """Raises ValueError unless the text reads a date or time by strptime directives that every reader knows."""
    found = re.findall(r"%(-?.?)", text, re.DOTALL)
    unknown = [d for d in found if d not in _DIRECTIVES]
    if unknown:
        raise ValueError(f'"{text}": %{unknown[0]} is not known; write it like %Y-%m-%d %H:%M:%S')
    if not set(found) - {"%"}:
        raise ValueError(f'"{text}" reads no date or time; write it like %Y-%m-%d %H:%M:%S')


def check_zone(name: str) -> None:
    """Raises ValueError unless the name is a time zone of the tz database."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{name}" is no time zone; write it like UTC or Europe/Berlin') from None
