"""File and function budgets, names, and annotations: the house stays small."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dq").rglob("*.py"))
BANNED = {"util", "utils", "helper", "helpers", "manager", "handler", "context", "processor", "info", "misc"}
ids = [str(f.relative_to(ROOT)) for f in FILES]


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def functions(file: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = parsed(file)
    return [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_file_and_function_length(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 400
    assert {f.name: lines(f) for f in functions(file) if lines(f) > 60} == {}


def test_functions_are_short() -> None:
    lengths = sorted(lines(f) for file in FILES for f in functions(file))
    assert lengths[int(len(lengths) * 0.9)] <= 30


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_names(file: Path) -> None:
    tree = parsed(file)
    named = [n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))] + [file.stem]
    words = {w.lower() for n in named for w in re.findall(r"[A-Z]?[a-z]+", n)}
    assert not words & BANNED


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_everything_is_annotated(file: Path) -> None:
    assert [f.name for f in functions(file) if f.returns is None and f.name != "_"] == []


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_modules_and_public_classes_say_what_they_are(file: Path) -> None:
    tree = parsed(file)
    if tree.body:
        assert ast.get_docstring(tree), "no module docstring"
