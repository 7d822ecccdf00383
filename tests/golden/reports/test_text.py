"""Documents in, terminal text out: `<name>.json` beside `<name>.txt`. `table_<kind>.json` are tables, `page_*`
are for pages only."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq.reports import json as as_json
from dq.reports import keeping, status, tables, text
from dq.reports.base import UNPRINTABLE, printable, share

HERE = Path(__file__).parent
RESULTS = sorted(p.stem for p in HERE.glob("*.json") if not p.stem.startswith(("table_", "page_")))
TABLES: dict[str, Callable[[Any], str]] = {
    "table_status": partial(status.overview, faults={"broken": 'suites/broken.yaml:3: unknown key "cloumns"'}),
    "table_status_calm": partial(status.overview, faults={}),
    "table_status_one": status.detail,
    "table_status_many": status.detail,
    "table_status_lost": status.detail,
    "table_status_one_calm": status.detail,
    "table_history": status.history,
    "table_gc": lambda ds: "\n".join([*map(keeping.piece, ds), keeping.total(ds, dry=False)]),
    "table_doctor": keeping.doctor,
    "table_doctor_ill": keeping.doctor,
    "table_diff": tables.difference,
    "table_diff_none": tables.difference,
    "table_profile": tables.profile,
}


def read(name: str) -> tuple[Any, str]:
    return json.loads((HERE / f"{name}.json").read_text()), (HERE / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", RESULTS)
def test_result_as_text(name: str) -> None:
    document, expected = read(name)
    assert text.render(document) + "\n" == expected


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str) -> None:
    document, expected = read(name)
    assert TABLES[name](document) + "\n" == expected


def test_rows_and_totals() -> None:
    documents = [read(name)[0] for name in ("promoted", "promoted_with_warnings", "quarantined_revision", "held")]
    lines = [text.headline(width=14), *(text.row(d, width=14) for d in documents), text.totals(documents)]
    assert lines == [
        "PARTITION       VERDICT            ROWS  REASONS",
        "dt=2026-11-20   PROMOTE         412,003",
        "dt=2026-11-20   PROMOTE               1  7 warnings",
        "dt=2026-11-20   QUARANTINE      412,003  table.row_count, fare.range",
        "dt=2026-11-20   HOLD                  ?  table.judged",
        "4 partitions: 2 promoted, 1 quarantined, 1 held; 824,007 rows",
    ]
    unpublished = read("promoted_unpublished")[0]
    assert text.row(unpublished, with_source=True) == "trips dt=2026-11-20  UNPUBLISHED      412,003"
    assert text.totals([unpublished]).startswith("1 partition: 0 promoted, 0 quarantined, 1 not published;")


def test_provenance_names_the_person() -> None:
    document = read("promoted")[0]
    assert text.provenance(document).splitlines()[0] == "decided 2026-11-21T03:00:00+00:00 (run 0d7e58c74363)"
    said = text.provenance({**document, "by": "ada", "why": "counties\nmerged"}).splitlines()
    assert said[0] == "decided 2026-11-21T03:00:00+00:00 by ada: counties\\x0amerged (run 0d7e58c74363)"


@settings(deadline=None, derandomize=True)
@given(st.text(st.characters(), min_size=1))
def test_no_foreign_text_steers_a_terminal(foreign: str) -> None:
    document = {**read("quarantined_revision")[0], "source": foreign, "partition": foreign, "landing": foreign}
    document["reasons"] = [{"cause": "data", "id": foreign, "message": foreign, "next": foreign}]
    document["checks"][0].update(id=foreign, evidence=[{"file": foreign, "row": 1, "values": {foreign: foreign}}])
    shown = text.render(document) + text.row(document, with_source=True) + text.provenance(document)
    assert not UNPRINTABLE.search(shown.replace("\n", ""))
    steps = 1 + ("contract" in foreign)  # a step that names the contract has one behind it
    assert shown.count("\n") == 4 + steps  # two lines of reasons, the steps, two of provenance
    line = as_json.render(document)
    assert not UNPRINTABLE.search(line)
    assert json.loads(line) == document


def test_what_gc_would_remove_is_told_apart() -> None:
    documents = read("table_gc")[0]
    assert keeping.total(documents, dry=True) == "would remove 3 pieces, 1.2 GB; nothing is removed"
    assert keeping.total([], dry=False) == "nothing to remove"
    assert [keeping.size(n) for n in (0, 999, 1000, 10**15)] == ["0 bytes", "999 bytes", "1.0 KB", "1,000.0 TB"]


def test_printable_keeps_letters_of_every_language() -> None:
    assert printable("Zürich 東京 עברית 😀") == "Zürich 東京 עברית 😀"
    assert printable("a\tb\x85\u2066\udcff") == "a\\x09b\\x85\\u2066\\udcff"


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.5, "50 %"), (0.996, "99.6 %"), (0.99999, "99.9990 %"), (1e-7, "0.000010 %")],
)
def test_a_share_is_not_0_or_100_unless_it_is(ratio: float, said: str) -> None:
    assert share(ratio) == said


def test_json_refuses_what_is_no_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json.render({"x": float("nan")})
