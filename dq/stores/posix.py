"""What a file system must be asked for in so many words: durable folders, renames that exchange or refuse to replace.

Whether a rename happened is read from the state, not from the error: over a network a repeated call reports failure of
what its first try did.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NOREPLACE, EXCHANGE = 1, 2
UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}
_AT_FDCWD = -100


def open_regular(path: str, flags: int) -> int:
    """Open a regular file, never through a link, and never wait for a pipe's other end."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return descriptor


def write_new(path: Path, content: bytes) -> None:
    """A new file with this content, which is durable; its name is not yet."""
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def make_folder(folder: Path) -> None:
    """Create with parents, each made durable in its own parent."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        os.mkdir(folder)
        sync_folder(folder.parent)


def sync_folder(folder: Path | str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that knows no fsync of folders
            raise
    finally:
        os.close(descriptor)


def sync_folders_below(top: Path) -> None:
    for folder, _, _ in os.walk(top, topdown=False):
        sync_folder(folder)


def link(source: Path, target: Path) -> bool:
    """Give the file a second name; False when something stands there already."""
    try:
        os.link(source, target)
    except OSError as error:
        if is_at(os.lstat(source), target):
            return True
        if isinstance(error, FileExistsError):
            return False
        raise
    return True


def rename(source: Path, target: Path, flags: int = 0) -> None:
    """rename(2), with flags renameat2(2). Raises OSError with ENOSYS or EINVAL where the system lacks the flag."""
    moving = os.lstat(source)
    try:
        if flags:
            _rename_with(source, target, flags)
        else:
            os.rename(source, target)
    except OSError:
        if not is_at(moving, target):
            raise


def is_at(found: os.stat_result, path: Path) -> bool:
    """Whether the path is this very file or folder."""
    try:
        return os.path.samestat(found, os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _rename_with(source: Path, target: Path, flags: int) -> None:
    """Python has no door to the flags."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(source))
    if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(target))
