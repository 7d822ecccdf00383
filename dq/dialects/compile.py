"""A contract as written and sound in shape -> `ir.contract.Contract`. What is wrong in meaning goes to `problems`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from dq.dialects.base import check_zone, identified, parse_bound, parse_seconds
from dq.dialects.suite import Located, SuiteBuilder, Written
from dq.errors import nearest
from dq.ir.check import Bound, Memory, Severity, Suite
from dq.ir.contract import Contract, Expected, Include, Ready, Version
from dq.ir.data import Reading
from dq.ir.layout import Layout, parse_layout

if TYPE_CHECKING:
    from dq.dialects.base import Document, Place, Problems
    from dq.ir.expr import Scalar


def compile_contract(document: Document, problems: Problems) -> Contract:
    """Complete where `problems` stays empty; without meaning otherwise."""
    value: dict[str, Any] = document.value
    compiler = _Compiler(document, problems)
    layout = compiler.layout()
    first, *later = compiler.written()
    suite = compiler.suite(first[1], layout)
    policy = value.get("policy", {})
    return Contract(
        source=value["source"],
        suite=suite,
        layout=value.get("layout"),
        versions=tuple(Version(start, compiler.suite(written, layout)) for start, written in later),
        ready=compiler.ready(),
        expected=compiler.expected(),
        series=compiler.series(layout),
        on_fail=policy.get("on_fail", "quarantine"),
        split_max_ratio=float(Fraction(policy.get("split_max", "5%").rstrip("%")) / 100),
        quarantine_copy=value.get("quarantine_copy", False),
        owner=value.get("owner", ""),
        includes=compiler.includes(),
        file=problems.file,
    )


class _Compiler:
    def __init__(self, document: Document, problems: Problems) -> None:
        self.document = document
        self.value: dict[str, Any] = document.value
        self.problems = problems

    def includes(self) -> tuple[Include, ...]:
        found = []
        for n, item in enumerate(self.value.get("include", [])):
            form: dict[str, Any] = {"suite": item} if isinstance(item, str) else item
            given = tuple(form.get("parameters", {}).items())
            line = self.document.line(("include", n))
            places = tuple(form.get("references", {}).items())
            semantics, plugins = form.get("semantics", "pandas"), form.get("plugins")
            compat, composite = form.get("glue_compat", False), form.get("composite", "column")
            found.append(Include(form["suite"], semantics, given, line, places, plugins, compat, composite))
        return tuple(found)

    def fault(self, place: Place, message: str) -> None:
        self.problems.add(self.document.line(place), message)

    def layout(self) -> Layout | None:
        text = self.value.get("layout")
        try:
            return parse_layout(text) if text else None
        except ValueError as error:
            self.fault(("layout",), f"layout: {error}")
            return None

    def written(self) -> list[tuple[Scalar, Written]]:
        """What holds at first, and from each version's start on."""
        ever = dict.fromkeys(
            name for part in (self.value, *self.value.get("versions", [])) for name in part.get("columns", {})
        )
        held = Written({}, (), False, 1, tuple(ever))
        found: list[tuple[Scalar, Written]] = []
        for place, part in (
            ((), self.value),
            *((("versions", n), v) for n, v in enumerate(self.value.get("versions", []))),
        ):
            held = self.merged(held, part, place)
            found.append((self.start(part["from"], place, found) if place else None, held))
        return found

    def merged(self, held: Written, part: dict[str, Any], place: Place) -> Written:
        columns = dict(held.columns)
        for name, spec in part.get("columns", {}).items():
            at = (*place, "columns", name)
            if spec is None and place:
                if columns.pop(name, None) is None:
                    self.fault(at, f'versions: no column "{name}" to drop{nearest(name, columns)}')
                continue
            cells = {k: Located(v, self.document.line((*at, k))) for k, v in (spec or {}).items()}
            own = {"description": Located("", self.document.line(at))}  # so that a column without keys has a line
            columns[name] = {**own, **columns.get(name, {}), **cells}
        checks = [*held.checks]
        for n, check in enumerate(part.get("checks", [])):
            at = (*place, "checks", n)
            spec = {k: Located(v, self.document.line((*at, k))) for k, v in check.items()}
            name = check.get("name")
            same = [i for i, c in enumerate(checks) if name and "name" in c and c["name"].value == name]
            if same and checks[same[0]] in held.checks:
                checks[same[0]] = spec
            elif same:
                self.fault((*at, "name"), f'checks: the name "{name}" is given twice')
            else:
                checks.append(spec)
        strict = part.get("strict", held.strict)
        line = self.document.line((*place, "strict")) if "strict" in part else held.strict_line
        return Written(columns, tuple(checks), strict, line, held.ever)

    def start(self, text: str, place: Place, found: list[tuple[Scalar, Written]]) -> Scalar:
        layout = self.layout()
        if not layout or not layout.timed:
            self.fault((*place, "from"), "versions need a layout with a date, such as dt={date:%Y-%m-%d}")
        try:
            start: Any = date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
        except ValueError:
            self.fault((*place, "from"), f'from: "{text}" is no date (write it like 2026-03-23)')
            return None
        before = found[-1][0]
        if isinstance(before, date) and start.isoformat() <= before.isoformat():
            self.fault((*place, "from"), f"from: {text} does not follow {before}: versions stand in order")
        return start  # type: ignore[no-any-return]

    def suite(self, written: Written, layout: Layout | None) -> Suite:
        memory = self.memory()
        builder = SuiteBuilder(written, layout.fields if layout else (), memory, self.problems)
        builder.build()
        columns = tuple(builder.columns)
        suite = Suite(
            source=self.value["source"],
            checks=tuple(builder.checks),
            reading=replace(self.reading(), declared=columns),
            columns=columns,
            optional=_flagged(written, "optional"),
            strict=written.strict,
            pii=_flagged(written, "pii"),
            samples=self.value.get("policy", {}).get("samples", "full"),
            memory=memory,
            on_fail=self.value.get("policy", {}).get("on_fail", "quarantine"),
            malformed=self.malformed(),
        )
        return identified(suite)

    def reading(self) -> Reading:
        csv, kind = self.value.get("csv"), self.value.get("format")
        if csv is None:
            return Reading(format=kind, delimiter=",")  # nothing is guessed under a contract
        if kind not in (None, "csv"):
            self.fault(("csv",), f"csv: the format is {kind}")
        if "names" in csv and csv.get("header", False):
            self.fault(("csv", "names"), "csv.names: the header names the columns; remove names, or say header: false")
        if csv.get("decimal", ".") == csv.get("thousands"):
            self.fault(("csv", "thousands"), f'csv.thousands: "{csv["thousands"]}" is the decimal mark already')
        try:
            "".encode(csv.get("encoding", "utf-8"))
        except LookupError:
            self.fault(("csv", "encoding"), f'csv.encoding: "{csv["encoding"]}" is no encoding')
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in csv.items()}
        return Reading(format="csv", **{"delimiter": ",", "header": "names" not in csv, **given})

    def malformed(self) -> Bound | None:
        given = self.value.get("malformed")
        if given is not None and self.value.get("format") == "parquet":
            self.fault(("malformed",), "malformed: the format is parquet, which has no records of text")
        try:
            return None if given is None else parse_bound(given, "rows")
        except ValueError as error:
            self.fault(("malformed",), f"malformed: {error}")
            return None

    def memory(self) -> Memory:
        changes: dict[str, Any] = dict(self.value.get("history", {}))
        for kind in {"added", "removed", "retyped", "anomaly"} & changes.keys():
            changes[kind] = None if changes[kind] in ("ignore", None) else Severity(changes[kind])
        return Memory(**changes)

    def seconds(self, place: Place, text: str) -> float:
        try:
            return parse_seconds(text)
        except ValueError as error:
            self.fault(place, f"{'.'.join(map(str, place))}: {error}")
            return 0.0

    def ready(self) -> Ready:
        ready = self.value.get("ready", {})
        quiet = self.seconds(("ready", "quiet"), ready["quiet"]) if "quiet" in ready else None
        return Ready(ready.get("marker"), quiet, ready.get("manifest"), ready.get("restore", False))

    def expected(self) -> Expected | None:
        if "expected" not in self.value:
            return None
        given = self.value["expected"]
        zone = given.get("timezone", "UTC")
        try:
            check_zone(zone)
        except ValueError as error:
            self.fault(("expected", "timezone"), f"expected.timezone: {error}")
        return Expected(self.seconds(("expected", "every"), given["every"]), given.get("by", "00:00"), zone)

    def series(self, layout: Layout | None) -> tuple[str, ...] | None:
        if "series" not in self.value:
            return None
        known = [k.name for k in layout.keys] if layout else []
        for n, name in enumerate(self.value["series"]):
            if name not in known:
                said = ", ".join(known) or "none"
                self.fault(
                    ("series", n), f'series: the layout has no key "{name}"{nearest(name, known)}; keys are {said}'
                )
        return tuple(self.value["series"])


def _flagged(written: Written, key: str) -> frozenset[str]:
    return frozenset(name for name, spec in written.columns.items() if key in spec and spec[key].value)
