"""The temp table a partition of text is parsed into, and the view over it that engines see."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dq.engines.base import FILE, ROW, Dataset, raw
from dq.engines.duckdb.casts import cast, landing_type
from dq.engines.duckdb.connect import identifier, literal
from dq.engines.duckdb.infer import infer, looks, text_candidates
from dq.engines.duckdb.numerals import marks_of
from dq.engines.duckdb.sql import constant, type_name
from dq.ir.data import NUMBERS, TEXTS, TIMES, Field, Finding, Kind, Schema, Type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

    from dq.engines.duckdb.infer import Candidate
    from dq.ir.data import DataFile, Declared, Reading

PART = "⟨part⟩"  # index of the file
LINE = "⟨line⟩"  # stored where it does not follow from the row's place
_MANY = 100_000  # rows
_FILES = 100  # looked at one by one
_serial = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    declared: Declared | None = None
    of_kinds: bool = False  # landed values have kinds: what is no text is no string

    @property
    def typed(self) -> bool:
        """Whether a value may be none of the declared type."""
        found = self.declared.type if self.declared else None
        return found is not None and (self.of_kinds or found.kind is not Kind.STRING)


@dataclass(slots=True)
class Part:
    """A file's rows in the table, from `start` on; row `r` stands in line `r + offset`, and `jumps` (row, lines) later
    rows further down. `breaks`: its values hold ends of lines."""

    file: DataFile
    names: tuple[str, ...]
    start: int = 0
    rows: int = 0
    offset: int = 0
    jumps: list[tuple[int, int]] = field(default_factory=list)
    breaks: bool = False
    newline: str = "\n"


class Names:
    """Canonical names of landed ones, unique over all files: DuckDB knows no difference of case."""

    def __init__(self, declared: Sequence[Declared], *, of_kinds: bool = False) -> None:
        self._of_kinds = of_kinds
        self._known = {alias: d for d in declared for alias in (*d.aliases, d.name)}
        self._spelled: dict[str, str] = {}
        self.columns: dict[str, Column] = {}

    def of(self, landed: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names for a file's columns, and the landed ones that are there twice: those are numbered, `a_2`, and expected
        where that is declared. An empty name becomes `column<n>`."""
        names: dict[str, None] = {}
        twice: list[str] = []
        taken = {*map(_lower, landed)}
        numbers: dict[str, Iterator[int]] = {}
        for declared in filter(None, map(self._known.get, landed)):  # before what differs from it in case
            self._spelled.setdefault(_lower(declared.name), declared.name)
        for i, text in enumerate(landed):
            text = text or f"column{i}"
            known = self._known.get(text)
            name = known.name if known else text
            if name in names or self._spelled.setdefault(_lower(name), name) != name:
                name = self._free(name, taken, numbers.setdefault(name, itertools.count(2)))
                known = self._known.get(name)
                twice += [] if known else [text]
            names[name] = None
            taken.add(_lower(name))
            self.columns.setdefault(name, Column(name, known, self._of_kinds))
        return tuple(names), tuple(twice)

    def _free(self, name: str, taken: set[str], numbers: Iterator[int]) -> str:
        found = next(c for n in numbers if _lower(c := f"{name}_{n}") not in taken and self._fits(c))
        self._spelled[_lower(found)] = found
        return found

    def _fits(self, name: str) -> bool:
        return self._spelled.get(_lower(name), name) == name


def _lower(name: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in name)


class Table:
    """Created empty, filled file by file, then finished once."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, columns: Sequence[Column], reading: Reading, *, lined: bool = False
    ) -> None:
        self.connection = connection
        self.columns = tuple(columns)
        self.reading = reading
        self.marks = marks_of(reading)
        self.parts: list[Part] = []
        self.lined = lined
        self.stored = lined  # whether every row's line is in the table
        self.serial = next(_serial)
        self.name = f"dq_rows_{self.serial}"
        self._nulls = tuple(dict.fromkeys(("", *reading.null_values)))
        extra = [f"{identifier(PART)} INTEGER", *([f"{identifier(LINE)} BIGINT"] if lined else [])]
        typed = [(c, c.declared) for c in self.columns if c.typed and c.declared]
        kinds = {c.name: type_name(landing_type(d)) for c, d in typed}
        body = [f"{identifier(c.name)} {kinds.get(c.name, 'VARCHAR')}" for c in self.columns]
        body += [f"{identifier(raw(c.name))} VARCHAR" for c, _ in typed]
        connection.execute(f"CREATE TEMP TABLE {self.name} ({', '.join([*body, *extra])})")

    def insert(
        self,
        part: Part,
        texts: Mapping[str, str],
        source: str,
        line: str = "",
        misfits: Mapping[str, str] | None = None,
    ) -> None:
        """Append the rows of `source`; `texts` are SQL expressions over it, by canonical name, and `misfits` tell the
        rows whose text is not to be read."""
        typed = [c for c in self.columns if c.typed]
        values = {c.name: self._value(c, texts.get(c.name)) for c in self.columns}
        values |= {n: f"CASE WHEN NOT {wrong} THEN {values[n]} END" for n, wrong in (misfits or {}).items()}
        inner = ", ".join(f"{values[c.name]} AS v{i}" for i, c in enumerate(typed))
        source = f"(SELECT *, {inner} FROM {source})" if typed else source
        values |= {c.name: f"v{i}" for i, c in enumerate(typed)}
        raws = [self._raw(f"v{i}", texts.get(c.name)) for i, c in enumerate(typed)]
        part.start = sum(p.rows for p in self.parts)
        extra = [str(len(self.parts)), *([line] if self.lined else [])]
        query = f"INSERT INTO {self.name} SELECT {', '.join([*values.values(), *raws, *extra])} FROM {source}"
        done = self.connection.execute(query).fetchone()
        part.rows = int(done[0]) if done else 0
        self.parts.append(part)

    def declared(self, name: str) -> Type | None:
        found = next((c.declared for c in self.columns if c.name == name), None)
        return found.type if found else None

    def _value(self, column: Column, text: str | None) -> str:
        if text is None:
            return "NULL"
        if column.typed and column.declared and landing_type(column.declared).kind is not Kind.STRING:
            plain = self.marks.usual or landing_type(column.declared).kind not in NUMBERS
            value = cast(text if plain else self.marks.number(text), column.declared)
            return value if len(self._nulls) == 1 else f"CASE WHEN {self._present(text)} THEN {value} END"
        nulls = ", ".join(literal(n) for n in self.reading.null_values if n)
        return f"CASE WHEN {text} NOT IN ({nulls}) THEN {text} END" if nulls else text

    def _present(self, text: str) -> str:
        return f"trim({text}, ' \t') NOT IN ({', '.join(map(literal, self._nulls))})"

    def _raw(self, value: str, text: str | None) -> str:
        if text is None:
            return "NULL"
        left = f"CASE WHEN {self._present(text)} THEN {text} END"  # CASE is lazy where AND is not
        return f"CASE WHEN {value} IS NULL AND {text} IS NOT NULL THEN {left} END"

    def breaks(self, start: int, newline: str, end: int | None = None) -> int:
        """Ends of lines within the values of the rows from `start` on, before `end`."""
        rows = f"rowid >= {start}" + ("" if end is None else f" AND rowid < {end}")
        query = f"SELECT sum({self._breaks(newline)}) FROM {self.name} WHERE {rows}"
        row = self.connection.execute(query).fetchone()
        return int(row[0] or 0) if row else 0

    def lines_of(self, part: Part, places: set[int]) -> dict[int, int]:
        """The lines that these rows of the file begin in. Once finished."""
        rows = [part.start + place for place in places if place < part.rows]
        query = f"SELECT rowid, {self._line(part)} FROM {self.name} WHERE rowid IN (SELECT unnest(?::BIGINT[]))"
        return {row - part.start: line for row, line in self.connection.execute(query, [rows]).fetchall()}

    def gaps(self, part: Part, end: int, fetched: int) -> Iterator[tuple[int, int]]:
        """The line of every row of the file behind which the next begins more than a line later, and that one (`end`
        behind the last). Once finished."""
        rows = f"rowid >= {part.start} AND rowid < {part.start + part.rows}"
        lines = f"SELECT rowid AS row, {self._line(part)} AS line FROM {self.name} WHERE {rows}"
        pairs = f"SELECT line, lead(line, 1, {end}) OVER (ORDER BY row) AS following FROM ({lines})"
        self.connection.execute(f"SELECT line, following FROM ({pairs}) WHERE following - line > 1 ORDER BY line")
        while found := self.connection.fetchmany(fetched):
            yield from found

    def _line(self, part: Part) -> str:
        return identifier(LINE) if self.stored else f"rowid + {part.offset}"

    def _breaks(self, newline: str) -> str:
        texts = [identifier(raw(c.name) if c.typed else c.name) for c in self.columns]
        code = f"chr({ord(newline)})"
        counts = (f"coalesce(length({t}) - length(replace({t}, {code}, '')), 0)" for t in texts)
        return " + ".join(counts) or "0"

    def finish(
        self,
        findings: Sequence[Finding],
        dialect: Reading,
        candidates: Mapping[str, Sequence[Candidate]] | None = None,
        fixed: Mapping[str, tuple[Type, str]] | None = None,
    ) -> Dataset:
        """Infer what nobody declared (`fixed` says it for some), settle the lines, and show it as a view.

        Where no file could be opened there is none.
        """
        if not self.parts:
            self.connection.execute(f"DROP TABLE {self.name}")
            return Dataset(Schema(), findings=tuple(findings), rows=0, dialect=dialect, keys=self.reading.keys)
        fixed, candidates, texts = fixed or {}, candidates or {}, text_candidates(self.marks)
        names = [c.name for c in self.columns if not (c.declared and c.declared.type) and c.name not in fixed]
        asked = {n: candidates.get(n, texts) for n in names}
        for name in self.reading.texts & asked.keys():
            asked[name] = [c for c in asked[name] if c.type.kind not in TIMES]
        guessed = {**infer(self.connection, self.name, asked, self._nulls), **fixed}
        spare = self._spare()
        if any(p.jumps or p.breaks for p in self.parts) and not self.stored:
            self._rebuild(guessed, spare, "r.row + j.lines")
            self.stored = True
        elif any(t.kind not in (Kind.STRING, Kind.NULL) for t, _ in guessed.values()):
            self._rebuild(guessed, spare, "")
        else:
            for name in spare:
                self.connection.execute(f"ALTER TABLE {self.name} DROP COLUMN {identifier(raw(name))}")
        return self._dataset(guessed, spare, findings, dialect)

    def _spare(self) -> frozenset[str]:
        """Typed columns of a large table of which every text could be read: the empty text column is worth dropping."""
        typed = [c.name for c in self.columns if c.typed]
        if not typed or sum(p.rows for p in self.parts) < _MANY:
            return frozenset()
        query = f"SELECT {', '.join(f'count({identifier(raw(n))})' for n in typed)} FROM {self.name}"
        counts: Any = self.connection.execute(query).fetchone()
        return frozenset(n for n, count in zip(typed, counts, strict=True) if count == 0)

    def _rebuild(self, guessed: Mapping[str, tuple[Type, str]], spare: frozenset[str], line: str) -> None:
        """The same rows in the same order, with inferred columns read and lines stored."""
        values = {c.name: guessed[c.name][1] if c.name in guessed else identifier(c.name) for c in self.columns}
        body = [f"{value} AS {identifier(name)}" for name, value in values.items()]
        body += [identifier(raw(c.name)) for c in self.columns if c.typed and c.name not in spare]
        body += [identifier(PART), *([identifier(LINE)] if self.lined else [])]
        body += [f"{line} AS {identifier(LINE)}"] if line else []
        if line:
            self._create_jumps()
        source = self._source() if line else self.name
        self.connection.execute(f"CREATE TEMP TABLE {self.name}_read AS SELECT {', '.join(body)} FROM {source}")
        self.connection.execute(f"DROP TABLE {self.name}")
        if line:
            self.connection.execute(f"DROP TABLE {self.name}_jumps")
        self.name += "_read"

    def _create_jumps(self) -> None:
        """(head, lines): from this row of the file on, lines are further down by so many."""
        self.connection.execute(f"CREATE TEMP TABLE {self.name}_jumps (head BIGINT, part INTEGER, lines BIGINT)")
        for i, part in enumerate(self.parts):
            rows = [part.start + row for row, _ in part.jumps]
            lines = [n for _, n in part.jumps]
            query = f"INSERT INTO {self.name}_jumps SELECT unnest(?::BIGINT[]), {i}, unnest(?::BIGINT[])"
            self.connection.execute(query, [[part.start, *rows], [part.offset, *lines]])
            if part.breaks:
                own = self._breaks(part.newline)
                self.connection.execute(
                    f"INSERT INTO {self.name}_jumps SELECT rowid + 1, {i}, {own} FROM {self.name}"
                    f" WHERE {identifier(PART)} = {i} AND {own} > 0"
                )

    def _source(self) -> str:
        sums = (
            f"SELECT part, head, sum(sum(lines)) OVER (PARTITION BY part ORDER BY head)::BIGINT AS lines"
            f" FROM {self.name}_jumps GROUP BY part, head"
        )
        return (
            f"(SELECT *, rowid AS row FROM {self.name}) r ASOF JOIN ({sums}) j"
            f" ON r.{identifier(PART)} = j.part AND r.row >= j.head ORDER BY r.row"
        )

    def _dataset(
        self,
        guessed: Mapping[str, tuple[Type, str]],
        spare: frozenset[str],
        findings: Sequence[Finding],
        dialect: Reading,
    ) -> Dataset:
        types = {n: t for n, (t, _) in guessed.items()}
        types = {
            c.name: landing_type(c.declared) if c.declared and c.name not in types else types[c.name]
            for c in self.columns
        }
        keys = [(n, constant(v)) for n, v in self.reading.keys if _lower(n) not in {_lower(c) for c in types}]
        shown = [identifier(n) for n in types]
        shown += [f"{value.text} AS {identifier(n)}" for n, value in keys]
        raws = [c.name for c in self.columns if c.typed]
        shown += ["CAST(NULL AS VARCHAR) AS " * (n in spare) + identifier(raw(n)) for n in raws]
        shown.append(f"{self._per_file([literal(p.file.path) for p in self.parts])} AS {identifier(FILE)}")
        place = identifier(LINE) if self.stored else f"rowid + {self._per_file([str(p.offset) for p in self.parts])}"
        shown.append(f"{place} AS {identifier(ROW)}")
        view = f"dq_text_{self.serial}"
        self.connection.execute(f"CREATE TEMP VIEW {view} AS SELECT {', '.join(shown)} FROM {self.name}")
        fields = [Field(n, t) for n, t in types.items()]
        every = frozenset(guessed)
        looks = self._looks([n for n, t in types.items() if n in guessed and t.kind in TEXTS])
        own = [
            (
                p.file.path,
                Schema(
                    tuple(replace(f, type=look.get(f.name, f.type)) for f in fields if f.name in p.names),
                    every & frozenset(p.names),
                ),
            )
            for p, look in zip(self.parts, looks, strict=True)
        ]

        def closed() -> None:
            self.connection.execute(f"DROP VIEW IF EXISTS {view}; DROP TABLE IF EXISTS {self.name}")

        return Dataset(
            schema=Schema((*fields, *(Field(n, v.type) for n, v in keys)), every),
            file_schemas=tuple(own),
            findings=tuple(findings),
            rows=sum(p.rows for p in self.parts),
            dialect=dialect,
            keys=self.reading.keys,
            connection=self.connection,
            table=view,
            raw_columns=frozenset(raw(n) for n in raws),
            close=closed,
        )

    def _looks(self, names: list[str]) -> list[dict[str, Type]]:
        """What columns of text look like in each file alone, where nobody described any: whoever asks is to be told."""
        if not names or self.reading.declared or not 1 < len(self.parts) <= _FILES:
            return [{} for _ in self.parts]
        rows = [range(p.start, p.start + p.rows) for p in self.parts]
        return [looks(self.connection, self.name, names, r, self.marks, self._nulls) for r in rows]

    def _per_file(self, values: list[str]) -> str:
        """SQL for the value of the row's own file."""
        if not values:
            return "NULL"
        return values[0] if len(set(values)) == 1 else f"[{', '.join(values)}][{identifier(PART)} + 1]"
