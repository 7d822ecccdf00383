"""How reports become files."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from threading import Thread

import pytest

from dq.reports import files


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("before")
    files.write(tmp_path / "page", "after")
    assert (tmp_path / "page").read_text() == "after"
    assert os.listdir(tmp_path) == ["page"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "latest").symlink_to("pages/first")
    for text in ("one", "two"):
        files.write(tmp_path / "latest", text)
    assert (tmp_path / "pages" / "first").read_text() == "two"
    assert (tmp_path / "latest").is_symlink()


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    files.write(pipe, "said")
    reader.join(10)
    assert read == ["said"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_cannot_be_written_leaves_what_was(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("before")
    with pytest.raises(UnicodeEncodeError):
        files.write(tmp_path / "page", "after \ud800")
    assert (tmp_path / "page").read_text() == "before"
    assert os.listdir(tmp_path) == ["page"]
