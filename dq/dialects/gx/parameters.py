"""Suite parameters: `{"$PARAMETER": "low * 2"}` is a number or text that is given from outside."""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any

from dq.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Pow: operator.pow,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Any]] = {"round": round, "trunc": int, "abs": abs}
_LONGEST = 1_000


def filled(value: Any, given: Mapping[str, Any]) -> Any:
    """The arguments with every parameter exchanged for its value. Raises ValueError where one is not given."""
    if isinstance(value, dict):
        if set(value) == {"$PARAMETER"}:
            return _value(str(value["$PARAMETER"]), given)
        return {k: filled(v, given) for k, v in value.items()}
    return [filled(v, given) for v in value] if isinstance(value, list) else value


def wanting(value: Any, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of parameters that the arguments need and nobody gives."""
    if isinstance(value, dict):
        if set(value) == {"$PARAMETER"} and (text := str(value["$PARAMETER"])) not in given:
            return _unknown(text, given)
        value = list(value.values())
    return tuple(dict.fromkeys(n for v in value for n in wanting(v, given))) if isinstance(value, list) else ()


def _unknown(text: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        parsed = ast.parse(text[:_LONGEST], mode="eval")
    except SyntaxError:
        return (text,)
    names = (n.id for n in ast.walk(parsed) if isinstance(n, ast.Name))
    return tuple(n for n in names if n not in given and n not in _FUNCTIONS)


def _value(text: str, given: Mapping[str, Any]) -> Any:
    if text in given:
        return given[text]
    try:
        parsed = ast.parse(text[:_LONGEST], mode="eval").body
    except SyntaxError:
        raise _missing(text, given) from None
    return _computed(parsed, text, given)


def _computed(node: ast.expr, text: str, given: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(int() | float() as value):
            return value
        case ast.Name(name):
            if name in given:
                return given[name]
            raise _missing(name, given)
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            sides = [_number(_computed(side, text, given), text) for side in (left, right)]
            if isinstance(op, ast.Pow) and abs(sides[1]) > 64:
                raise ValueError(f'the parameter "{text}" is too large')
            return _OPERATORS[type(op)](*sides)
        case ast.UnaryOp(op, operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_number(_computed(operand, text, given), text))
        case ast.Call(ast.Name(name), args, []) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_number(_computed(a, text, given), text) for a in args))
    raise ValueError(f'the parameter "{text}" is not arithmetic over names: give its value instead')


def _number(value: Any, text: str) -> Any:
    if isinstance(value, (int, float)):
        return value
    raise ValueError(f'the parameter "{text}" computes with {value!r}, which is no number')


def _missing(name: str, given: Mapping[str, Any]) -> ValueError:
    there = ", ".join(given) or "none"
    return ValueError(f'the parameter "{name}" is not given{nearest(name, given)}; there are {there}')
