"""Messages agree with their numbers."""

import polars as pl
import pytest

from dq.words import clause, counted, percent, verb
from tests.journeys.training import checked


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 classes of x are"), (1, "1 class of x is"), (1_000, "1,000 classes of x are")]
)
def test_words_agree_with_a_number(count: int, said: str) -> None:
    assert clause(count, "class", "of x", "are") == said
    assert (counted(count, "row"), verb(count, "repeat")) == (
        f"{count:,} row" + "s" * (count != 1), "repeats" if count == 1 else "repeat"
    )  # fmt: skip


def test_a_share_is_the_whole_only_where_it_is() -> None:
    shares = (0, 0.00004, 0.0063, 0.12, 0.63, 0.997, 0.9996, 1)
    assert [percent(s) for s in shares] == ["0 %", "0.004 %", "0.63 %", "12 %", "63 %", "99.7 %", "99.96 %", "100 %"]


def test_splits_of_one_row() -> None:
    one = pl.DataFrame({"a": [1.5], "label": ["x"]})
    said = [c["message"] for c in checked(one, one).checks]
    assert "1 row of test (100 %) is in train too, all features alike" in said
    assert not [text for text in said if "1 rows" in text or "1 row of test are" in text or "1 features" in text]
