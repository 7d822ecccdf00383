"""A node of this engine's own, beside those of the language."""

from dataclasses import dataclass

from dq.ir.expr import Expr


@dataclass(frozen=True, slots=True)
class Listed(Expr):
    """Whether the value is one of those in column `v` of a table of the connection."""

    arg: Expr
    table: str
