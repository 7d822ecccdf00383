"""Random contracts for random frames: every key that a column of the type takes, with tolerance, severity and scope."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tests.differential.pandera.draws import POOLS

if TYPE_CHECKING:
    from random import Random

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
_VERDICTS = Path(__file__).parents[2] / "golden" / "dqdl" / "verdicts"
_ELSEWHERE = re.compile(r"other|same|empty|File|Dataset|last\(|DetectAnomalies|Analyzers")
RULES = [
    line
    for file in sorted(_VERDICTS.glob("*.txt"))
    for line in file.read_text().splitlines()
    if line[:1].isalpha() and not _ELSEWHERE.search(line)
]
_TYPES = {
    "i": "int64", "j": "int32", "u": "uint8", "f": "double", "g": "float", "s": "string", "b": "bool", "d": "date",
    "t": "timestamp(us)", "m": "timestamp(ms)", "z": "timestamp(us, UTC)", "c": "decimal(10,2)",
}  # fmt: skip
_NUMBERS, _ORDERED = "ijufgc", "ijufgcdtm"


def rows(random: Random) -> pl.DataFrame:
    """Of the columns that the golden rules of DQDL speak of."""
    count = random.choice([1, 3, 8])

    def column(*values: Any) -> list[Any]:
        return [random.choice(values) for _ in range(count)]

    days = [None, date(2026, 3, 1), date(2026, 3, 10)]
    return pl.DataFrame(
        {
            "id": column(1, 2, 3, 4), "x": column(1.0, 2.0, None, 5.0, math.nan), "s": column("a", "bb", None, "", " "),
            "at": column(None, NOW.replace(tzinfo=None), datetime(2026, 3, 1)), "day": column(*days),
            "n": column("1", "x", None), "when": column("2026-03-01", "x", None), "k": column(1, 2, 9),
            "none": column(None),
        },
        schema={
            "id": pl.Int64, "x": pl.Float64, "s": pl.String, "at": pl.Datetime("us"), "day": pl.Date, "n": pl.String,
            "when": pl.String, "k": pl.Int64, "none": pl.Float64,
        },
    )  # fmt: skip


def contract(random: Random, frame: pl.DataFrame) -> str:
    """In YAML, which JSON is."""
    known = [n for n in frame.columns if n in _TYPES]
    columns = {n: _column(random, n, known) for n in known}
    checks = [_table(random, known) for _ in range(random.randint(0, 4))] if known else []
    written: dict[str, Any] = {"source": "drawn", "columns": columns, "strict": random.random() < 0.1}
    return json.dumps({**written, "checks": [c for c in checks if c]}, ensure_ascii=False)


def _value(random: Random, name: str) -> Any:
    while (value := POOLS[name][1](random)) != value or _is_infinite(value):
        pass
    return value.isoformat() if hasattr(value, "isoformat") else float(value) if name == "c" else value


def _is_infinite(value: Any) -> bool:
    return isinstance(value, float) and abs(value) == float("inf")


def _column(random: Random, name: str, known: list[str]) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if random.random() < 0.7:
        spec["type"] = _TYPES[name]
    keys: list[str] = random.sample(_keys(name), random.randint(0, 3))
    for key in keys:
        value = _of_key(random, key, name)
        spec[key] = _form(random, value, known, counted=key in _COUNTED)
    ends = [spec.get(k) for k in ("min", "max")]
    plain = [e["value"] if isinstance(e, dict) else e for e in ends]
    if None not in plain and plain[0] > plain[1]:  # type: ignore[operator]
        del spec["max"]
    return spec


_COUNTED = ("completeness", "distinct_count", "mean", "sum", "median", "stddev")


def _keys(name: str) -> list[str]:
    keys = ["required", "unique", "completeness", "distinct_count"]
    keys += ["min", "max"] * 2 if name in _ORDERED else []
    keys += ["mean", "sum", "median", "stddev"] if name in _NUMBERS else []
    keys += ["allowed", "not_allowed"] if name in "ijufsb" else []
    return keys + (["matches", "not_matches", "min_length", "max_length", "length"] if name == "s" else [])


def _of_key(random: Random, key: str, name: str) -> Any:
    match key:
        case "required" | "unique":
            return True
        case "min" | "max":
            return _value(random, name)
        case "allowed" | "not_allowed":
            return [_value(random, name) for _ in range(random.randint(1, 4))]
        case "matches" | "not_matches":
            return random.choice(["a", "^a", r"\d", r"^\w+$", "(?i)A", "b$", "a|b", "^.$", "é", r"\s", r"[^\d]"])
        case "min_length" | "max_length" | "length":
            return random.randint(0, 3)
        case "completeness":
            return random.choice([">= 50%", ">= 0.9", "> 0", "between 0.1 and 1"])
    return random.choice(["> 0", "<= 3", "between -2 and 4", "= 2", ">= 0 and < 9"])


def _form(random: Random, value: Any, known: list[str], *, counted: bool) -> Any:
    more: dict[str, Any] = {}
    if random.random() < 0.3 and not counted:
        more["fails"] = random.choice(["<= 20%", "<= 5%", "<= 33.3%", "<= 1"])
    if random.random() < 0.2:
        more["severity"] = "warn"
    if random.random() < 0.25:
        more["where"] = _condition(random, known)
    return {"value": value, **more} if more else value


def _condition(random: Random, known: list[str]) -> str:
    name = random.choice(known)
    if name in _NUMBERS:
        return f"{name} {random.choice(['>', '<=', '=', '!='])} {random.choice([0, 1, 2.5])}"
    if name == "s":
        return random.choice(["s = 'a'", "s != 'b'", "s in ('a', 'abc')", "s is not null and s != ''"])
    return f"{name} is {random.choice(['', 'not '])}null"


def _table(random: Random, known: list[str]) -> dict[str, Any]:
    numbers = [n for n in known if n in _NUMBERS]
    kind = random.choice(["row_count", "unique", "pair", "sum", "whole", "column"])
    check: dict[str, Any] = {}
    match kind:
        case "row_count":
            check = {"row_count": random.choice([">= 2", "between 1 and 12", "< 20"])}
        case "unique":
            check = {"unique": random.sample(known, min(2, len(known)))}
        case "pair" if len(numbers) > 1:
            left, right = random.sample(numbers, 2)
            check = {"rule": f"{left} {random.choice(['>=', '>', '<', '<=', '=', '!='])} {right}"}
        case "sum" if len(numbers) > 1:
            check = {"rule": f"{' + '.join(random.sample(numbers, 2))} = 3"}
        case "whole" if numbers:
            word = random.choice(["min", "max", "avg", "sum", "median"])
            check = {"rule": f"{word}({random.choice(numbers)}) {random.choice(['>=', '<'])} 1"}
        case "column":
            check = {"rule": _condition(random, known)}
    if check and random.random() < 0.2:
        check["severity"] = "warn"
    if check and random.random() < 0.2 and kind != "whole":
        check["where"] = _condition(random, known)
    return check
