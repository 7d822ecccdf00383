"""Random frames, and random schemas for them: all built-in checks and dtypes, nulls, NaN, no rows, unicode, times."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandera.polars as pa
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

TEXTS = ["a", "b", "abc", "é", "😀x", "", "A1", "12", "a\nb", "b ", "xxb", "a.b"]
PATTERNS = ["a", "^a", r"\d", r"^\w+$", "(?i)A", "b$", "a|b", "^.$", "é", r"\s", "(?s).*", "[a-c]+", r"a\.b", "(?!a)"]
DAY, MOMENT = date(2020, 1, 1), datetime(2020, 1, 1)
HALVES = [n / 2 for n in range(-4, 5)]

POOLS: dict[str, tuple[Any, Callable[[Random], Any]]] = {
    "i": (pl.Int64, lambda r: r.randint(-5, 5)),
    "j": (pl.Int32, lambda r: r.randint(-5, 5)),
    "u": (pl.UInt8, lambda r: r.randint(0, 9)),
    "f": (pl.Float64, lambda r: r.choice([*HALVES, 1e9, 0.1, -0.0, math.nan, math.inf])),
    "g": (pl.Float32, lambda r: r.choice([*HALVES, 0.1, 0.2, math.nan])),
    "s": (pl.String, lambda r: r.choice(TEXTS)),
    "k": (pl.Categorical, lambda r: r.choice("abc")),
    "b": (pl.Boolean, lambda r: r.random() < 0.7),
    "d": (pl.Date, lambda r: DAY + timedelta(days=r.randint(0, 5))),
    "t": (pl.Datetime("us"), lambda r: MOMENT + timedelta(hours=r.randint(0, 90))),
    "m": (pl.Datetime("ms"), lambda r: MOMENT + timedelta(hours=r.randint(0, 90))),
    "z": (pl.Datetime("us", "UTC"), lambda r: MOMENT.replace(tzinfo=UTC) + timedelta(hours=r.randint(0, 90))),
    "w": (pl.Duration("us"), lambda r: timedelta(hours=r.randint(-3, 3))),
    "o": (pl.Time, lambda r: time(r.randint(0, 23))),
    "c": (pl.Decimal(10, 2), lambda r: Decimal(r.randint(-300, 300)) / 100),
    "y": (pl.Binary, lambda r: r.choice([b"", b"a", b"\xff"])),
    "l": (pl.List(pl.Int64), lambda r: [r.randint(0, 1) for _ in range(r.randint(0, 2))]),
}
FAMILIES = ("ijufgb", "cijfg", "dtm")  # what values of one are also held against
ORDERED = [n for n in POOLS if n not in ("l", "k", "y")]


def frame(random: Random) -> pl.DataFrame:
    size = random.choice([0, 1, 2, 5, 12, 30])
    names = random.sample(list(POOLS), random.randint(3, len(POOLS)))

    def column(name: str) -> pl.Series:
        dtype, draw = POOLS[name]
        share = random.choice([0.0, 0.0, 0.2])
        values = [None if random.random() < share else draw(random) for _ in range(size)]
        return pl.Series(name, values, dtype=dtype)

    return pl.DataFrame([column(n) for n in names])


def check(random: Random, name: str) -> pa.Check:
    """Of values that mostly are of the column's kind."""
    family = next((f for f in FAMILIES if name in f), name)
    like = name if random.random() < 0.8 else random.choice(family)
    draw = POOLS[like][1]
    kinds = ["equal_to", "not_equal_to", "isin", "notin", "unique_values_eq"]
    if like in ORDERED:
        kinds += ["greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range"]
    if like == "s" or (name != "k" and random.random() < 0.1):
        kinds += ["str_matches", "str_contains", "str_startswith", "str_endswith", "str_length"] * 2
    kind = random.choice(kinds)
    given: dict[str, Any] = {
        "ignore_na": random.random() < 0.7, "raise_warning": random.random() < 0.1,
        "n_failure_cases": random.choice([None, None, 2]),
    }  # fmt: skip
    make = getattr(pa.Check, kind)
    match kind:
        case "isin" | "notin" | "unique_values_eq":
            values = [v for _ in range(random.randint(0, 5)) if not isinstance(v := draw(random), list)]
            return make(values, **given)
        case "in_range":
            low, high = sorted([draw(random), draw(random)], key=lambda v: (v != v, v))
            ends = {"include_min": random.random() < 0.5, "include_max": random.random() < 0.5}
            return make(low, high, **({} if low == high or low != low else ends), **given)
        case "str_matches" | "str_contains":
            return make(random.choice(PATTERNS), **given)
        case "str_startswith" | "str_endswith":
            return make(random.choice(TEXTS), **given)
        case "str_length":
            return make(random.choice([0, 1, 2]), random.choice([2, 3, 9]), **given)
    return make(draw(random), **given)


def _positive(data: Any) -> Any:
    return data.lazyframe.select(pl.col(data.key).cast(pl.Float64) > 0)


def _above_mean(data: Any) -> Any:
    return data.lazyframe.select(pl.col(data.key) >= pl.col(data.key).mean())


def _few(data: Any) -> Any:
    return data.lazyframe.select(pl.col(data.key).n_unique() < 3)


def _branch(data: Any) -> Any:
    return data.lazyframe.with_columns(other=pl.col(data.key).is_first_distinct()).select("other")


def _never(data: Any) -> bool:
    return False


def _raises(data: Any) -> Any:
    raise ValueError("no answer")


def _all_present(data: Any) -> Any:
    return data.lazyframe.select(pl.all().is_not_null())


def _one(value: Any) -> bool:
    return str(value) < "5"


OF_COLUMNS = [_positive, _above_mean, _few, _branch, _never, _raises]


def custom(random: Random) -> pa.Check:
    if random.random() < 0.3:
        return pa.Check(_one, element_wise=True, ignore_na=random.random() < 0.5)
    return pa.Check(random.choice(OF_COLUMNS), ignore_na=random.random() < 0.5)


def column(random: Random, name: str) -> pa.Column:
    other = random.random() < 0.1
    wrong = [n for n in POOLS if n not in "sk"]  # to us both are text
    checks = [check(random, name) for _ in range(random.choice([0, 1, 1, 2, 3])) if name != "l"]
    if name in "ijufg" and random.random() < 0.3:
        checks.append(custom(random))
    return pa.Column(
        random.choice([POOLS[random.choice(wrong) if other else name][0], POOLS[name][0], None]),
        checks, nullable=random.random() < 0.6, unique=random.random() < 0.2, required=random.random() < 0.8,
    )  # fmt: skip


def schema(random: Random, landed: list[str]) -> pa.DataFrameSchema:
    known = [n for n in landed if random.random() < 0.8]
    if random.random() < 0.2:
        known.append(random.choice([n for n in POOLS if n not in known] or known))
    if random.random() < 0.2:
        random.shuffle(known)
    columns = {n: column(random, n) for n in dict.fromkeys(known)}
    if random.random() < 0.2:
        pattern = random.choice(["[ij]", "[fg]", "^[a-d]$", "[q]", "."])
        matched = [n for n in landed if re.fullmatch(pattern, n)]
        if not matched or set(matched) - set(columns):  # pandera raises where all of them have columns of their own
            columns[pattern] = pa.Column(
                regex=True, checks=[], nullable=random.random() < 0.5, unique=random.random() < 0.3
            )
    unique = random.sample(known, min(len(known), 2)) if random.random() < 0.3 else None
    checks = []
    if random.random() < 0.2:
        checks.append(pa.Check(random.choice([_never, _raises, _all_present]), ignore_na=random.random() < 0.5))
    return pa.DataFrameSchema(
        columns, checks=checks, strict=random.choice([False, False, True, "filter"]),
        ordered=random.random() < 0.2, unique=unique,
    )  # fmt: skip
