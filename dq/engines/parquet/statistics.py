"""What a footer says of each column, merged over row groups and files, and nothing it does not say.

Floats have no range here (a NaN may hide beside it), text only where the writer vouches that it cut nothing off.
Source: parquet.thrift of Apache Parquet; numbers in comments are its field ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from dq.engines.parquet.thrift import Malformed
from dq.ir.data import FLOATS, INTEGERS, ColumnFooter, Kind, Type
from dq.ir.scalar import compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dq.ir.expr import Path, Scalar

Struct: TypeAlias = "dict[int, Any]"
Statistics: TypeAlias = "dict[Path, ColumnFooter]"
_BOOL, _INT32, _INT64, _INT96, _FIXED = 0, 1, 2, 3, 7


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A primitive column. `repeated` ones count items, not rows."""

    path: Path
    repeated: bool
    element: Struct


def leaves(footer: Struct) -> tuple[_Leaf, ...]:
    """Primitive columns in the order of their chunks. Raises Malformed."""
    elements = iter(footer[2])
    root = next(elements)
    try:
        found = tuple(_leaves(elements, root.get(5, 0), (), False))
    except StopIteration:
        raise Malformed("schema ends too early") from None
    except RuntimeError:
        raise Malformed("schema ends too early") from None
    return found


def _leaves(elements: Iterator[Struct], count: int, above: Path, repeated: bool) -> Iterator[_Leaf]:
    for _ in range(count):
        element = next(elements)
        path = (*above, element[4].decode())
        inside = repeated or element.get(3) == 2
        if element.get(5):
            yield from _leaves(elements, element[5], path, inside)
        else:
            yield _Leaf(path, inside, element)
