"""What the repository holds: files, and nothing that only one machine has."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_link_is_tracked() -> None:
    """A tracked link would take the place of what lies at its name in every checkout: of an environment, say."""
    listed = subprocess.run(["git", "ls-files", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    links = [line.split("\t")[1] for line in listed.splitlines() if line.startswith("120000")]
    assert links == []
