"""Where suites lie: texts in a folder of a disk, or below a prefix on S3. From S3 comes data, never code."""

from __future__ import annotations

import codecs
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from dq.errors import SuiteError, UsageError, nearest, refused
from dq.opening import store
from dq.spool import is_remote
from dq.stores.s3.keys import key_of, path_of

if TYPE_CHECKING:
    from dq.stores.s3.access import Access

LARGEST_BYTES = 16 << 20
_OTHERS = (".pretrain", ".odcs", ".pandera")  # YAML that is no contract of ours
_FOLDER = "no folder of contracts (dq init PATH writes a first one)"


def read_text(place: str | Path, access: Access | None = None) -> str:
    """Raises UsageError where nothing is there, SuiteError where it is no text, StoreError where S3 does not answer."""
    try:
        content = _object(str(place), access) if is_remote(str(place)) else Path(place).read_bytes()
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        wide = content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        words = "UTF-16: save it as UTF-8" if wide else f"not UTF-8 at byte {error.start}"
        raise SuiteError(words, file=str(place)) from None
    except OSError as error:
        near = _nearest(Path(place)) if isinstance(error, FileNotFoundError) else ""
        raise UsageError(f"{place}: {refused(error)}{near}") from None


def _nearest(place: Path) -> str:
    """By the name without its ending, which all suites of a folder share."""
    others = (p.name for p in sorted(place.parent.glob(f"*{place.suffix}")) if nearest(place.stem, [p.stem]))
    return next((f' (did you mean "{name}"?)' for name in others), "")


def _object(url: str, access: Access | None) -> bytes:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    zone, path = store(f"s3://{bucket}", None, access), path_of(key)
    found = zone.stat(path) if key else None
    content: bytes | None = zone.read(path) if found and found.bytes <= LARGEST_BYTES else None
    if found is None or (content is None and found.bytes <= LARGEST_BYTES):
        raise UsageError(f"{url}: no such object")
    if content is None:
        raise UsageError(f"{url}: {found.bytes:,} bytes are no suite; at most {LARGEST_BYTES:,} are read")
    return content


def beside(place: str | Path, name: str) -> str:
    """What a suite calls `name`, counted from its own folder. Raises UsageError where it lies outside: suites say what
    is let through, and some are code: none is taken from where data lands."""
    if is_remote(str(place)):
        folder = posixpath.dirname(str(place).removeprefix("s3://"))
        found = posixpath.normpath(posixpath.join(folder, name))
        inside, target = found.startswith(f"{folder}/"), f"s3://{found}"
        folder = f"s3://{folder}"
    else:
        home, path = Path(place).parent, Path(place).parent / name
        inside, target, folder = path.resolve().is_relative_to(home.resolve()), str(path), str(home)
    if not inside:
        raise UsageError(f"{target} lies outside the folder of suites {folder}")
    return target


def named(folder: str, access: Access | None) -> list[str]:
    """Names of the contracts in the folder."""
    if is_remote(folder):
        bucket, _, prefix = folder.rstrip("/").removeprefix("s3://").partition("/")
        listed = store(f"s3://{bucket}", None, access).list(path_of(prefix) if prefix else "")
        found = [key_of(e.path).removeprefix(f"{prefix}/" if prefix else "") for e in listed]
        files = [posixpath.splitext(name) for name in found if "/" not in name]
        if not files:
            raise UsageError(f"{folder}: {_FOLDER}")
    else:
        if not Path(folder).is_dir():
            raise UsageError(f"{folder}: {_FOLDER}")
        files = [(f.stem, f.suffix) for f in Path(folder).iterdir()]
    return sorted(stem for stem, suffix in files if suffix == ".yaml" and not stem.endswith(_OTHERS))
