"""A zone in a folder of a POSIX file system. Durable: file and folder are fsynced before anything counts as done."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dq.errors import PublishUnknown, StoreError
from dq.stores.base import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 20
_AT_FDCWD, _NOREPLACE, _EXCHANGE = -100, 1, 2
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}


class LocalStore:
    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.url = str(root)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        for entry in self._walk(prefix):
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                yield _entry(self._relative(entry.path), found)

    def irregular(self, prefix: str = "") -> Iterator[str]:
        for entry in self._walk(prefix):
            if not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                yield self._relative(entry.path)

    def _walk(self, prefix: str) -> Iterator[os.DirEntry[str]]:
        """Everything but folders, in order of path."""
        pending = [os.fspath(self._path(prefix))]
        while pending:
            try:
                with os.scandir(pending.pop()) as entries:
                    ordered = sorted(entries, key=lambda e: e.name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise _failed("list", error) from error
            pending += [e.path for e in reversed(ordered) if e.is_dir(follow_symlinks=False)]
            yield from (e for e in ordered if not e.is_dir(follow_symlinks=False))

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def _path(self, path: str) -> Path:
        """Inside the zone by construction. Raises StoreError on a path that would leave it."""
        parts = PurePosixPath(path).parts
        if any(p in ("..", "/") or "\0" in p for p in parts):
            raise StoreError(f'path "{path}" leaves the zone {self.root}')
        return self.root.joinpath(*parts)

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
            return self._path(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _failed("read", error) from error

    def digest(self, path: str) -> str:
        try:
            with open(self._path(path), "rb", opener=_no_link) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _failed("read", error) from error

    def exists(self, path: str) -> bool:
        return os.path.lexists(self._path(path))

    def put_if_absent(self, path: str, content: bytes) -> bool:
        target = self._path(path)
        temporary = target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(4).hex()}")
        try:
            _make_folder(target.parent)
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, target)
            except FileExistsError:
                return False
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(target.parent)
        except OSError as error:
            raise _failed("write", error) from error
        return True

    def copy_in(self, location: str, path: str) -> str:
        target = self._path(path)
        digest = hashlib.sha256()
        try:
            _make_folder(target.parent)
            with open(location, "rb", opener=_no_link) as source, open(target, "wb") as copy:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
        except OSError as error:
            raise _failed("copy", error) from error
        return digest.hexdigest()

    def commit(self, staged: str, target: str, superseded: str) -> None:
        source, goal, old = self._path(staged), self._path(target), self._path(superseded)
        try:
            if source.is_dir():
                for folder, _, _ in os.walk(source, topdown=False):
                    _sync_folder(Path(folder))
            _make_folder(goal.parent)
            self._swap(source, goal)
            _sync_folder(goal.parent)
            if source.exists():
                _make_folder(old.parent)
                os.rename(source, old)
                _sync_folder(old.parent)
        except OSError as error:
            if not source.exists():
                raise PublishUnknown(
                    f"commit of {goal}: {error.strerror}; the outcome is read back next time"
                ) from error
            raise _failed("commit", error) from error

    @staticmethod
    def _swap(source: Path, goal: Path) -> None:
        """`source` becomes `goal`; what stood there becomes `source`. One rename(2), never a moment without `goal`."""
        if not os.path.lexists(goal):
            try:
                return _rename(source, goal, _NOREPLACE)
            except FileExistsError:
                pass  # another gate was faster: exchange below
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                return os.rename(source, goal)
        _rename(source, goal, _EXCHANGE)

    def remove(self, path: str) -> None:
        target = self._path(path)
        try:
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
        except OSError as error:
            raise _failed("remove", error) from error

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        path = self._path(f"locks/{name}")
        try:
            _make_folder(path.parent)
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _failed("lock", error) from error
        try:
            with suppress(OSError):  # a file system without locks: the protocol is safe without
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _entry(path: str, found: os.stat_result) -> Entry:
    signature = f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}"
    return Entry(path, found.st_size, signature, found.st_mtime)


def _failed(action: str, error: OSError) -> StoreError:
    name = error.filename if isinstance(error.filename, str) else error.filename.decode() if error.filename else "zone"
    code = errno.errorcode.get(error.errno or 0, "EIO")
    return StoreError(f"cannot {action} {name}: {error.strerror} ({code})")


def _no_link(path: str, flags: int) -> int:
    """Open a regular file, never through a link, and never wait for a pipe's other end."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return descriptor


def _make_folder(folder: Path) -> None:
    """Create with parents, each made durable in its own parent."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(source: Path, target: Path, flags: int) -> None:
    """renameat2(2); Python has no door to its flags. Raises OSError with ENOSYS where the system lacks it."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(source))
    if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(target))
