"""`import dq` and `dq --help` are light: no engine and no third-party library is loaded before it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "boto3", "duckdb", "fsspec", "jinja2", "jsonschema", "lark", "numpy", "pandas", "pandera", "polars", "pyarrow",
    "pydantic", "rich", "sqlglot", "yaml",
}  # fmt: skip


def loaded(code: str) -> set[str]:
    """Modules in memory after the code ran in a bare interpreter, without those it starts with."""
    tail = "print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)"
    text = f"import sys, json; before = set(sys.modules)\n{code}\n{tail}"
    ran = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{text}"],
        capture_output=True, text=True, check=True, env=dict(os.environ),
    )  # fmt: skip
    return set(json.loads(ran.stderr.splitlines()[-1]))


def test_import_loads_the_standard_library_only() -> None:
    found = loaded("import dq")
    assert {m for m in found if m.split(".")[0] == "dq"} == {"dq"}
    assert {m.split(".")[0] for m in found} <= {"dq", *sys.stdlib_module_names}


def test_errors_cost_nothing_but_themselves() -> None:
    assert {m for m in loaded("import dq; dq.UsageError") if m.startswith("dq")} == {"dq", "dq.errors"}


def test_help_loads_no_library_but_its_own() -> None:
    found = loaded("from dq.cli import main\nmain(['--help'])")
    assert not {m.split(".")[0] for m in found} & HEAVY
    assert not [m for m in found if m.startswith(("dq.engines", "dq.dialects", "dq.api", "dq.ir"))]


@pytest.mark.parametrize("arguments", [["gate", "--help"], ["validate"]])
def test_usage_loads_no_engine(arguments: list[str]) -> None:
    found = loaded(f"from dq.cli import main\nmain({arguments!r})")
    assert not {m.split(".")[0] for m in found} & (HEAVY - {"pydantic"})  # typer checks arguments with it
    assert not [m for m in found if m.startswith(("dq.engines", "dq.dialects", "dq.api", "dq.ir"))]


def test_the_api_loads_no_engine() -> None:
    assert not {m.split(".")[0] for m in loaded("import dq; dq.validate")} & (HEAVY - {"pydantic", "rich", "typer"})


def test_a_contract_loads_no_language_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "trips.yaml").write_text("source: trips\ncolumns:\n  fare: {min: 0}\n")
    found = loaded(f"from dq.suite import load_contract\nload_contract({str(tmp_path / 'trips.yaml')!r})")
    assert not [m for m in found if m.startswith(("sqlglot", "dq.dialects.gx"))]


def test_public_names_are_sorted_and_there() -> None:
    import dq

    assert list(dq.__all__) == sorted(dq.__all__)
    assert all(getattr(dq, name) is not None for name in dq.__all__)
    assert set(dq.__all__) <= set(dir(dq))
    with pytest.raises(AttributeError, match="no attribute 'validte'"):
        dq.validte  # noqa: B018


def test_modules_do_not_hide_the_functions_of_their_name() -> None:
    code = "import dq.gate, dq.profile, dq.drift\nassert callable(dq.gate) and callable(dq.profile)\n"
    loaded(code + "from dq.gate import Wanted\nfrom dq.profile import merge\nassert callable(dq.gate)")
