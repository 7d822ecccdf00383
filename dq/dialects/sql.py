"""SQL text as sqlglot's tree, with the place of what is wrong. Conditions only: no statement gets in."""

from __future__ import annotations

import re
from typing import Any

import sqlglot
from sqlglot import exp

from dq.dialects.base import pointed

_LONGEST = 10_000


class RuleError(ValueError):
    """A text that is no rule; `position` counts characters from 0. The message shows the place."""

    def __init__(self, message: str, text: str, position: int | None) -> None:
        self.position = position
        if position is None:
            super().__init__(message)
            return
        start = text.rfind("\n", 0, position) + 1
        super().__init__(pointed(message, text[start:].split("\n", 1)[0], position - start + 1))


def parse_sql(text: str) -> Any:
    if not text.strip():
        raise RuleError("the rule is empty", text, None)
    if len(text) > _LONGEST:
        raise RuleError(f"a rule has at most {_LONGEST:,} characters", text, None)
    try:
        return sqlglot.parse_one(text, dialect="duckdb", into=exp.Condition)
    except sqlglot.errors.ParseError as error:
        first = error.errors[0] if error.errors else {}
        found = first.get("highlight", "")
        place = len(first.get("start_context", "")) if first.get("line") == 1 else None
        raise RuleError(f'the rule cannot be read at "{found}"{_quoting(text)}', text, place) from None
    except sqlglot.errors.TokenError:
        raise RuleError("the rule cannot be read: a quote is open", text, None) from None


_OWN = frozenset({"and", "or", "not", "in", "is", "null", "like", "between", "true", "false"})
_WORDS = 20  # tried


def _quoting(text: str) -> str:
    """What to do where a column is called like a word of SQL."""
    if "`" in text:
        return ": names stand in double quotes, not in backticks"
    words = [w for w in re.finditer(r"[A-Za-z_]\w*", text) if w[0].lower() not in _OWN]
    for word in words[:_WORDS]:
        try:
            sqlglot.parse_one(
                f'{text[: word.start()]}"{word[0]}"{text[word.end() :]}', dialect="duckdb", into=exp.Condition
            )
        except sqlglot.errors.SqlglotError:
            continue
        return f': a column called {word[0]} is written "{word[0]}", with the quotes'
    return ""


def is_text(node: exp.Expression) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def called(node: exp.Expr) -> str:
    return str(node.sql_name() if isinstance(node, exp.Func) else node.key).lower()


def place_of(node: exp.Expression) -> int | None:
    """Where the node, or what it stands in, begins: positions are kept on names, literals and most functions only."""
    around: Any = node
    while around is not None:
        starts = [n.meta["start"] for n in around.walk() if "start" in n.meta]
        if starts:
            return int(min(starts))
        around = around.parent
    return None


def like_pattern(pattern: str) -> str:
    """The regular expression of a LIKE pattern: `%` is any text, `_` any character, over line ends too."""
    body = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    return f"^(?s:{body})$"
