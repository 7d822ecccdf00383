"""A check as written, as a metric of the columns and types that landed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dq.dialects.gx.metrics import Missing, Refused
from dq.dialects.pandera import conditions
from dq.dialects.pandera.metrics import Castable, CustomCheck, Duplicates, Nothing, OfFrame, OfTable, Several, matching
from dq.dialects.pandera.types import wanted
from dq.ir.codec import decode
from dq.ir.data import FLOATS
from dq.ir.expr import And, Call, Col, Expr, Foreign, IsNan, IsNull, Lit, Not, Or
from dq.ir.metric import Dimension, Metric, metric
from dq.metrics.completeness import Required
from dq.metrics.validity import Validity

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq.ir.data import Schema, Type


@metric
@dataclass(frozen=True)
class Asked(Metric):
    """A check as written: what it asks depends on the columns and types that land. `arguments` is JSON text.

    `column` is a name, or with `regex` a pattern that all columns but the `explicit` ones are held against; None: the
    whole row. `casts` are columns that the schema coerces, and to what. `reads` are columns that custom code reads;
    None: all that it `sees`, by patterns. `apart` says how it runs where not in the scan."""

    name: ClassVar[str] = "asked"
    dimension: ClassVar[Dimension] = Dimension.VALIDITY

    kind: str
    column: str | None = None
    regex: bool = False
    explicit: tuple[str, ...] = ()
    arguments: str = "{}"
    says: str = ""
    ignore_na: bool = True
    dtype: str | None = None
    coerce: bool = False
    default: str = "null"
    fine_if_absent: bool = False
    pandas: bool = False
    language: Literal["", "polars", "python"] = ""
    code: str = ""
    reads: tuple[str, ...] | None = None
    element_wise: bool = False
    table: bool = False
    apart: str = ""
    casts: tuple[tuple[str, str], ...] = ()
    sees: tuple[str, ...] = (".*",)

    def fitted(self, schema: Schema) -> Metric:
        return fit(self, schema)

    def remark(self) -> str:
        return self.apart


def fit(asked: Asked, schema: Schema) -> Metric:
    """The metric. Where the question does not fit, one that says so when it is asked."""
    if asked.column is None:
        return _guarded(_Fitting(asked, schema, "").row)
    names = matching(asked.column, schema.names, asked.explicit) if asked.regex else [asked.column]
    found = [n for n in names if schema.find((n,)) is not None]
    if not found:
        return Nothing() if asked.regex or asked.fine_if_absent else Missing((asked.column,))
    parts = [(n, _guarded(_Fitting(asked, schema, n).metric)) for n in found]
    return Several(tuple(parts)) if asked.regex else parts[0][1]


def _guarded(make: Callable[[], Metric]) -> Metric:
    try:
        return make()
    except conditions.Unfit as error:
        return Refused(str(error))


@dataclass(frozen=True, slots=True)
class _Fitting:
    asked: Asked
    schema: Schema
    name: str

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(decode(json.loads(self.asked.arguments)))

    def metric(self) -> Metric:
        """Of the one column."""
        asked = self.asked
        value, found = self.value()
        match asked.kind:
            case "required":
                present = Not(_absent(self.filled(value), found))
                return Required(present if isinstance(value, Col) else Or((present, _lost(value))))
            case "unique":
                return Duplicates((self.filled(value),))
            case "cast":
                return Castable(Not(_lost(value)), words=f"cannot be cast to {asked.dtype}")
            case "categories":
                return self.judged(conditions.member(self.arguments["values"], found), value, found)
            case "unique_values_eq":
                return conditions.distinct(self.arguments["values"], self.name, found)
            case "custom":
                return self.custom((self.name,))
        return self.judged(conditions.condition(asked.kind, self.arguments, self.name, found), value, found)

    @property
    def seen(self) -> tuple[str, ...]:
        return tuple(n for n in self.schema.names if any(re.fullmatch(p, n) for p in self.asked.sees))

    def value(self) -> tuple[Expr, Type]:
        """The column, cast where the schema coerces it to another type, and the type of it."""
        return self.cast(self.name, self.asked.dtype if self.asked.coerce else None)

    def cast(self, name: str, dtype: str | None) -> tuple[Expr, Type]:
        landed = self.schema.find((name,))
        assert landed is not None
        named = wanted(dtype, pandas=self.asked.pandas) if dtype else None
        if named is None or named.fits(landed):
            return Col((name,)), landed
        return Foreign("cast", "", (Col((name,)),), named.type), named.type

    @property
    def default(self) -> Any:
        return decode(json.loads(self.asked.default))

    def filled(self, value: Expr) -> Expr:
        """With the default where nothing is."""
        if self.default is None:
            return value
        return Call("coalesce", (value, Lit(self.default)))

    def judged(self, condition: Callable[[Expr], Expr], value: Expr, found: Type) -> Metric:
        ok = condition(value)
        if self.default is not None:
            missing = _absent(value, found)
            ok = Or((And((missing, condition(Lit(self.default)))), And((Not(missing), ok))))
        return _counted(self.asked, ok)

    def row(self) -> Metric:
        """Of the row: a built-in check holds for every column of it."""
        asked = self.asked
        if asked.kind == "unique":
            keys = [n for n in self.arguments["columns"] if self.schema.find((n,)) is not None]
            return Duplicates(tuple(Col((n,)) for n in keys)) if keys else Nothing()
        if asked.kind == "custom" and not asked.element_wise:
            return self.custom(())
        if asked.kind == "unique_values_eq":
            raise conditions.Unfit("unique_values_eq needs a column")
        return _counted(asked, And(tuple(self._of(n) for n in self.seen)))

    def _of(self, name: str) -> Expr:
        value, found = self.given(name)
        if self.asked.kind == "custom":
            return Foreign("python", self.asked.code, (value,))
        return conditions.condition(self.asked.kind, self.arguments, name, found)(value)

    def given(self, name: str) -> tuple[Expr, Type]:
        """The column as checks of the whole row see it."""
        return self.cast(name, dict(self.asked.casts).get(name))

    def custom(self, names: tuple[str, ...]) -> Metric:
        asked = self.asked
        reads = names if asked.element_wise else self.seen if asked.reads is None else asked.reads
        missing = next((n for n in reads if self.schema.find((n,)) is None), None)
        if missing is not None:
            raise conditions.Unfit(f'it reads "{missing}", which did not land')
        assert asked.language
        ok = Foreign(asked.language, asked.code, tuple(self.given(n)[0] for n in reads))
        if asked.language == "python" and not asked.element_wise:
            return OfFrame(ok if asked.ignore_na else _strict(ok), words=f"fail {asked.says}")
        if asked.table:
            return OfTable(_strict(ok) if not asked.ignore_na else ok, asked.says)
        return _counted(asked, ok)


def _lost(cast: Expr) -> Expr:
    """A value that the cast does not take."""
    if not isinstance(cast, Foreign):
        return Lit(False)
    return And((Not(IsNull(cast.args[0])), IsNull(cast)))


def _strict(ok: Expr) -> Expr:
    """A condition that is FALSE where it is NULL."""
    return And((ok, Not(IsNull(ok))))


def _counted(asked: Asked, ok: Expr) -> Metric:
    kind: type[Validity] = CustomCheck if asked.kind == "custom" else conditions.METRIC[asked.kind]
    return kind(ok if asked.ignore_na else _strict(ok), words=f"fail {asked.says}")


def _absent(value: Expr, found: Type) -> Expr:
    return Or((IsNull(value), IsNan(value))) if found.kind in FLOATS else IsNull(value)
