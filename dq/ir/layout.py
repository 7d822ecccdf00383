"""Where partitions lie: a path pattern below the source's landing, and the typed keys a path gives.

`region={str}/dt={date:%Y-%m-%d}` has two keys, named by hive; `{date:%m-%d-%Y}.csv` is one file per partition with the
key `date`. A piece is `{name}` (text), `{name:int}`, `{date}`, `{name:date}` (ISO), `{year}`, `{month}`, `{day}`,
`{hour}` (whole numbers), or `{name:%Y-%m-%d}` with strftime directives. Everything else is literal. Matching is strict:
`%Y` is four digits, the others two (`%j` three), and the date must exist.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, unquote

from dq.ir.data import TIMES, Field, Kind, Type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq.ir.expr import Scalar

PARTS = ("year", "month", "day", "hour")
_PLAIN_KINDS = {"str", "int", "date", *PARTS}
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_DIGITS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "j": 3}
_PIECE = re.compile(r"\{([^{}]*)\}")
_HIVE = re.compile(r"([^={}]+)=(\{.*)")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_EXTENSION = re.compile(r"[^{}]*\.[A-Za-z][A-Za-z0-9]*")
_RANGES = {"year": (1, 9999), "month": (1, 12), "day": (1, 31), "hour": (0, 23)}


@dataclass(frozen=True, slots=True)
class Key:
    """`kind` says how the text is read; for `time`, `format` holds the directives."""

    name: str
    kind: Literal["str", "int", "date", "year", "month", "day", "hour", "time"]
    format: str = ""

    @property
    def type(self) -> Type:
        if self.kind == "str":
            return Type(Kind.STRING)
        if self.kind in ("date", "time"):
            return Type(Kind.TIMESTAMP if re.search("%[HMS]", self.format) else Kind.DATE)
        return Type(Kind.INT64)

    def read(self, text: str) -> Scalar:
        """The typed value. Raises ValueError where digits are right and the date does not exist."""
        if self.kind == "str":
            return text
        if self.kind == "date":
            return date.fromisoformat(text)
        if self.kind == "time":
            return _moment(text, self.format)
        number = int(text)
        lowest, largest = _RANGES.get(self.kind, (number, number))
        if not lowest <= number <= largest:
            raise ValueError(f"{text} is no {self.kind}")
        return number

    def write(self, value: Scalar) -> str:
        """The text of a value, as `read` reads it."""
        if self.kind == "time" and isinstance(value, date):
            return value.strftime(self.format)
        if self.kind in PARTS and isinstance(value, int):
            return f"{value:04d}" if self.kind == "year" else f"{value:02d}"
        return str(value)


@dataclass(frozen=True, slots=True)
class Layout:
    """A parsed pattern. `depth` counts the path segments that hold the keys; with `single_file` the last is a file."""

    text: str
    segments: tuple[tuple[str, tuple[Key, ...]], ...]  # regular expression and its keys, in order
    single_file: bool

    @property
    def depth(self) -> int:
        return len(self.segments)

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple(k for _, keys in self.segments for k in keys)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The keys as columns."""
        return tuple(Field(k.name, k.type) for k in self.keys)

    @property
    def timed(self) -> bool:
        """Whether partitions follow each other in time."""
        return any(k.kind in ("date", "time", "year") for k in self.keys)

    def path(self, values: Mapping[str, Scalar]) -> str:
        """Where a partition with these key values is expected."""
        keys = iter(self.keys)

        def written(_: re.Match[str]) -> str:
            key = next(keys)
            return key.write(values[key.name])

        return _PIECE.sub(written, self.text)

    def match(self, parts: Sequence[str]) -> dict[str, Scalar] | None:
        """Key values of a file by the segments of its path below the source; None where the path does not fit."""
        if len(parts) < self.depth or (self.single_file and len(parts) != self.depth):
            return None
        found: dict[str, Scalar] = {}
        for (pattern, keys), part in zip(self.segments, parts, strict=False):
            text = unquote(part) if "=" in part else part
            match = re.fullmatch(pattern, text, re.ASCII | re.DOTALL)
            if not match or HIVE_NULL in part:
                return None
            try:
                found.update({k.name: k.read(v) for k, v in zip(keys, match.groups(), strict=True)})
            except ValueError:
                return None
        return found

    def check_name(self, name: str) -> None:
        """Raises ValueError where no partition can have the path, nor a key of one the value."""
        parts, tail = name.split("/"), self.text.rpartition("}")[2] if self.single_file else ""
        if self.match(parts) is not None or self.match([*parts[:-1], parts[-1] + tail]) is not None:
            return
        if len(parts) > 1:
            raise ValueError("there is no such date" if self.owns(parts) else f"its layout is {self.text}")
        stems = [(pattern.removesuffix(re.escape(tail)), keys) for pattern, keys in self.segments if keys]
        alone = [(f"({_pattern(k)})", (k,)) for k in self.keys]
        try:
            if re.fullmatch(r"\d{4}-\d\d(-\d\d.*)?", name) and any(k.type.kind in TIMES for k in self.keys):
                datetime.fromisoformat(name if len(name) > 7 else f"{name}-01")
                return
            # A key of text fits any name: asked last.
            for pattern, keys in sorted((*alone, *stems), key=lambda p: p[0] == "(.+?)"):
                if match := re.fullmatch(pattern, name, re.ASCII):
                    for key, text in zip(keys, match.groups(), strict=True):
                        key.read(text)
                    return
        except ValueError:
            raise ValueError("there is no such date") from None
        raise ValueError(f"its layout is {self.text}")

    def lacks(self, parts: Sequence[str]) -> bool:
        """Whether the path fits but for key values that are NULL, as Hive writes them."""
        return any(p.endswith(f"={HIVE_NULL}") for p in parts[: self.depth]) and self.owns(parts)

    def owns(self, parts: Sequence[str], *, any_case: bool = False) -> bool:
        """Whether the path is of this pattern: it fits, or a key is NULL, or a date does not exist."""
        if len(parts) < self.depth or (self.single_file and len(parts) != self.depth):
            return False
        flags = re.ASCII | re.DOTALL | (re.IGNORECASE if any_case else 0)
        return all(
            re.fullmatch(pattern, unquote(part) if "=" in part else part, flags)
            or (len(keys) == 1 and part == f"{keys[0].name}={HIVE_NULL}")
            for (pattern, keys), part in zip(self.segments, parts, strict=False)
        )


def moment(keys: Mapping[str, Scalar]) -> date | None:
    """When a partition is: its first date or timestamp key, else the start of its `year` (`month`, `day`); a day with
    an `hour` beside it begins then."""
    year, month, day, hour = (keys.get(p) for p in PARTS)
    for value in keys.values():
        if isinstance(value, date):
            whole_day = not isinstance(value, datetime) and isinstance(hour, int)
            return datetime(value.year, value.month, value.day, hour) if whole_day else value  # type: ignore[arg-type]
    if not isinstance(year, int):
        return None
    start = date(year, month if isinstance(month, int) else 1, day if isinstance(day, int) else 1)
    return datetime(start.year, start.month, start.day, hour) if isinstance(hour, int) else start


def wall(at: date) -> datetime:
    """The moment on the clock of its source, without a zone."""
    return at.replace(tzinfo=None) if isinstance(at, datetime) else datetime(at.year, at.month, at.day)


LONGEST_NAME = 200  # bytes: room for what is put around a name, below the 255 of file systems
LONGEST_PATH = 600  # bytes: room for what is put around a path, below the 1,024 of S3


def file_name(text: str, safe: str = "") -> str:
    """A file's name for any text, its own: quoted, never hidden, and cut where it would be too long."""
    quoted = quote(text, safe=safe)
    quoted = "%2E" + quoted[1:] if quoted.startswith(".") else quoted
    return _cut(quoted, text, LONGEST_NAME)


def file_path(text: str) -> str:
    """A path for any text, its own: every part of it is a file's name, so that no text chooses a folder of its own; cut
    where it would be too long."""
    return _cut("/".join(file_name(part, safe="=,+@ ") for part in text.split("/")), text, LONGEST_PATH)


def _cut(name: str, text: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]
    return f"{name[: longest - 33]}~{digest}"


def parse_layout(text: str) -> Layout:
    """Raises ValueError with what is wrong and how it is written."""
    segments = text.split("/")
    if not text or any(s in ("", ".", "..") for s in segments):
        raise ValueError(f'"{text}": a layout is a path below the source, without empty, "." or ".." parts')
    parsed = tuple(_segment(s) for s in segments)
    names = [k.name for _, keys in parsed for k in keys]
    if not names:
        raise ValueError(f'"{text}" names no key: write one like {{date:%Y-%m-%d}} or region={{str}}')
    if doubled := next((n for n in names if names.count(n) > 1), None):
        raise ValueError(f'"{text}" names the key "{doubled}" twice')
    tail = segments[-1].rpartition("}")[2]
    return Layout(text, parsed, _EXTENSION.fullmatch(tail) is not None)


def _segment(text: str) -> tuple[str, tuple[Key, ...]]:
    hive = _HIVE.fullmatch(text)
    pattern, end = "", 0
    keys: list[Key] = []
    for piece in _PIECE.finditer(text):
        literal = text[end : piece.start()]
        if end and not literal:
            raise ValueError(f'"{text}": two pieces need something between them')
        key = _key(piece[1], hive[1] if hive and not keys else None)
        pattern += _literal(literal, text) + f"({_pattern(key)})"
        keys.append(key)
        end = piece.end()
    return pattern + _literal(text[end:], text), tuple(keys)


def _literal(text: str, segment: str) -> str:
    if "{" in text or "}" in text:
        raise ValueError(f'"{segment}": a brace is open')
    return re.escape(text)


def _key(text: str, hive: str | None) -> Key:
    name, _, kind = text.partition(":")
    if hive is not None and not kind:
        name, kind = hive, name if name in _PLAIN_KINDS else "str" if name == hive else f"?{name}"
    elif hive is not None:
        name = hive
    elif not kind:
        kind = name if name in {"date", *PARTS} else "str"
        if name in ("str", "int"):
            raise ValueError(f"{{{text}}} needs a name: {{name:{name}}}")
    if hive is None and (meant := _misspelt(name)):
        raise ValueError(f'{{{text}}}: "{name}" is no kind (did you mean "{meant}"?), and too like one for a name')
    if not _NAME.fullmatch(name):
        raise ValueError(f'"{name}" is no name of a key: letters, digits, "_" and "-"')
    if "%" in kind:
        _directives(kind)
        return Key(name, "time", kind)
    if kind not in _PLAIN_KINDS:
        kinds = ", ".join(("str", "int", "date", *PARTS))
        raise ValueError(f'{{{text}}}: "{kind.lstrip("?")}" is no kind of key; kinds are {kinds} and %Y-%m-%d')
    return Key(name, kind)  # type: ignore[arg-type]


def _misspelt(name: str) -> str:
    """The kind that the name of a key stands for but for one letter."""
    for kind in ("date", *PARTS):
        parts = [(kind[:i], kind[i:]) for i in range(len(kind) + 1)]
        dropped = {a + b[1:] for a, b in parts if b}
        swapped = {a + b[1] + b[0] + b[2:] for a, b in parts if len(b) > 1}
        others = any(re.fullmatch(f"{a}[a-z]{b[1:]}|{a}[a-z]{b}", name) for a, b in parts)
        if name != kind and (name in dropped | swapped or others):
            return kind
    return ""


def _directives(text: str) -> list[str]:
    found = re.findall("%(.?)", text.replace("%%", ""))
    if unknown := next((d for d in found if d not in _DIGITS), None):
        raise ValueError(f'"{text}": %{unknown} is not known; directives are {", ".join("%" + d for d in _DIGITS)}')
    if "" in found or len(found) != len(set(found)):
        raise ValueError(f'"{text}": a directive is doubled or incomplete')
    has = set(found)
    if not has & {"Y", "y"} or {"Y", "y"} <= has:
        raise ValueError(f'"{text}" needs one year, %Y or %y')
    if ("j" in has and has & {"m", "d"}) or ("d" in has and "m" not in has):
        raise ValueError(f'"{text}" does not give a date')
    return found


def _pattern(key: Key) -> str:
    if key.kind == "str":
        return ".+?"
    if key.kind == "date":
        return r"\d{4}-\d\d-\d\d"
    if key.kind == "time":
        parts = re.split("(%.)", key.format)
        return "".join(_directive(p[1]) if p.startswith("%") else re.escape(p) for p in parts)
    return {"int": r"-?\d{1,18}", "year": r"\d{4}"}.get(key.kind, r"\d{1,2}")


def _directive(letter: str) -> str:
    return "%" if letter == "%" else rf"\d{{{_DIGITS[letter]}}}"


def _moment(text: str, form: str) -> date:
    """By hand, not strptime: no locale, and `%j` needs a day in its year."""
    pattern = "".join(
        p if not p.startswith("%") else "%" if p == "%%" else f"(?P<{p[1]}>{_directive(p[1])})"
        for p in (q if q.startswith("%") else re.escape(q) for q in re.split("(%.)", form))
    )
    match = re.fullmatch(pattern, text)
    if match is None:
        raise ValueError(f"{text} is not like {form}")
    found = {k: int(v) for k, v in match.groupdict().items()}
    year = found["Y"] if "Y" in found else 2000 + found["y"] - (100 if found["y"] >= 69 else 0)
    day = date(year, found.get("m", 1), found.get("d", 1))
    if "j" in found:
        day = date(year, 1, 1) + timedelta(days=found["j"] - 1)
        if found["j"] == 0 or day.year != year:
            raise ValueError(f"{text} has no day {found['j']}")
    if not found.keys() & {"H", "M", "S"}:
        return day
    return datetime(day.year, day.month, day.day, found.get("H", 0), found.get("M", 0), found.get("S", 0))
