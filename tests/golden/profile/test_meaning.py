"""What texts look like and mean: meaning.toml is editable without programming."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from dq.profile import date_formats, hide, is_null_like, mask, masks, semantic_type

CASES = tomllib.loads((Path(__file__).parent / "meaning.toml").read_text())["case"]


@pytest.mark.parametrize("case", CASES, ids=[str(c["values"]) for c in CASES])
def test_semantic_type(case: dict[str, Any]) -> None:
    found = semantic_type(zip(case["values"], case.get("counts", [1] * len(case["values"])), strict=True))
    if "name" not in case:
        assert found is None
        return
    assert found is not None
    assert (found.name, found.is_pii) == (case["name"], case.get("is_pii", False))
    assert sorted(found.formats) == sorted(case.get("formats", []))
    assert 0.9 <= found.share <= 1


def test_whole_numbers_may_be_cards() -> None:
    found = semantic_type([(4111111111111111, 3)])
    assert found is not None
    assert found.name == "card"


def test_share_is_of_rows() -> None:
    found = semantic_type([("ada@example.org", 19), ("-x-", 1)])
    assert found is not None
    assert found.share == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Braund, Mr. Owen", "Aa, Aa. Aa"),
        ("PC 17599", "A 9"),
        ("", ""),
        ("ÄÖü１２", "Aa9"),
        ("漢字", "a"),
        ("a  b", "a a"),
        ("a-" * 100, "a-" * 30),
    ],
)
def test_mask(text: str, expected: str) -> None:
    assert mask(text) == expected


def test_masks_add_up_and_leave_out_what_is_no_text() -> None:
    assert masks([("A1", 2), ("b", 3), ("B22", 4), (7, 9)]) == (("A9", 6), ("a", 3))


@pytest.mark.parametrize(
    ("text", "expected"), [("N/A", True), (" ? ", True), ("\t", True), ("nano", False), ("0", False)]
)
def test_is_null_like(text: str, expected: bool) -> None:
    assert is_null_like(text) is expected


def test_formats_are_ordered_by_rows_and_words_for_null_are_unread() -> None:
    formats, share = date_formats([("2020-01-01", 1), ("01.02.2020", 5), ("?", 2)])
    assert formats == ("%d.%m.%Y", "%Y-%m-%d")
    assert share == 0.75
    assert date_formats([]) == ((), 0.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("text 10.0.0.7 and 5", "text ••• and 5"),
        ("on 12 10.0.0.7", "on 12 •••"),
        ("card 4111 1111 1111 1111.", "card •••."),
        ("call +1 415-555-0100 now", "call ••• now"),
        ("x=4111-1111-1111-1111;", "x=•••;"),
        ("9.99 12 5", "9.99 12 5"),
    ],
)
def test_words_are_hidden_wherever_they_stand(text: str, told: str) -> None:
    assert hide(text) == told
