"""File and function budgets, names, and annotations: the house stays small."""

import ast
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dq").rglob("*.py"))
BANNED = {"util", "utils", "helper", "helpers", "manager", "handler", "context", "processor", "info", "misc"}


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def functions(file: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = parsed(file)
    return [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def everywhere(ask: Callable[[Path], object]) -> dict[str, object]:
    """What is asked of a file, where the answer is not empty."""
    return {str(f.relative_to(ROOT)): found for f in FILES if (found := ask(f))}


def test_files_are_short() -> None:
    assert everywhere(lambda file: max(0, len(file.read_text().splitlines()) - 400)) == {}


def test_functions_are_short() -> None:
    assert everywhere(lambda file: {f.name: lines(f) for f in functions(file) if lines(f) > 60}) == {}
    lengths = sorted(lines(f) for file in FILES for f in functions(file))
    assert lengths[int(len(lengths) * 0.9)] <= 30


def test_names() -> None:
    def banned(file: Path) -> set[str]:
        defined = [n.name for n in ast.walk(parsed(file)) if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
        return {w.lower() for n in [*defined, file.stem] for w in re.findall(r"[A-Z]?[a-z]+", n)} & BANNED

    assert everywhere(banned) == {}


def test_everything_is_annotated() -> None:
    assert everywhere(lambda file: [f.name for f in functions(file) if f.returns is None and f.name != "_"]) == {}


def test_modules_say_what_they_are() -> None:
    assert everywhere(lambda file: parsed(file).body and not ast.get_docstring(parsed(file))) == {}
