"""A guess at the dialect of a file nobody has described. It is shown, never applied where a contract speaks."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from dq.engines.duckdb.landed import marked, peek
from dq.engines.duckdb.numerals import proposed
from dq.ir.data import DataFile

if TYPE_CHECKING:
    from dq.ir.data import Reading

DELIMITERS = (",", "\t", ";", "|")
EXCEL = re.compile(r'\s*"?sep=([^\r\n"])"?(?:\r\n|\n|\r)', re.IGNORECASE)  # a first line for Excel only
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_ABOVE = 10  # lines that may stand above a header
_RECORDS = 50  # looked at
_LINED = 0.9  # of them have as many fields, where nothing but the content says that it is CSV
_DATA = re.compile(
    r"\s*([+-]?[\d.,]*\d[\d.,]*%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*|nan|null|true|false|\?)\s*", re.IGNORECASE
)


def propose(head: bytes, reading: Reading) -> Reading:
    """`reading` with encoding, delimiter, quote, lines above the header, header and marks of numbers as a file's
    beginning suggests them."""
    encoding = marked(head) or _encoding(head, reading.encoding)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head).removeprefix("\ufeff")
    said = EXCEL.match(text)
    text = text[said.end() :] if said else text
    quote = "'" if '"' not in text and re.search(r"(^|[,;\t|])'[^'\n]*'([,;\t|\r\n]|$)", text) else reading.quote
    delimiter = said[1] if said else _delimiter(text, quote, reading.escape)
    above = _above(text, delimiter, quote, reading.escape)
    rows = records(text[above:], delimiter, quote, reading.escape)
    header = not (rows and looks_like_data(rows[0], rows[1:]))
    marks = proposed(rows[header:])
    return replace(
        reading, encoding=encoding, delimiter=delimiter, quote=quote, header=header, decimal=marks.decimal,
        thousands=marks.thousands, skip=len(_LINE.findall(text[:above])) - 1 if above else 0,
    )  # fmt: skip


def format_told(location: str) -> str | None:
    """The format that a file's beginning tells for certain: lines of a log, prose and lists of words are none."""
    head = peek(DataFile("", 0, location))
    if head.startswith(b"PAR1"):
        return "parquet"
    if b"\0" in head and not marked(head):
        return None
    text = codecs.getincrementaldecoder(marked(head) or _encoding(head, "utf-8"))("replace").decode(head)
    start = text.lstrip("\ufeff \t\r\n")
    if foreign(start) == "JSON":
        return "ndjson" if start[0] == "{" and start.split("\n", 1)[0].rstrip().endswith("}") else "json"
    delimiter = _delimiter(text, '"', None)
    rows = records(text, delimiter, '"', None)
    sizes = [len(fields) for fields in rows]
    common = max(set(sizes), key=sizes.count, default=0)
    if len(rows) < 3 or common < 2 or sizes.count(common) < _LINED * len(rows) or foreign(start):
        return None
    # A comma may stand before the milliseconds of every line.
    return None if common == 2 and delimiter[0] == "," and looks_like_data(rows[0], rows[1:]) else "csv"


def below(text: str, start: int, lines: int) -> int:
    """Where the text goes on below so many lines."""
    return max((end.end() for end in islice(_LINE.finditer(text, start), lines)), default=start)


def record(text: str, start: int, delimiter: str, quote: str, escape: str | None) -> tuple[list[str], int]:
    """Fields of the record at `start`, and where the next one begins. A record the text does not end is as it is."""
    fields: list[str] = []
    value: list[str] = []
    i, size, quoted, opened = start, len(text), False, False
    mark = escape or quote
    while i < size:
        char = text[i]
        if quoted:
            if char == mark and i + 1 < size and text[i + 1] in (quote, mark):
                value.append(text[i + 1])
                i += 2
                continue
            quoted = char != quote
            value.append(char if quoted else "")
        elif char in "\r\n":
            fields.append("".join(value))
            return fields, i + (2 if text.startswith("\r\n", i) else 1)
        elif text.startswith(delimiter, i):
            fields.append("".join(value))
            value, opened = [], False
            i += len(delimiter)
            continue
        elif char == quote and not opened and not "".join(value).strip(" "):
            value, quoted, opened = [], True, True
        else:
            value.append(char)
        i += 1
    return [*fields, "".join(value)], size


def records(text: str, delimiter: str, quote: str, escape: str | None) -> list[list[str]]:
    """The first records; the last one of a long text may be cut, and is left out."""
    found: list[list[str]] = []
    position = 0
    while position < len(text) and len(found) < _RECORDS:
        fields, position = record(text, position, delimiter, quote, escape)
        if fields != [""]:
            found.append(fields)
    return found[:-1] if position >= len(text) and not text.endswith(("\n", "\r")) and len(found) > 1 else found


def looks_like_data(first: list[str], rest: list[list[str]]) -> bool:
    """Whether a first record is no header: it holds numbers or dates where names would be, or one cell twice."""
    cells = [c for c in first if c.strip()]
    values = sum(_DATA.fullmatch(c) is not None for c in cells)
    if not cells:
        return True
    if values * 2 >= len(cells):
        return not _counting(first, rest)
    return values > 0 and (len(set(cells)) < len(cells) or values * 3 >= len(cells))


def _counting(first: list[str], rest: list[list[str]]) -> bool:
    """Names that are years or numbers (2019, 2020 ...) over text."""
    return (
        bool(rest) and len(set(first)) == len(first) and not any(_DATA.fullmatch(c) for row in rest for c in row if c)
    )


def _encoding(head: bytes, usual: str) -> str:
    if head[:400].count(0) * 3 > len(head[:400]):
        return "utf-16-le" if head[1:400:2].count(0) >= head[0:400:2].count(0) else "utf-16-be"
    try:
        codecs.getincrementaldecoder(usual)().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return usual


def _delimiter(text: str, quote: str, escape: str | None) -> str:
    best, score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        sizes = [len(fields) for fields in records(text, delimiter, quote, escape)]
        common = max(set(sizes), key=sizes.count, default=1)
        if common > 1 and (found := (sizes.count(common) / len(sizes), common)) > score:
            best, score = delimiter, found
    rows = records(text, best, "", None) if score[1] else []
    followed = [f.startswith(" ") for fields in rows for f in fields[1:]]
    return best + " " if followed and all(followed) else best


def _above(text: str, delimiter: str, quote: str, escape: str | None) -> int:
    """Where the header begins, if a title or remarks stand above it: the first record that has as many fields as most
    of what follows, half of them with a name."""
    rows: list[tuple[int, list[str]]] = []
    position = 0
    while position < len(text) and len(rows) < _RECORDS:
        fields, end = record(text, position, delimiter, quote, escape)
        rows.append((position, fields))
        position = end
    sizes = [len(fields) for _, fields in rows if fields != [""]]
    common = max(set(sizes), key=sizes.count, default=0)
    for at, (start, fields) in enumerate(rows[: _ABOVE + 1]):
        if len(fields) == common > 1 and sum(map(bool, map(str.strip, fields))) * 2 >= common:
            rest = [f for _, f in rows[at + 1 :] if f != [""]]
            alike = sum(len(f) == common for f in rest) >= _LINED * len(rest) > 0
            titled = any(f != [""] for _, f in rows[:at])
            return start if titled and alike and not looks_like_data(fields, rest) else 0
    return 0


def foreign(head: str) -> str | None:
    """What the text is, where it is no CSV."""
    start = head.lstrip()[:4096]
    if (start[:1] == "<" and start[1:2].isalpha()) or start.lower().startswith(("<!doctype", "<?xml", "<!--")):
        return "XML" if start.startswith("<?xml") else "HTML"
    if start[:1] in ("{", "["):
        try:
            json.JSONDecoder().raw_decode(head.lstrip())
        except ValueError:
            return "JSON" if start.startswith(('{"', '[{"')) else None
        return "JSON"
    return None
