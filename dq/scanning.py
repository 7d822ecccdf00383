"""Data of one source, read by engines and a text parser that stay warm: here, or in a process that looks like this one
(`isolation`)."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from dq import engines, split
from dq.decide import mended
from dq.discretion import marked
from dq.engines.base import Unreadable
from dq.errors import EngineError, UsageError
from dq.ir.data import Kind, alike, fits
from dq.judge import Asking, Scanned, prepare, read_by, run, scan, shape_of, sharing
from dq.opening import Engines, TextParser, open_files
from dq.others import Others
from dq.plan import plan
from dq.profile import deepen, further_questions, profile, questions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq.engines.base import Dataset
    from dq.ir.check import Suite
    from dq.ir.data import Partition, Reading, Type
    from dq.ir.limits import Budget
    from dq.ir.positions import Parts, Selection
    from dq.plan import Plan
    from dq.profile import Depth, Profile

Call = Literal["scan", "plan", "profile", "select", "part"]
Faults: TypeAlias = tuple[str, ...]  # of files that leave others readable


class Scanning(Protocol):
    """Whoever reads data. What is asked is a method of Scanner, answered wherever that lives."""

    def ask(self, call: Call, partition: Partition, suite: Suite | None, *arguments: Any) -> Any: ...

    def submit(self, partition: Partition, suite: Suite) -> Future[Scanned]:
        """A scan as something to wait for."""
        ...

    def admit(self, location: str) -> None:
        """Another folder that text may be read from."""
        ...

    def close(self) -> None: ...


class Scanner:
    """In this process. `locations` are the files and folders that text may be read from; `frame` is what a partition
    without files is."""

    def __init__(self, locations: Sequence[str], budget: Budget, asking: Asking, frame: Any = None) -> None:
        self._budget, self._asking, self._frame = budget, asking, frame
        self._engines = Engines(asking.engine, budget)
        self._others = Others(asking.referenced, budget)
        self._parser = TextParser([*locations, *self._others.locations], budget)

    def ask(self, call: Call, partition: Partition, suite: Suite | None, *arguments: Any) -> Any:
        return getattr(self, call)(partition, suite, *arguments)

    def scan(self, partition: Partition, suite: Suite) -> Scanned:
        return scan(partition, suite, lambda: self._open(partition, suite), self._asking, self._engines)

    def submit(self, partition: Partition, suite: Suite) -> Future[Scanned]:
        """Here it is done at once."""
        done: Future[Scanned] = Future()
        done.set_result(self.scan(partition, suite))
        return done

    def plan(self, partition: Partition, suite: Suite) -> tuple[Plan, Faults]:
        """How it would be scanned; nothing is computed. Raises UsageError where there is nothing to read."""
        with closing(self._open(partition, suite)) as dataset:
            faults = _faults(dataset)
            checks, _, folded = prepare(dataset, suite, self._asking)
            return sharing(checks, folded), faults

    def profile(
        self, partition: Partition, suite: Suite, depth: Depth, source: str
    ) -> tuple[Profile, Reading, Faults]:  # fmt: skip
        """The profile, and how text was read. Raises UsageError where there is nothing to read."""
        now = self._asking.now
        with closing(self._open(partition, suite)) as dataset:
            faults = (*_faults(dataset), *_disagreements(dataset))
            pii = marked(suite, dataset.landed)
            answers = self._answers(questions(dataset.landed, now, depth, pii), dataset)
            found = profile(
                source, partition.key, dataset.landed, answers, dataset.rows or 0, now, depth,
                files=max(1, len(partition.files)), bytes=partition.bytes or dataset.bytes, pii=pii,
            )  # fmt: skip
            while depth == "full" and (further := further_questions(found)) is not None:
                found = deepen(found, self._answers(further, dataset))
            return found, dataset.dialect, faults

    def _answers(self, asked: tuple[Any, ...], dataset: Dataset) -> dict[Any, Any]:
        folded = plan((), asked, shape_of(dataset), self._asking.engine)
        if dataset.reached(read_by(folded.passes)).ranged:
            folded = plan((), asked, shape_of(dataset, far=True), self._asking.engine)
        try:
            states = dict(folded.known) | run(folded.passes, dataset, self._engines)
        except Unreadable as error:
            one = error.finding
            raise UsageError(f"{one.said}; {mended(one.kind)}") from None
        return {a: states[b] for a, b in folded.bound.items()}

    def select(self, partition: Partition, suite: Suite, ids: frozenset[str], most_ratio: float) -> Selection:
        """What a split withholds. Raises Indivisible."""
        with closing(self._open(partition, suite)) as dataset:
            return split.select(suite, dataset, ids, most_ratio, self._asking, self._engines)

    def part(self, partition: Partition, _: Suite | None, selection: Selection, room: str) -> Parts:
        """Both parts, written into a folder. Raises Indivisible."""
        try:
            return split.part(partition, selection, Path(room), engines.part)
        except OSError as error:
            raise EngineError(f"{partition.key}: parting its files failed ({error.strerror})") from error

    def _open(self, partition: Partition, suite: Suite) -> Dataset:
        reading = replace(suite.reading, keys=partition.values)
        if self._frame is None:
            return self._others.join(open_files(partition.files, reading, self._budget, self._parser), suite)
        from dq.engines.frames import open_frame

        return self._others.join(open_frame(self._frame, reading), suite)

    def admit(self, location: str) -> None:
        self._parser.admit(location)

    def close(self) -> None:
        self._parser.close()
        self._engines.close()
        self._others.close()


def _disagreements(dataset: Dataset) -> Faults:
    """Columns that no type of theirs holds in all files: they are read as text, or as what most of it fits."""
    types: dict[str, dict[Type, str]] = {}
    for file, schema in dataset.file_schemas:
        for one in (f for f in schema.fields if f.type.kind is not Kind.NULL):
            types.setdefault(one.name, {}).setdefault(one.type, file)
    return tuple(
        f'column "{name}" is {", ".join(f"{t} in {file}" for t, file in list(found.items())[:5])}'
        for name, found in types.items()
        if len(found) > 1
        and not any(all(fits(t, w) or (name in dataset.schema.inferred and alike(t, w)) for t in found) for w in found)
    )


def _faults(dataset: Dataset) -> Faults:
    """Raises UsageError where there is nothing to read, or where not one row of it could be."""
    faults = tuple(f.said for f in dataset.findings)
    if not dataset.readable or dataset.rows is None or (faults and not dataset.rows):
        steps = dict.fromkeys(mended(f.kind) for f in dataset.findings)
        raise UsageError("; ".join([*faults, *steps]) or "no data")
    return faults
