"""Suite parameters: `{"$PARAMETER": "low * 2"}` is a number, a time or a text that is given from outside.

`now()` stays one until the suite runs; GX means the clock of its machine by it, here it is UTC.
"""

from __future__ import annotations

import ast
import json
import operator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dq.errors import nearest
from dq.ir.expr import Now
from dq.ir.recall import said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Pow: operator.pow,
}  # fmt: skip


def _now(*given: Any, **named: Any) -> Now:
    if given or named:
        raise TypeError("now() takes no arguments")
    return Now()


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "round": round, "trunc": int, "abs": abs, "now": _now, "datetime": datetime, "timedelta": timedelta
}  # fmt: skip
_LONGEST = 1_000


def filled(value: Any, given: Mapping[str, Any]) -> Any:
    """The arguments with every parameter exchanged for its value. Raises ValueError where one is not given."""
    if isinstance(value, dict):
        if set(value) == {"$PARAMETER"}:
            return _plain(_value(str(value["$PARAMETER"]), given), str(value["$PARAMETER"]))
        return {k: filled(v, given) for k, v in value.items()}
    return [filled(v, given) for v in value] if isinstance(value, list) else value


def moment_of(value: Any) -> Now | None:
    """What is still a parameter of filled arguments: the moment of the run, and so much later."""
    if isinstance(value, dict) and set(value) == {"$PARAMETER"}:
        found = _value(str(value["$PARAMETER"]), {})
        assert isinstance(found, Now)
        return found
    return None


def _plain(value: Any, text: str) -> Any:
    """As JSON has it."""
    if isinstance(value, Now):
        later = f" + timedelta(seconds={value.shift.total_seconds()!r})" if value.shift else ""
        return {"$PARAMETER": f"now(){later}"}
    if isinstance(value, timedelta):
        raise ValueError(f'the parameter "{text}" is a duration: add it to a time')
    return value.isoformat() if isinstance(value, datetime) else value


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
    if len(text) > _LONGEST:
        raise ValueError(f"a parameter has at most {_LONGEST:,} characters, not {len(text):,}: {text[:40]}...")
    try:
        parsed = ast.parse(text, mode="eval").body
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
            return _joined(op, _computed(left, text, given), _computed(right, text, given), text)
        case ast.UnaryOp(op, operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_number(_computed(operand, text, given), text))
        case ast.Call(ast.Name(name), args, keywords) if name in _FUNCTIONS:
            named = {str(k.arg): _number(_computed(k.value, text, given), text) for k in keywords}
            try:
                found = _FUNCTIONS[name](*(_number(_computed(a, text, given), text) for a in args), **named)
            except (TypeError, ValueError, OverflowError) as error:
                raise ValueError(f'the parameter "{text}": {error}') from None
            return found
    raise ValueError(f'the parameter "{text}" is not arithmetic over names and times: give its value instead')


def _joined(op: ast.operator, left: Any, right: Any, text: str) -> Any:
    match op, left, right:
        case (ast.Add(), Now(shift), timedelta()) | (ast.Add(), timedelta() as shift, Now()):
            return Now(shift + (right if isinstance(left, Now) else right.shift))
        case ast.Sub(), Now(shift), timedelta():
            return Now(shift - right)
        case ast.Pow(), _, int() | float() if abs(right) > 64:
            raise ValueError(f'the parameter "{text}" is too large')
    try:
        return _OPERATORS[type(op)](left, right)
    except (TypeError, OverflowError, ZeroDivisionError):
        raise ValueError(f'the parameter "{text}" computes with {_said(left)} and {_said(right)}') from None


def _said(value: Any) -> str:
    return said(value) if isinstance(value, Now) else json.dumps(value, default=str)


def _number(value: Any, text: str) -> Any:
    if isinstance(value, (int, float)):
        return value
    raise ValueError(f'the parameter "{text}" computes with {value!r}, which is no number')


def _missing(name: str, given: Mapping[str, Any]) -> ValueError:
    there = f"there are {', '.join(given)}" if given else "parameters: {...} of the include gives it"
    if name.startswith("urn:"):
        there = "it is a result that GX stored, which is not looked up"
    return ValueError(f'the parameter "{name}" is not given{nearest(name, given)}; {there}')
