"""Who may import whom: the layer rule and the owners of third-party libraries, read from the source."""

import ast
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dq").rglob("*.py"))

THOUGHT = {"discretion", "retry", "metrics", "plan", "evaluate", "decide", "profile", "drift", "suggest"}
EDGES = {"dialects", "engines", "stores", "reports", "adapters"}
USE_CASES = {
    "inventory",
    "files",
    "ready",
    "judge",
    "gate",
    "split",
    "spool",
    "ranges",
    "publish",
    "history",
    "audit",
    "index",
    "pretrain",
    "init",
    "layouts",
    "dirty",
    "standing",
    "past",
    "holds",
    "carry",
    "overrule",
    "sweep",
    "status",
    "due",
    "undone",
    "outbox",
}
PROTOCOLS = {"dq.engines.base", "dq.stores.base", "dq.adapters.base"}

OWNERS = {
    "duckdb": ("dq.engines.duckdb",),
    "polars": ("dq.engines.polars",),
    "pyarrow": ("dq.engines",),
    "boto3": ("dq.stores.s3", "dq.worker"),
    "pandera": ("dq.dialects.pandera",),
    "great_expectations": ("dq.engines.gx.child", "dq.docs"),
    "cleanlab": ("dq.engines.cleanlab",),
    "sklearn": ("dq.engines.cleanlab",),
    "pytest": ("dq.pytest_plugin",),
    "sqlglot": ("dq.dialects",),
    "fsspec": ("dq.engines.duckdb",),
    "lark": ("dq.dialects.dqdl",),
    "yaml": ("dq.dialects", "dq.init"),
    "jsonschema": ("dq.dialects", "dq.engines.predicates"),
    "pydantic": ("dq.config",),
    "typer": ("dq.cli",),
    "rich": ("dq.cli", "dq.reports"),
    "jinja2": ("dq.reports",),
}


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(file: Path, *, run_time_only: bool = False) -> set[str]:
    """Modules the file imports, deferred imports included; those under TYPE_CHECKING unless `run_time_only`."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if run_time_only and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(a.name for a in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(
                f"{node.module}.{a.name}" for a in node.names if (ROOT / module_path(node.module, a.name)).exists()
            )
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(file.read_text()))
    return {f for f in found if not (f in PACKAGES and any(g.startswith(f + ".") for g in found))}


def module_path(module: str, name: str) -> str:
    base = f"{module.replace('.', '/')}/{name}"
    return f"{base}.py" if (ROOT / f"{base}.py").exists() else base


PACKAGES = {module_of(f) for f in FILES if f.name == "__init__.py"}


def layer(module: str) -> int:
    room = module.split(".")[1] if "." in module else "doors"
    if room in {"ir", "errors", "words"}:
        return 0
    return 1 if room in THOUGHT else 2 if room in EDGES else 3 if room in USE_CASES else 4


def allowed(module: str, other: str) -> bool:
    mine, theirs = layer(module), layer(other)
    room, other_room = module.split(".")[1], other.split(".")[1] if "." in other else ""
    if mine == 4:
        return True
    if room == other_room:
        return True
    if mine == 3:
        return theirs <= 1 or theirs == 3 or other in PROTOCOLS
    if mine == 2:
        return theirs == 0 or (room, other_room) in {("dialects", "metrics"), ("adapters", "stores")}
    return theirs == 0 if mine == 1 and other_room not in THOUGHT else theirs <= mine


def everywhere(found: Callable[[Path], object], files: Iterable[Path] = FILES) -> dict[str, object]:
    """What breaks a rule, by module."""
    return {module_of(f): broken for f in files if (broken := found(f))}


def test_layer_rule() -> None:
    def broken(file: Path) -> list[str]:
        module = module_of(file)
        return [o for o in imports(file) if module != "dq" and o.startswith("dq.") and not allowed(module, o)]

    assert everywhere(broken) == {}


def test_third_party_owners() -> None:
    def broken(file: Path) -> list[str]:
        tops = {name.split(".")[0] for name in imports(file)} & set(OWNERS)
        return [top for top in tops if not module_of(file).startswith(OWNERS[top])]

    assert everywhere(broken) == {}


def test_language_and_thought_stand_on_the_standard_library() -> None:
    files = [f for f in FILES if layer(module_of(f)) <= 1 and f != ROOT / "dq/__init__.py"]
    assert everywhere(lambda f: {n.split(".")[0] for n in imports(f)} - sys.stdlib_module_names - {"dq"}, files) == {}


def test_thought_is_pure() -> None:
    impure = {"os", "io", "pathlib", "random", "time", "socket", "subprocess", "tempfile", "shutil", "secrets"}
    called = {"open", "print", "input", "datetime.now", "date.today"}

    def broken(file: Path) -> set[str]:
        calls = {ast.unparse(n.func) for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call)}
        return {n.split(".")[0] for n in imports(file)} & impure | calls & called

    assert everywhere(broken, [f for f in FILES if layer(module_of(f)) == 1]) == {}


def test_no_import_cycles() -> None:
    graph = {module_of(f): {i for i in imports(f, run_time_only=True) if i.startswith("dq")} for f in FILES}
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"cycle: {' -> '.join((*trail, module))}"
        if module in done:
            return
        for other in graph.get(module, ()):
            walk(other, (*trail, module))
        done.add(module)

    for module in graph:
        walk(module, ())
