"""A zone in a folder of a POSIX file system. Durable: file and folder are fsynced before anything counts as done."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import time
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dq.errors import PublishUnknown, StoreError, ZoneFault
from dq.stores import pointer, posix
from dq.stores.base import Entry, Folder, Layout, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Entries = list[os.DirEntry[str]]

_CHUNK = 1 << 20
_OF_ALL = {  # not of the one file it was met at
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ENOTCONN,
}  # fmt: skip


class LocalStore(Folder):
    """`layout` is found out where it is not given."""

    renames, at_once = True, 1

    def __init__(self, root: str | Path, layout: Layout | None = None) -> None:
        self.root = Path(root)
        self.url = str(root)
        if layout is not None:
            self.layout = layout

    @cached_property
    def layout(self) -> Layout:
        try:
            return "flat" if self._exchanges() else "generations"
        except OSError as error:
            raise _failed("try out", error) from error

    def _exchanges(self) -> bool:
        """Whether two folders change places here."""
        probe = self._path(f".dq/probe-{os.getpid()}-{os.urandom(4).hex()}")
        one, other = probe / "one", probe / "other"
        posix.make_folder(probe.parent)
        try:
            for folder in (probe, one, other, one / "mark"):
                folder.mkdir()
            posix.rename(one, other, posix.EXCHANGE)
            return (other / "mark").is_dir() and one.is_dir()
        except OSError as error:
            if error.errno not in posix.UNSUPPORTED:
                raise
            return False
        finally:
            shutil.rmtree(probe, ignore_errors=True)

    def clock(self) -> float:
        return time.time()

    def list(self, prefix: str = "") -> Iterator[Entry]:
        for entry in self._walk(prefix):
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _failed("list", error) from error
            if stat.S_ISREG(found.st_mode):
                yield _entry(self._relative(entry.path), found)

    def irregular(self, prefix: str = "") -> Iterator[str]:
        for entry in self._walk(prefix):
            if not entry.is_file(follow_symlinks=False):
                yield self._relative(entry.path)

    def _walk(self, prefix: str) -> Iterator[os.DirEntry[str]]:
        """Everything but folders, in order of path: a folder sorts as its name and a slash."""
        pending = self._entries(self._path(prefix))
        while pending:
            entry = pending.pop()
            if entry.is_dir(follow_symlinks=False):
                pending += self._entries(entry.path)
            else:
                yield entry

    def _entries(self, folder: Path | str) -> Entries:
        """Last first."""
        try:
            with os.scandir(folder) as entries:
                return sorted(
                    entries, key=lambda e: e.name + "/" * e.is_dir(follow_symlinks=False), reverse=True
                )  # fmt: skip
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _failed("list", error) from error

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def _path(self, path: str) -> Path:
        """Inside the zone by construction."""
        return self.root.joinpath(*parts_of(path, self.url))

    def stat(self, path: str) -> Entry | None:
        try:
            found = os.lstat(self._path(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _failed("stat", error) from error
        return _entry(path, found) if stat.S_ISREG(found.st_mode) else None

    def location(self, path: str) -> str:
        return str(self._path(path).absolute())

    def read(self, path: str) -> bytes | None:
        try:
            with open(self._path(path), "rb", opener=posix.open_regular) as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _failed("read", error) from error

    def digest(self, path: str) -> str:
        try:
            with open(self._path(path), "rb", opener=posix.open_regular) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _failed("read", error) from error

    def exists(self, path: str) -> bool:
        try:
            os.lstat(self._path(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _failed("stat", error) from error
        return True

    def put_if_absent(self, path: str, content: bytes) -> bool:
        target = self._path(path)
        temporary = target.with_name(f".{os.getpid()}-{os.urandom(4).hex()}")
        try:
            posix.make_folder(target.parent)
            try:
                posix.write_new(temporary, content)
                created = posix.link(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)
            posix.sync_folder(target.parent)
        except OSError as error:
            raise _failed("write", error) from error
        return created

    def takes(self, location: str) -> bool:
        return "://" not in location

    def copy_in(self, location: str, path: str, signature: str = "", judged: str = "") -> str:
        target = self._path(path)
        digest = hashlib.sha256()
        try:
            posix.make_folder(target.parent)
            with open(location, "rb", opener=posix.open_regular) as source, open(target, "wb") as copy:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
        except OSError as error:
            raise _failed("copy", error) from error
        return digest.hexdigest()

    def move(self, staged: str, target: str) -> None:
        self._visibly("move", staged, target, _place)

    def commit(self, staged: str, target: str, superseded: str) -> None:
        old, pointers = self._path(superseded), self._path(f".dq/pointers/{target}")

        def step(source: Path, goal: Path) -> None:
            if not os.path.lexists(goal):
                try:
                    return _place(source, goal, posix.NOREPLACE)
                except FileExistsError:
                    pass  # another gate was faster
            _place(source, old)
            posix.rename(old, goal, posix.EXCHANGE)
            posix.sync_folder(old.parent)
            shutil.rmtree(pointers, ignore_errors=True)

        self._visibly("commit", staged, target, step)

    def _visibly(self, action: str, staged: str, target: str, step: Callable[[Path, Path], None]) -> None:
        """Whatever goes wrong, where the staged thing is in the end says whether the step happened."""
        source, goal = self._path(staged), self._path(target)
        moving = None
        try:
            moving = os.lstat(source)
            posix.sync_folders_below(source)
            posix.make_folder(goal.parent)
            step(source, goal)
            posix.sync_folder(goal.parent)
        except OSError as error:
            with suppress(OSError):
                if moving is None or not posix.is_at(moving, goal):
                    unable = action == "commit" and error.errno in posix.UNSUPPORTED
                    raise (_unable(goal) if unable else _failed(action, error)) from error
            said = f"{action} of {goal}: {error.strerror}; whether it happened is read back next time"
            raise PublishUnknown(said) from error

    def swap(self, path: str, content: bytes, expected: bytes | None) -> bool:
        target = self._path(path)
        try:
            return pointer.swap(self._path(f".dq/pointers/{path}"), target, content, expected)
        except OSError as error:
            with suppress(OSError):
                if target.read_bytes() != content:
                    raise _failed("write", error) from error
            raise PublishUnknown(f"write {target}: {error.strerror}; read back next time") from error

    def settle(self, path: str) -> None:
        try:
            posix.sync_folder(self._path(path).parent)
        except OSError as error:
            raise _failed("write", error) from error

    def remove(self, path: str) -> None:
        target = self._path(path)
        try:
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except FileNotFoundError:
            if os.path.lexists(target):  # somebody removes it too
                self.remove(path)
        except OSError as error:
            raise _failed("remove", error) from error

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        path = self._path(f"locks/{name}")
        try:
            posix.make_folder(path.parent)
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _failed("lock", error) from error
        try:
            with suppress(OSError):  # a file system without locks: the protocol is safe without
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def is_locked(self, name: str) -> bool:
        try:
            descriptor = os.open(self._path(f"locks/{name}"), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _failed("lock", error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False  # a file system without locks
        finally:
            os.close(descriptor)
        return False


def _entry(path: str, found: os.stat_result) -> Entry:
    signature = f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}"
    return Entry(path, found.st_size, signature, found.st_mtime)


def _failed(action: str, error: OSError) -> StoreError:
    name = error.filename if isinstance(error.filename, str) else error.filename.decode() if error.filename else "zone"
    code = errno.errorcode.get(error.errno or 0, "EIO")
    kind = ZoneFault if error.errno in _OF_ALL else StoreError
    return kind(f"cannot {action} {name}: {error.strerror} ({code})")


def _unable(goal: Path) -> StoreError:
    return StoreError(f'cannot commit {goal}: layout "flat" needs a file system that can exchange folders')


def _place(source: Path, goal: Path, flags: int = 0) -> None:
    posix.make_folder(goal.parent)
    posix.rename(source, goal, flags)
