"""A small file that many writers replace in one order, with nothing but link, rename and unlink: no lock, no exchange.

Every state is first claimed under its number by link(2), which one writer wins; claims stay. The file itself is written
by rename from a pending name. Who writes state n first removes what is pending for older ones, and nobody goes on with
a pending name once a later claim stands: so a writer that was asleep cannot bring an old state back.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from dq.stores import posix

if TYPE_CHECKING:
    from pathlib import Path

_TRIES = 100


def swap(claims: Path, target: Path, content: bytes, expected: bytes | None) -> bool:
    """`claims` is a folder of this pointer's own, on the same file system. Raises OSError."""
    posix.make_folder(claims / "pending")
    posix.make_folder(target.parent)
    n, claimed = settle(claims, target)
    if (claimed if n else _read(target)) != expected:
        return False
    mine = claims / f".{_unique()}"
    posix.write_new(mine, content)
    try:
        won = posix.link(mine, claims / str(n + 1))
    finally:
        mine.unlink(missing_ok=True)
    settle(claims, target)
    return won


def settle(claims: Path, target: Path) -> tuple[int, bytes | None]:
    """Bring the file to the newest claimed state, whoever claimed it; its number and content."""
    for _ in range(_TRIES):
        n = _newest(claims)
        content = _read(claims / str(n)) if n else None
        if content is None or _read(target) == content:
            posix.sync_folder(target.parent)
            return n, content
        for name in os.listdir(claims / "pending"):
            if int(name.partition("-")[0]) < n:
                (claims / "pending" / name).unlink(missing_ok=True)
        mine = claims / "pending" / f"{n}-{_unique()}"
        posix.write_new(mine, content)
        posix.sync_folder(claims)
        try:
            if _newest(claims) == n:
                os.rename(mine, target)
        except FileNotFoundError:
            continue  # taken away: a later state is claimed, or the call was repeated and had succeeded
        finally:
            mine.unlink(missing_ok=True)
    raise OSError(errno.EBUSY, "others replace it all the time", str(target))


def _unique() -> str:
    return f"{os.getpid()}-{os.urandom(4).hex()}"


def _newest(claims: Path) -> int:
    return max((int(name) for name in os.listdir(claims) if name.isdecimal()), default=0)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
