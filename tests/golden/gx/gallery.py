"""The gallery of Great Expectations: each core expectation asked so that it is met and so that it is not, with what GX
itself answers.

Frame and arguments are those of GX 1.24.1's own table of cases (Apache-2.0, see tests/data/ATTRIBUTION.md).
`semantics` of a case are those under which both ways end as they are called. `python -m tests.golden.gx.gallery` asks
GX anew, on pandas and on SQLite, and writes gallery.json.
"""

from __future__ import annotations

import json
import warnings
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

FILE = Path(__file__).parent / "gallery.json"
_TOLD = ("element_count", "missing_count", "unexpected_count", "observed_value", "partial_unexpected_list")
Asked = list[tuple[str, dict[str, Any]]]


def gallery() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def frame(columns: dict[str, list[Any]], semantics: str = "pandas") -> pd.DataFrame:
    """Under `sql` whole numbers are INTEGER, as the cases want them."""
    made = dict(columns)
    for name, read in (("record_date", date.fromisoformat), ("record_timestamp", datetime.fromisoformat)):
        if name in made:
            made[name] = [read(v) for v in made[name]]
    found = pd.DataFrame(made)
    whole = found.select_dtypes("int64").columns if semantics == "sql" else ()
    return found.astype(dict.fromkeys(whole, "int32"))


def asked(found: dict[str, Any], way: str) -> Asked:
    return [(c["type"], c[way]) for c in found["cases"]]


def on_pandas(found: dict[str, Any], way: str) -> list[dict[str, Any]]:
    from tests.differential.gx import oracle

    return oracle.verdicts(frame(found["gallery"]), asked(found, way))


def on_sqlite(found: dict[str, Any], way: str) -> list[dict[str, Any]]:
    from tests.differential.gx import oracle

    tables = {name: frame(found[name], "sql") for name in ("gallery", "gallery_extra_table")}
    return oracle.on_sqlite(tables, asked(found, way))


def record() -> None:
    found = gallery()
    for way in ("passing", "failing"):
        for semantics, answers in (("pandas", on_pandas(found, way)), ("sql", on_sqlite(found, way))):
            for case, answer in zip(found["cases"], answers, strict=True):
                told = {k: answer["result"][k] for k in _TOLD if k in answer["result"]}
                case["gx"].setdefault(semantics, {})[way] = {"success": bool(answer["success"]), "result": told}
    lines = ",\n".join(f"    {json.dumps(case)}" for case in found["cases"])
    tables = "".join(f'  "{n}": {json.dumps(found[n])},\n' for n in ("gallery", "gallery_extra_table"))
    FILE.write_text(f'{{\n{tables}  "cases": [\n{lines}\n  ]\n}}\n')


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    record()
