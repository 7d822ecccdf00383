"""A landed text file as DuckDB can open it: plain UTF-8. It is copied only where compression or encoding ask for it."""

from __future__ import annotations

import codecs
import os
import tempfile
import zlib
from dataclasses import dataclass
from itertools import chain
from typing import IO, TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa

from dq.errors import StoreError, SuiteError
from dq.ir.data import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq.ir.data import DataFile
    from dq.ir.limits import Caps

_CHUNK = 1 << 20
_HEAD = 1 << 18  # bytes a header may take
_EXPANSION_RATIO = 500  # text that people land is not compressed better
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FOREIGN = (
    (b"PAR1", "Parquet"), (b"ARROW1", "Arrow"), (b"ORC", "ORC"), (b"Obj\x01", "Avro"), (b"SQLite format 3", "SQLite"),
    (b"PK\x03\x04", "zip or Excel"), (b"\xd0\xcf\x11\xe0", "Excel"), (b"%PDF", "PDF"), (b"\x89PNG", "PNG"),
    (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"), (b"\x1f\x8b", "gzip inside gzip"), (b"\x28\xb5\x2f\xfd", "zstd in gzip"),
)  # fmt: skip


class Cut(Exception):
    """A compressed stream that ends early or is corrupt."""


class Over(Exception):
    """More than is read. `kind` is of the finding."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Text:
    """`path` is for DuckDB to open, `head` the beginning without byte-order mark, `lines` counts ends of lines in all.

    `lines` counts a last line without an end too; `longest` are the bytes of the longest, where those are more than a
    megabyte. `newline` is the character that ends one (of CRLF the LF).
    `landed` says that DuckDB reads the landed bytes themselves, so that offsets are theirs; `made` that `path` is a
    copy or a link, to be removed.
    """

    file: DataFile
    path: str
    head: str
    lines: int
    longest: int
    newline: str
    encoding: str
    landed: bool
    made: bool
    copied: bool = False  # with LF for every end of a line
    findings: tuple[Finding, ...] = ()


def peek(file: DataFile) -> bytes:
    """The first decompressed bytes."""
    try:
        with opened(file) as stream:
            found = bytearray()
            for chunk in plain(stream, file.location):
                found += chunk
                if len(found) >= _HEAD:
                    break
    except Cut:
        pass
    return bytes(found[:_HEAD])


def marked(head: bytes) -> str | None:
    """Encoding by byte-order mark."""
    return next((name for bom, name in BOMS if head.startswith(bom)), None)


def land(file: DataFile, encoding: str, temp: str, *, kind: str, caps: Caps, copy: bool = False) -> Text | Finding:
    """The file as plain text, or the fault that leaves nothing to read: `empty_file`, `over_limit`, `line_too_long`,
    or `kind` for what is no text.

    A byte-order mark overrules `encoding`. A `copy` has no mark, and LF for every end of a line.
    Raises SuiteError for an unknown encoding, StoreError where the file cannot be opened.
    """
    try:
        return _land(file, encoding, temp, kind, caps, copy)
    except Over as over:
        return Finding(over.kind, f"{file.path}: {over}", file.path)


def _land(file: DataFile, encoding: str, temp: str, kind: str, caps: Caps, copy: bool) -> Text | Finding:
    with opened(file) as stream:
        chunks = _capped(plain(stream, file.location), file, caps, lines=kind == "not_csv")
        try:
            first = next(chunks, b"")
            if not first:
                return Finding("empty_file", f"{file.path} is empty", file.path)
            if foreign := _foreign(first):
                return Finding(kind, f"{file.path} is {foreign}", file.path)
        except Cut as cut:
            return Finding("truncated", f"{file.path}: {cut}", file.path)
        actual = marked(first) or _codec(encoding)
        if actual in ("utf-8", "ascii"):
            actual = "utf-8"
            if b"\0" in first[:4096]:
                return Finding(kind, f"{file.path} is binary: NUL byte at offset {first.index(0)}", file.path)
        in_place = actual == "utf-8" and not copy and not compression(file.location)
        head = _decoded(first[:_HEAD], actual)
        data: Iterator[bytes] = chain([first], chunks)
        if copy or actual != "utf-8":
            data = _recoded(data, actual, lines=copy, invalid="dq.clean" if kind == "not_json" else "dq.invalid")
        scan = _Scan(file.path, kind, "\r" if not copy and "\r" in head and "\n" not in head else "\n")
        if in_place:
            for _ in scan.run(data):
                pass
            path = _openable(file.location, temp)
        else:
            path = _written(scan.run(data), temp)
    return Text(
        file=file,
        path=path,
        head=head,
        lines=scan.lines,
        longest=scan.longest,
        newline=scan.newline,
        encoding=actual,
        landed=in_place,
        made=path != os.path.realpath(file.location),
        copied=copy,
        findings=tuple(scan.findings),
    )


def without_empty(findings: Iterable[Finding]) -> list[Finding]:
    """An empty file beside others is one without rows, where the format has neither header nor end."""
    return [f for f in findings if f.kind != "empty_file"]


def discard(text: Text) -> None:
    """Remove what `land` made for it."""
    if text.made:
        os.unlink(text.path)


class _Scan:
    """Counts and measures lines on the way through; ends quietly, with a finding, where a compressed stream is cut."""

    def __init__(self, path: str, kind: str, newline: str) -> None:
        self.path, self.kind, self.newline = path, kind, newline
        self.findings: list[Finding] = []
        self.lines = self.longest = 0

    def run(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        last, end, sound, held = b"", self.newline.encode(), True, 0
        try:
            for chunk in chunks:
                if sound and b"\0" in chunk:
                    line = self.lines + chunk[: chunk.index(0)].count(end) + 1
                    self.findings.append(Finding(self.kind, f"{self.path} holds a NUL byte in line {line}", self.path))
                    sound = False
                self.lines += chunk.count(end)
                whole = end in chunk
                self.longest = max(self.longest, held + (chunk.index(end) if whole else len(chunk)))
                held = len(chunk) - chunk.rindex(end) - 1 if whole else held + len(chunk)
                last = chunk or last
                yield chunk
        except Cut as cut:
            message = f"{self.path}: {cut}, after line {self.lines}"
            self.findings.append(Finding("truncated", message, self.path))
        self.lines += not last.endswith(end)


def opened(file: DataFile) -> IO[bytes]:
    try:
        return open(file.location, "rb", buffering=0)
    except OSError as error:
        raise StoreError(f"{file.path}: {error.strerror}") from error


def _codec(encoding: str) -> str:
    try:
        found = codecs.lookup(encoding)
        if not getattr(found, "_is_text_encoding", True):
            raise LookupError
    except LookupError:
        raise SuiteError(f'encoding "{encoding}" is not known') from None
    return "utf-8" if found.name == "utf-8-sig" else found.name


def _foreign(head: bytes) -> str | None:
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    return None


def compression(location: str) -> str | None:
    with open(location, "rb", buffering=0) as stream:
        magic = stream.read(4)
    return "gzip" if magic[:2] == b"\x1f\x8b" else "zstd" if magic == b"\x28\xb5\x2f\xfd" else None


def plain(stream: IO[bytes], location: str) -> Iterator[bytes]:
    """Decompressed chunks, by magic bytes and not by extension. Raises Cut."""
    match compression(location):
        case "gzip":
            yield from _gunzip(stream)
        case "zstd":
            yield from _unzstd(location)
        case _:
            while chunk := stream.read(_CHUNK):
                yield chunk


def _capped(chunks: Iterable[bytes], file: DataFile, caps: Caps, *, lines: bool) -> Iterator[bytes]:
    """The same chunks while they are no more than is read. Raises Over."""
    total = since_end = 0
    for chunk in chunks:
        total += len(chunk)
        if total > caps.text_bytes:
            raise Over("over_limit", f"more than {caps.text_bytes:,} bytes of text")
        if total > caps.expanded_bytes and total > file.bytes * _EXPANSION_RATIO:
            raise Over("over_limit", f"{file.bytes:,} bytes that stand for more than {caps.expanded_bytes:,}")
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        since_end = since_end + len(chunk) if end < 0 else len(chunk) - end - 1
        if lines and since_end > caps.line_bytes:
            raise Over("line_too_long", f"a line of more than {caps.line_bytes:,} bytes")
        yield chunk


def _gunzip(stream: IO[bytes]) -> Iterator[bytes]:
    member = zlib.decompressobj(31)
    while data := stream.read(_CHUNK):
        while data:
            if member.eof:
                if not data.strip(b"\0"):  # tapes and block devices pad
                    break
                member = zlib.decompressobj(31)
            try:
                plain = member.decompress(data, _CHUNK)
            except zlib.error:
                raise Cut("the gzip stream is corrupt") from None
            if plain:
                yield plain
            data = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise Cut("the gzip stream ends early")


def _unzstd(location: str) -> Iterator[bytes]:
    try:
        with pa.CompressedInputStream(pa.OSFile(location), "zstd") as stream:
            while chunk := stream.read(_CHUNK >> 4):  # a cut loses what was asked for with it
                yield chunk
    except (pa.ArrowException, OSError):
        raise Cut("the zstd stream is corrupt or ends early") from None


def _recoded(chunks: Iterable[bytes], encoding: str, *, lines: bool, invalid: str) -> Iterator[bytes]:
    """UTF-8 without mark; with `lines` every end of a line becomes LF. What is no text becomes a byte that is no UTF-8
    either (its record is rejected), or a control character (its JSON is malformed)."""
    decoder = codecs.getincrementaldecoder(encoding)(invalid)
    held, first = "", True
    for chunk in chain(chunks, [b""]):
        text = held + decoder.decode(chunk, final=not chunk)
        text, first = (text.removeprefix("\ufeff"), False) if first else (text, False)
        if lines:
            held = "\r" if chunk and text.endswith("\r") else ""
            text = text.removesuffix("\r") if held else text
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        yield text.encode("utf-8", "surrogateescape")


codecs.register_error("dq.invalid", lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]
codecs.register_error("dq.clean", lambda error: ("\x01", error.end))  # type: ignore[attr-defined]


def _decoded(head: bytes, encoding: str) -> str:
    return codecs.getincrementaldecoder(encoding)("replace").decode(head).removeprefix("\ufeff")


def _written(chunks: Iterable[bytes], temp: str) -> str:
    with tempfile.NamedTemporaryFile(dir=os.path.realpath(temp), suffix=".txt", delete=False) as copy:
        try:
            for chunk in chunks:
                copy.write(chunk)
        except BaseException:
            os.unlink(copy.name)
            raise
    return copy.name


def _openable(location: str, temp: str) -> str:
    """A path without the characters DuckDB takes for a pattern."""
    target = os.path.realpath(location)
    if not set(target) & set("*?[]{}"):
        return target
    link = os.path.join(os.path.realpath(temp), f"{uuid4().hex}.txt")
    os.symlink(target, link)
    return link
