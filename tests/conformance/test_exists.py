"""Looks into another data set: every engine answers like the reference, for keys of every pair of comparable types."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby, product
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from dq.ir.aggregate import Aggregate, Count, Distinctness, FirstRows
from dq.ir.expr import Col, Exists, Expr, IsNull, Not
from dq.ir.other import Of
from dq.ir.positions import Positions
from dq.ir.typecheck import comparable
from dq.judge import run, shape_of
from dq.plan import bind, passes_over
from tests.conformance.hostile import FRAMES, as_frame, as_parquet, same

if TYPE_CHECKING:
    from pathlib import Path

    from dq.engines.base import Dataset, Engine
    from dq.engines.reference import Reference

ONES = pa.table(
    {
        "i": pa.array([1, 2, 3, None, 2**53 + 1, 7], pa.int64()),
        "u": pa.array([1, 0, 2**64 - 1, None, 2**53 + 1, 300], pa.uint64()),
        "s": pa.array([1, -128, 3, None, 127, 7], pa.int8()),
        "f": pa.array([1.0, 2.5, -0.0, None, float(2**53), float("nan")], pa.float64()),
        "g": pa.array([1.0, 2.5, 0.1, None, float("inf"), float("nan")], pa.float32()),
        "d": pa.array([Decimal(v) if v else None for v in ("1", "2.5", "0.1", "", "7", "-1")], pa.decimal128(9, 2)),
        "e": pa.array([Decimal(v) if v else None for v in ("1", "2.5", "0.125", "", "7", "0")], pa.decimal128(38, 12)),
        "t": pa.array(["1", "a", "", None, "Ä", "1"]),
        "c": pa.array(["a", "b", None, "a", "1", "é"]).dictionary_encode(),
        "b": pa.array([b"1", b"a", b"", None, b"\x00", b"1"], pa.binary()),
        "day": pa.array([date(2020, 1, 1), date(1582, 10, 4), None, date(2020, 2, 29), date.min, date.max]),
        "at": pa.array([datetime(2020, 1, 1), datetime.max, None, datetime(2020, 2, 29), datetime.min, None]),
        "ns": pa.array([1577836800_000_000_000, 1577836800_000_000_999, None, 5, 6, 7], pa.timestamp("ns")),
        "ok": pa.array([True, False, None, True, None, True]),
        "no": pa.nulls(6),
    }
)  # fmt: skip
OTHERS = pa.concat_tables([ONES.slice(0, 2), ONES.slice(3)]).slice(0, 4)


def beside(dataset: Dataset, other: pa.Table, folder: Path) -> Dataset:
    folder.mkdir()
    return replace(dataset, others={"other": as_parquet(other, folder)})


def asked_of(ok: Expr, show: tuple[str, ...]) -> list[Aggregate]:
    return [
        Count(ok),
        Count(Not(ok)),
        Count(IsNull(ok)),
        FirstRows(Not(ok), tuple((n,) for n in show), 20),
        Positions(Not(ok)),
        Distinctness((ok, *(Col((n,)) for n in show))),
    ]


def compare(subject: Engine, reference: Reference, dataset: Dataset, asked: list[Aggregate]) -> None:
    shape = shape_of(dataset)
    bound = [bind(a, shape) for a in asked]
    wanted = reference.run(dataset, bound)
    found: dict[Aggregate, Any] = {}
    for family in dict.fromkeys(a.family for a in bound):
        found |= subject.run(dataset, [a for a in bound if a.family == family])
    for aggregate in bound:
        assert same(found[aggregate], wanted[aggregate]), aggregate


PAIRS = [
    (mine, theirs)
    for mine, theirs in product(ONES.column_names, ONES.column_names)
    if comparable(*(as_frame(ONES).schema.find((n,)) for n in (mine, theirs)))  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("how", "nulls_equal"), [("frame", False), ("parquet", True)])
def test_keys_of_comparable_types(
    subject: Engine, reference: Reference, tmp_path: Path, how: str, nulls_equal: bool
) -> None:
    """A value that the other type rounds is no key."""
    (tmp_path / "mine").mkdir()
    mine = as_frame(ONES) if how == "frame" else as_parquet(ONES, tmp_path / "mine")
    dataset = beside(mine, OTHERS, tmp_path / "other")
    assert len(PAIRS) > 60
    for _, pairs in groupby(PAIRS, lambda pair: pair[0]):  # a query of a hundred joins takes five times as long
        looks = [Exists((Col((m,)),), "other", ((t,),), nulls_equal) for m, t in pairs]
        compare(subject, reference, dataset, [count for ok in looks for count in (Count(ok), Count(IsNull(ok)))])


@pytest.mark.parametrize("nulls_equal", [False, True])
@pytest.mark.parametrize("frame", ["numbers", "texts", "times", "names", "empty", "nulls"])
def test_hostile_columns_among_their_own_rows(
    subject: Engine, reference: Reference, tmp_path: Path, frame: str, nulls_equal: bool
) -> None:
    table = FRAMES[frame]
    dataset = beside(as_frame(table), table.slice(0, table.num_rows // 2), tmp_path / "other")
    names = [n for n in table.column_names if n not in ("far",)]
    asked = [
        a for n in names for a in asked_of(Exists((Col((n,)),), "other", ((n,),), nulls_equal), (n,))
    ]  # fmt: skip
    compare(subject, reference, dataset, asked)


@pytest.mark.parametrize("nulls_equal", [False, True])
def test_keys_of_several_columns_and_of_structs(
    subject: Engine, reference: Reference, tmp_path: Path, nulls_equal: bool
) -> None:
    dataset = beside(as_frame(ONES), OTHERS, tmp_path / "other")
    several = Exists((Col(("i",)), Col(("t",))), "other", (("u",), ("c",)), nulls_equal)
    whole = Exists(tuple(Col((n,)) for n in ONES.column_names), "other", tuple((n,) for n in ONES.column_names), True)
    compare(subject, reference, dataset, [*asked_of(several, ("i", "t")), *asked_of(whole, ("i",))])
    nested = FRAMES["nested"]
    dataset = beside(as_frame(nested), nested.slice(1, 2), tmp_path / "nested")
    inner = Exists(
        (Col(("st", "b.c")), Col(("st", "in", "d"))), "other", (("st", "b.c"), ("st", "in", "d")), nulls_equal
    )
    compare(subject, reference, dataset, asked_of(inner, ("st",)))


def test_text_against_parquet(subject: Engine, reference: Reference, tmp_path: Path) -> None:
    """A landed table lives on a connection of its own, which must be allowed to read the other files."""
    other = as_parquet(pa.table({"id": pa.array([1, 2], pa.int32())}), tmp_path)
    files = [f.location for part in other.parts for f in part.files]
    from dq.engines.duckdb.connect import connect
    from dq.engines.duckdb.source import readable_paths
    from dq.engines.duckdb.text import open_text
    from dq.ir.data import Reading
    from tests.conformance.opened import landed

    landed_files = landed(tmp_path, "id,n\n1,a\n3,b\n,c\n")
    temp = str(tmp_path / "temp")
    connection = connect(
        [*(f.location for f in landed_files), *files, *readable_paths(other)], temp=temp, memory_bytes=500_000_000
    )
    dataset = open_text(landed_files, Reading(delimiter=","), temp=temp, connection=connection)
    dataset.others["other"] = other
    compare(subject, reference, dataset, asked_of(Exists((Col(("id",)),), "other", (("id",),)), ("n",)))
    connection.close()


def test_aggregates_of_the_other(subject: Engine, tmp_path: Path) -> None:
    dataset = beside(as_frame(ONES), OTHERS, tmp_path / "other")
    asked = [
        bind(a, shape_of(dataset)) for a in (Of("other", Count()), Of("other", Distinctness((Col(("i",)),))), Count())
    ]
    passes = passes_over(asked, shape_of(dataset), subject.name)
    states = run(passes, dataset, {subject.name: subject})
    assert [states[a] if isinstance(states[a], int) else states[a].groups for a in asked] == [4, 3, 6]
