"""Text -> ruleset. Lark does the parsing; between lexer and parser tokens are told apart that look alike."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from dq.dialects import base
from dq.dialects.dqdl import tree as t
from dq.dialects.dqdl.registry import RULES
from dq.errors import SuiteError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

GRAMMAR = Path(__file__).with_name("grammar.lark")
LARGEST_BYTES = 1_000_000
DEEPEST = 50
_SECTIONS = ("Metadata", "DataSources", "DefaultLabels", "Rules", "Analyzers")
WORDS = ("between", "matches", "not", "in", "where", "with", "labels", "and", "or", "threshold")
_SAID = {
    "STRING": 'a text in "quotes"', "IDENT": "a name", "NUMBER": "a number", "VARIABLE": "a $variable",
    "UNIT": "a unit", "COMPARISON": "a comparison", "OPERATOR": "+ - * /", "EQUAL": "=",
    "KEYWORD": "NULL, EMPTY or WHITESPACES_ONLY", "AND_RULE": "and", "AND_PARAMETER": "and", "AND_END": "and",
    "LSQB": "[", "RSQB": "]", "LPAR": "(", "RPAR": ")", "LBRACE": "{", "RBRACE": "}", "COMMA": "a comma",
    "COLON": "a colon", "METADATA": "Metadata", "SOURCES": "DataSources", "DEFAULTS": "DefaultLabels",
    "RULES": "Rules", "ANALYZERS": "Analyzers", "$END": "the end",
}  # fmt: skip


def parse(text: str, file: str) -> t.Ruleset:
    """Raises SuiteError with line, column and a caret."""
    if len(text.encode(errors="surrogatepass")) > LARGEST_BYTES:
        raise SuiteError(f"larger than {LARGEST_BYTES:,} bytes", file=file)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        found = _Reader().transform(_lark().parse(text))
    except _Misplaced as fault:
        raise located(str(fault), text, file, fault.place) from None
    except UnexpectedInput as error:
        raise _told(error, text, file) from None
    except VisitError as error:
        if isinstance(error.orig_exc, _Misplaced):
            raise located(str(error.orig_exc), text, file, error.orig_exc.place) from None
        raise
    assert isinstance(found, t.Ruleset)
    return found


def located(message: str, text: str, file: str, place: t.Place) -> SuiteError:
    return SuiteError(pointed(message, text, place), file=file, line=place[0])


def pointed(message: str, text: str, place: t.Place) -> str:
    """The message with the line and a caret below the place in it."""
    line, column = place
    lines = text.split("\n")
    return base.pointed(f"{message} (column {column})", lines[min(line, len(lines)) - 1], column)


class _Misplaced(Exception):
    def __init__(self, message: str, place: t.Place) -> None:
        super().__init__(message)
        self.place = place


def _told(error: UnexpectedInput, text: str, file: str) -> SuiteError:
    if isinstance(error, UnexpectedCharacters):
        place = (error.line, error.column)
        if error.char == '"':
            said = "no DQDL: the text is not closed"
        else:
            said = f"no DQDL: {error.char!r} is not expected here"
        return located(said, text, file, place)
    assert isinstance(error, UnexpectedToken)
    token = error.token
    if token.type == "$END":
        lines = text.rstrip().split("\n")
        place = (len(lines), len(lines[-1]) + 1)
        found = "the text ends here"
    else:
        place, found = _at(token), f'"{_shown(token)}" is not expected here'
    words = dict.fromkeys(_SAID.get(name, name.lower()) for name in sorted(error.expected))
    near = nearest(str(token), words) if token.type == "IDENT" else _misspelt(text, place)
    return located(f"no DQDL: {found}{near or f'; expected is {_listed(list(words))}'}", text, file, place)


def _misspelt(text: str, place: t.Place) -> str:
    """The word before, where it was taken for a name and is near to one that means something."""
    before = text.split("\n")[place[0] - 1][: place[1] - 1].split()
    return nearest(before[-1], WORDS) if before and before[-1] not in WORDS else ""


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _shown(token: Token) -> str:
    return str(token) if len(token) <= 40 else f"{token[:40]}..."


@cache
def _lark() -> Lark:
    grammar = GRAMMAR.read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", postlex=_Tokens(), maybe_placeholders=True)


def _at(token: Token) -> t.Place:
    return (token.line or 1, token.column or 1)


class _Tokens:
    """Which `and` is meant, what a unit is, where a minus subtracts; and no deeper than DEEPEST."""

    always_accept = ("AND",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        tokens = list(_minus(stream))
        depth, operators, range_open = 0, 0, False
        for n, token in enumerate(tokens):
            after = tokens[n + 1] if n + 1 < len(tokens) else None
            if token.type in ("LPAR", "LSQB", "LBRACE"):
                depth += 1
                if depth > DEEPEST:
                    raise _Misplaced(f"nested deeper than {DEEPEST} levels", _at(token))
            elif token.type in ("RPAR", "RSQB", "RBRACE"):
                depth -= 1
            elif token.type == "COMMA":
                operators = 0
            elif token.type == "OPERATOR":
                operators += 1
                if operators > DEEPEST:
                    raise _Misplaced(f"more than {DEEPEST} operators in a row", _at(token))
            elif token.type == "BETWEEN":
                range_open = True
            elif token.type == "AND":
                kind = "AND_END" if range_open else "AND_RULE" if _begins_rule(after) else "AND_PARAMETER"
                range_open = False
                token = _as(kind, token)
            elif token.type == "IDENT" and n and tokens[n - 1].type == "NUMBER":
                token = _as("UNIT", token)
            elif token.type == "IDENT" and depth == 0:
                _section(token, tokens[n + 1 : n + 4])
            yield token


def _minus(stream: Iterable[Token]) -> Iterator[Token]:
    """`last()-2` takes 2 away; `> -2` is a number."""
    before = ""
    for token in stream:
        if token.type == "NUMBER" and token.startswith("-") and before in ("NUMBER", "RPAR", "IDENT", "VARIABLE"):
            yield Token("OPERATOR", "-", line=token.line, column=token.column)
            yield Token("NUMBER", token[1:], line=token.line, column=(token.column or 1) + 1)
        else:
            yield token
        before = token.type


def _as(kind: str, token: Token) -> Token:
    return Token.new_borrow_pos(kind, token.value, token)


def _begins_rule(token: Token | None) -> bool:
    """A rule, or what was meant to be one."""
    if token is None or token.type in ("LPAR", "$END"):
        return True
    return token.type == "IDENT" and bool(token in RULES or get_close_matches(token, RULES, n=1, cutoff=0.8))


def _section(token: Token, following: Sequence[Token]) -> None:
    """A misspelt section is no variable: its list holds no texts."""
    kinds = [f.type for f in following]
    if kinds[:2] in (["EQUAL", "LSQB"], ["EQUAL", "LBRACE"]) and kinds[2:] not in (["STRING"], []):
        near = nearest(token, _SECTIONS) or f"; sections are {', '.join(_SECTIONS)}"
        raise _Misplaced(f'no section "{token}"{near}', _at(token))


def _plain(token: Any) -> str:
    """The text of a STRING: a backslash stands as it is written, as in Glue, but before a quote."""
    return str(token)[1:-1].replace('\\"', '"')


def _unescaped(text: str) -> str:
    """In lists a backslash only says that what follows it is meant."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _fault(message: str, token: Token) -> NoReturn:
    raise _Misplaced(message, _at(token))


@v_args(inline=True)
class _Reader(Transformer):  # type: ignore[type-arg]
    """Lark's tree -> ours."""

    def start(self, *parts: tuple[str, Any, Token]) -> t.Ruleset:
        found: dict[str, Any] = {}
        variables: dict[str, Any] = {}
        for kind, value, token in parts:
            if kind == "variable":
                name, given = value
                if name in variables:
                    _fault(f'the variable "{name}" is written twice', token)
                if name[0] in "._":
                    _fault(f'the variable "{name}" begins with "{name[0]}"', token)
                variables[name] = given
                continue
            if kind in found:
                _fault(f"the section {token} is written twice", token)
            found[kind] = value
        return t.Ruleset(variables=tuple(variables.items()), **found)

    def metadata(self, token: Token, _: Token, entries: Any) -> tuple[str, Any, Token]:
        return "metadata", entries, token

    def sources(self, token: Token, _: Token, entries: Any) -> tuple[str, Any, Token]:
        return "sources", entries, token

    def defaults(self, token: Token, _: Token, pairs: Any) -> tuple[str, Any, Token]:
        return "labels", pairs, token

    def rules(self, token: Token, _: Token, *items: t.Item | None) -> tuple[str, Any, Token]:
        return "rules", tuple(i for i in items if i is not None), token

    def analyzers(self, token: Token, _: Token, *items: t.Rule | None) -> tuple[str, Any, Token]:
        return "analyzers", tuple(i for i in items if i is not None), token

    def variable(self, name: Token, _: Token, value: Any) -> tuple[str, Any, Token]:
        return "variable", (str(name), _plain(value) if isinstance(value, Token) else value), name

    def dict(self, *entries: tuple[Token, Any] | None) -> tuple[tuple[str, Any], ...]:
        found: dict[str, Any] = {}
        for entry in entries:
            if entry is not None:
                key = _plain(entry[0])
                if key in found:
                    _fault(f'the key "{key}" is written twice', entry[0])
                found[key] = entry[1]
        return tuple(found.items())

    def entry(self, key: Token, value: Any) -> tuple[Token, Any]:
        return key, _plain(value) if isinstance(value, Token) else value

    def strings(self, *values: Token) -> tuple[str, ...]:
        return tuple(map(_plain, values))

    def pairs(self, *found: tuple[str, str]) -> tuple[tuple[str, str], ...]:
        return found

    def pair(self, key: Token, _: Token, value: Token) -> tuple[str, str]:
        return _plain(key), _plain(value)

    def any_of(self, *parts: Any) -> t.Item:
        return _joined("or", parts)

    def all_of(self, *parts: Any) -> t.Item:
        return _joined("and", parts)

    def group(self, item: t.Item, _: Token | None, __: Token | None, labels: Any) -> t.Item:
        """Parentheses are kept where they hold labels; else the tree says how rules are joined."""
        if not labels:
            return item
        if isinstance(item, t.Group) and not item.labels:
            return t.Group(item.op, item.items, labels, item.place)
        return t.Group("and", (item,), labels, item.place)

    def rule(self, name: Token, *parts: Any) -> t.Rule:
        parameters, tags = [], []
        given: dict[str, Any] = {}
        for part in parts:
            match part:
                case "parameter", value:
                    parameters.append(value)
                case t.Condition():
                    given["condition"] = part
                case t.Tag():
                    tags.append(part)
                case ("where" | "labels") as kind, value, token:
                    if kind in given:
                        _fault(f"{kind} is written twice", token)
                    given[kind] = value
        return t.Rule(str(name), tuple(parameters), tags=tuple(tags), place=_at(name), **given)

    def parameter(self, _: Token | None, value: Token) -> tuple[str, t.Text | t.Variable]:
        return "parameter", _text_or_variable(value)

    def where(self, token: Token, value: Token) -> tuple[str, Any, Token]:
        return "where", _text_or_variable(value), token

    def labels(self, token: Token, _: Token, pairs: Any) -> tuple[str, Any, Token]:
        return "labels", pairs, token

    def tag(self, _: Token, name: Token, *value: Any) -> t.Tag:
        return t.Tag(str(name), value[-1], _at(name))

    def compared(self, op: Token, operand: t.Operand) -> t.Condition:
        return t.Condition(str(op), (operand,), place=_at(op))  # type: ignore[arg-type]

    def between(self, no: Token | None, op: Token, low: t.Operand, _: Token, high: t.Operand) -> t.Condition:
        return t.Condition("between", (low, high), no is not None, _at(no or op))

    def member(self, no: Token | None, op: Token, values: Any) -> t.Condition:
        listed = values if isinstance(values, tuple) else (values,)
        meant = tuple(replace(v, value=_unescaped(v.value)) if isinstance(v, t.Text) else v for v in listed)
        return t.Condition("in", meant, no is not None, _at(no or op))

    def matches(self, no: Token | None, op: Token, pattern: Any) -> t.Condition:
        found = pattern if isinstance(pattern, t.Variable) else _text_or_variable(pattern)
        return t.Condition("matches", (found,), no is not None, _at(no or op))

    def list(self, *values: t.Operand) -> tuple[t.Operand, ...]:
        return values

    def arithmetic(self, left: t.Operand, op: Token, right: t.Operand) -> t.Arithmetic:
        return t.Arithmetic(str(op), left, right, _at(op))  # type: ignore[arg-type]

    def grouped(self, inner: t.Operand) -> t.Operand:
        return replace(inner, grouped=True) if isinstance(inner, t.Arithmetic) else inner

    def number(self, token: Token) -> t.Number:
        return t.Number(_value(token), _at(token))

    def amount(self, token: Token, unit: Token) -> t.Amount:
        return t.Amount(_value(token), str(unit), _at(token))

    def text(self, token: Token) -> t.Text:
        return t.Text(_plain(token), _at(token))

    def call(self, name: Token, *args: t.Operand | None) -> t.Called:
        return t.Called(str(name), tuple(a for a in args if a is not None), _at(name))

    def KEYWORD(self, token: Token) -> t.Keyword:  # noqa: N802  lark calls it as the token is called
        return t.Keyword(token.upper(), _at(token))  # type: ignore[arg-type]

    def VARIABLE(self, token: Token) -> t.Variable:  # noqa: N802
        return t.Variable(token[1:], _at(token))


def _text_or_variable(value: Any) -> t.Text | t.Variable:
    if isinstance(value, t.Variable):
        return value
    return t.Text(_plain(value) if value.type == "STRING" else str(value), _at(value))


def _joined(op: Any, parts: Sequence[Any]) -> t.Item:
    items = tuple(p for p in parts if not isinstance(p, Token))
    return items[0] if len(items) == 1 else t.Group(op, items, place=items[0].place)


def _value(token: Token) -> int | float:
    return float(token) if "." in token else int(token)
