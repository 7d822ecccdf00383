"""A ruleset as text that reads back as the same ruleset."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from dq.dialects.dqdl import tree as t

if TYPE_CHECKING:
    from collections.abc import Iterable


def text(ruleset: t.Ruleset) -> str:
    parts = []
    for name, entries in (("Metadata", ruleset.metadata), ("DataSources", ruleset.sources)):
        if entries:
            inner = ",\n".join(f"    {_quoted(k)}: {_value(v)}" for k, v in entries)
            parts.append(f"{name} = {{\n{inner}\n}}")
    parts += [f"{name} = {_value(v)}" for name, v in ruleset.variables]
    if ruleset.labels:
        parts.append(f"DefaultLabels = {_pairs(ruleset.labels)}")
    if ruleset.rules is not None:
        parts.append(_section("Rules", map(item, ruleset.rules)))
    if ruleset.analyzers is not None:
        parts.append(_section("Analyzers", map(item, ruleset.analyzers)))
    return "\n\n".join(parts) + "\n"


def _section(name: str, items: Iterable[str]) -> str:
    inner = ",\n".join(f"    {i}" for i in items)
    return f"{name} = [\n{inner}\n]" if inner else f"{name} = []"


def item(one: t.Item) -> str:
    """A rule, or several, on one line."""
    if isinstance(one, t.Rule):
        return _rule(one)
    inner = f" {one.op} ".join(f"({item(i)})" for i in one.items)
    if len(one.items) == 1:
        return f"{inner} labels={_pairs(one.labels)}" if one.labels else inner
    return f"({inner}) labels={_pairs(one.labels)}" if one.labels else inner


def _rule(rule: t.Rule) -> str:
    parts = [rule.type, *map(text_of, rule.parameters)]
    if rule.condition:
        parts.append(condition_text(rule.condition))
    if rule.where:
        parts.append(f"where {text_of(rule.where)}")
    if rule.labels:
        parts.append(f"labels={_pairs(rule.labels)}")
    parts += [f"with {tag.name} {_tagged(tag.value)}" for tag in rule.tags]
    return " ".join(parts)


def _tagged(value: t.Condition | tuple[t.Operand, ...]) -> str:
    return condition_text(value) if isinstance(value, t.Condition) else f"= {_list(value)}"


def condition_text(condition: t.Condition) -> str:
    """As it is written."""
    no = "not " if condition.negated else ""
    first, *rest = condition.operands
    match condition.op:
        case "between":
            return f"{no}between {text_of(first)} and {text_of(rest[0])}"
        case "in":
            listed = (
                text_of(first) if isinstance(first, t.Variable) and not rest else _list(map(_escaped, (first, *rest)))
            )
            return f"{no}in {listed}"
        case "matches":
            return f"{no}matches {text_of(first)}"
    return f"{condition.op} {text_of(first)}"


def _list(operands: Iterable[t.Operand]) -> str:
    return f"[{', '.join(map(text_of, operands))}]"


def text_of(operand: t.Operand) -> str:
    """As it is written."""
    match operand:
        case t.Number(value):
            return _number(value)
        case t.Amount(value, unit):
            return f"{_number(value)} {unit}"
        case t.Text(value):
            return _quoted(value)
        case t.Keyword(name):
            return name
        case t.Variable(name):
            return f"${name}"
        case t.Called(name, args):
            return f"{name}({', '.join(map(text_of, args))})"
        case t.Arithmetic(op, left, right):
            right_side = f"({text_of(right)})" if isinstance(right, t.Arithmetic) else text_of(right)
            said = f"{text_of(left)} {op} {right_side}"
            return f"({said})" if isinstance(left, t.Called) and left.name == "now" else said


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{Decimal(repr(value)):f}"


def _escaped(operand: t.Operand) -> t.Operand:
    """As it stands in a list of `in`, the one place where a backslash does not mean itself."""
    return t.Text(operand.value.replace("\\", "\\\\")) if isinstance(operand, t.Text) else operand


def _quoted(value: str) -> str:
    escaped = value.replace('"', '\\"')
    return f'"{escaped}"'


def _value(value: str | tuple[str, ...]) -> str:
    return _quoted(value) if isinstance(value, str) else f"[{', '.join(map(_quoted, value))}]"


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return f"[{', '.join(f'{_quoted(k)}={_quoted(v)}' for k, v in pairs)}]"
