"""What one judge process may use, and keys that are nobody's."""

from pathlib import Path

import pytest

from dq.config import load
from dq.errors import ConfigError


def test_a_budget_is_shared_by_jobs(tmp_path: Path) -> None:
    file = tmp_path / "dq.toml"
    file.write_text("")
    one, four = load(file, {}).limits.budget(), load(file, {"DQ_JOBS": "4"}).limits.budget()
    assert one.memory_bytes is not None
    assert four.memory_bytes == one.memory_bytes // 4
    assert one.engine_bytes is not None
    assert one.engine_bytes < one.memory_bytes


@pytest.mark.parametrize("key", ["file", "origins"])
def test_keys_of_our_own_are_unknown_ones(tmp_path: Path, key: str) -> None:
    (tmp_path / "dq.toml").write_text(f'\n{key} = "x"\n')
    with pytest.raises(ConfigError, match=rf"dq.toml:2: {key}: unknown key"):
        load(tmp_path / "dq.toml", {})
