"""One fault, one outcome: what is told once is not told again under another name."""

from pathlib import Path

from dq import api

CONTRACT = """
source: s
layout: "dt={date:%Y-%m-%d}"
columns: {n: {type: int64, required: true}, m: {type: int64, required: true}}
"""


def land(root: Path, text: str) -> tuple[Path, Path]:
    folder = root / "s" / "dt=2026-03-01"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text(text)
    (root / "s.yaml").write_text(CONTRACT)
    return folder, root / "s.yaml"


def test_text_that_cannot_be_read_is_no_missing_value(tmp_path: Path) -> None:
    data, suite = land(tmp_path, "n,m\n1,1\nx,2\n3,3\n")
    result = api.validate(data, suite)
    assert [r.id for r in result.judgement.reasons] == ["n.readable"]
    assert api.validate(data, suite).judgement.reasons[0].message.startswith("1 row (33 %")


def test_a_missing_value_is_still_missing(tmp_path: Path) -> None:
    data, suite = land(tmp_path, "n,m\n1,1\nx,2\n,3\n")
    result = api.validate(data, suite)
    assert [(c.id, c.failed_rows) for c in result.checks if c.status == "fail"] == [
        ("n.readable", 1),
        ("n.required", 1),
    ]


def test_path_keys_are_not_profiled(tmp_path: Path) -> None:
    data, suite = land(tmp_path, "n,m\n1,1\n")
    assert [c.path for c in api.profile(data, suite=suite).columns] == [("n",), ("m",)]
