"""dq/README.md tells of every room of the house."""

import re
from pathlib import Path

import pytest

DQ = Path(__file__).parents[2] / "dq"
ROOMS = {p.stem for p in DQ.iterdir() if (p.suffix == ".py" or (p / "__init__.py").exists()) and p.stem[0] != "_"}
NO_LAYER = {"demo"}  # data


@pytest.mark.parametrize(
    ("section", "word", "left_out"), [("Layers", r"\w+", NO_LAYER), ("Rooms", r"(?<=`)\w+(?=`)", set())]
)
def test_every_room_is_on_the_map(section: str, word: str, left_out: set[str]) -> None:
    told = (DQ / "README.md").read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    assert ROOMS - set(re.findall(word, told)) == left_out
