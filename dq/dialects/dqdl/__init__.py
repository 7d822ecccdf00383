"""Rulesets in DQDL, the language of AWS Glue Data Quality: each rule becomes a check.

The README beside this file says what is decided where the language leaves it open, and what differs from Glue.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dq.dialects.base import Problems, identified
from dq.dialects.dqdl import metrics as m
from dq.dialects.dqdl import tree as t
from dq.dialects.dqdl.build import ANYTHING, NONE_FAIL, Asked, Builder, Meant
from dq.dialects.dqdl.columns import COLUMNS
from dq.dialects.dqdl.composite import Composite, Held, by_row
from dq.dialects.dqdl.datasets import DATASETS
from dq.dialects.dqdl.files import FILES
from dq.dialects.dqdl.operands import Fault, is_surprising
from dq.dialects.dqdl.parse import WORDS, parse
from dq.dialects.dqdl.printing import item as printed
from dq.dialects.dqdl.registry import RULES, hint
from dq.dialects.dqdl.where import scope
from dq.errors import SuiteError, nearest
from dq.ir.check import Bound, Check, Condition, Origin, Severity, Suite
from dq.ir.data import Reading
from dq.ir.metric import RowMetric
from dq.metrics import distribution, schema, volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dq.dialects.dqdl.registry import RuleType

__all__ = ["load", "parse"]
log = logging.getLogger("dq")
_TAGS = (
    "threshold", "format", "recentFiles", "uriRegex", "filterOrder", "failFast", "timeZone", "hashAlgorithm",
    "matchFileName",
)  # fmt: skip
_ANSWERS: dict[str, Callable[[Asked], Meant]] = COLUMNS | DATASETS | FILES
_DETECTS = "DetectAnomalies"


def load(
    text: str, file: str, *, glue_compat: bool = False, composite: Literal["column", "row"] = "column"
) -> Suite:  # fmt: skip
    """The ruleset as checks. `glue_compat`: without history `last(k)` is 0; `composite`: whether rules that are joined
    are judged by the whole, or by row. Raises SuiteError with a caret per error."""
    ruleset = parse(text, file)
    builder = Builder(text.replace("\r\n", "\n").replace("\r", "\n"), Problems(file))
    compiler = _Compiler(builder, dict(ruleset.variables), 0.0 if glue_compat else None, composite == "row")
    compiler.sections(ruleset)
    for one in ruleset.rules or ():
        compiler.item(one)
    for analyzer in ruleset.analyzers or ():
        compiler.analyzer(analyzer)
    builder.problems.settle()
    if not ruleset.rules and not ruleset.analyzers:
        raise SuiteError("no rule: the ruleset would pass everything", file=file)
    builder.require()
    builder.checks[:0] = _of_the_table(file, compiler.needs_rows)
    return identified(Suite(Path(file).stem, tuple(builder.checks), Reading(delimiter=",")))


def _of_the_table(file: str, needs_rows: bool) -> list[Check]:
    origin = Origin("dqdl", file)
    agree = Check("table.files_agree", schema.FilesAgree(), NONE_FAIL, origin=origin)
    some = Check("table.not_empty", volume.RowCount(), Bound((Condition(">", 0),)), origin=origin)
    return [some, agree] if needs_rows else [agree]


class _Compiler:
    def __init__(
        self, builder: Builder, variables: Mapping[str, str | tuple[str, ...]], none: float | None, by_row: bool
    ) -> None:
        self.builder, self.variables, self.none, self.by_row = builder, variables, none, by_row
        self.needs_rows = False

    def sections(self, ruleset: t.Ruleset) -> None:
        for entries, known in (
            (ruleset.metadata, ("Version",)),
            (ruleset.sources, ("Primary", "AdditionalDataSources")),
        ):
            for key, _ in entries:
                if key not in known:
                    self.builder.fault(
                        self.builder.place_of(key),
                        f'unknown key "{key}"{nearest(key, known)}; keys are {", ".join(known)}',
                    )
        self.labels(ruleset.labels, (1, 1))

    def labels(self, labels: Iterable[tuple[str, str]], place: t.Place) -> None:
        found = tuple(labels)
        if len(found) > 10 or any(len(k) > 128 or len(v) > 256 for k, v in found):
            self.builder.fault(place, "labels: at most 10, of keys with 128 and values with 256 characters at most")

    def item(self, item: t.Item) -> None:
        """One rule, or several joined, as one check; what is joined by `and` and looks back, as one each."""
        text = printed(item)
        try:
            if isinstance(item, t.Group) and len(item.items) == 1:
                self.labels(item.labels, item.place)
                self.item(item.items[0])
            elif isinstance(item, t.Group) and item.op == "and" and any(map(self.looks_back, item.items)):
                self.labels(item.labels, item.place)
                for one in item.items:
                    self.item(one)
            elif isinstance(item, t.Group):
                self.builder.add(self.joined(item, text), item.place, text)
            elif item.type == _DETECTS:
                self.anomalies(item, text)
            else:
                self.builder.add(self.meant(item), item.place, text)
                self.needs_rows |= "rows" in RULES[item.type].flags and (item.type != "CustomSql" or not item.condition)
        except Fault as fault:
            self.builder.fault(fault.place, str(fault))

    def looks_back(self, item: t.Item) -> bool:
        """Whether it is compared with what was before. Each number is remembered by the id of a check of its own, which
        all rules that must hold may be."""
        if isinstance(item, t.Group):
            return any(map(self.looks_back, item.items))
        return item.type == _DETECTS or bool(self.meant(item).bound.reach)

    def joined(self, group: t.Group, text: str) -> Meant:
        metric = self.rows(group, text) if self.by_row else self.whole(group, text)
        return Meant(metric, NONE_FAIL)

    def whole(self, item: t.Item, text: str) -> Any:
        """Each rule is judged by itself, then they are joined."""
        if isinstance(item, t.Group):
            self.labels(item.labels, item.place)
            return Composite(item.op, tuple(self.whole(i, printed(i)) for i in item.items), text)
        meant = self.meant(item)
        if meant.bound.reach:
            raise Fault("a rule that looks back is joined by and only: what parts were is not remembered", item.place)
        return Held(meant.metric, meant.bound, text)

    def rows(self, item: t.Item, text: str) -> RowMetric:
        """Each row is judged by all rules."""
        if isinstance(item, t.Group):
            self.labels(item.labels, item.place)
            return by_row(item.op, tuple(self.rows(i, printed(i)) for i in item.items), text)
        meant = self.meant(item)
        if not meant.rows or not isinstance(meant.metric, RowMetric):
            raise Fault(
                f"{item.type} is not judged row by row: composite rules are, as the suite is included", item.place
            )
        return meant.metric

    def meant(self, rule: t.Rule) -> Meant:
        """Raises Fault."""
        kind = self.type_of(rule)
        if kind.name == _DETECTS:
            raise Fault(f"{_DETECTS} stands by itself", rule.place)
        if rule.condition is None and kind.condition and not kind.optional:
            raise Fault(f"{kind.name} needs a condition, like > 0.9", rule.place)
        if rule.condition is not None and not kind.condition:
            raise Fault(f"{kind.name} takes no condition", rule.condition.place)
        if "observed" in kind.flags and not kind.condition:
            raise Fault(f"{kind.name} belongs under Analyzers", rule.place)
        return self.answer(kind, rule)

    def answer(self, kind: RuleType, rule: t.Rule) -> Meant:
        asked = self.asked(kind, rule)
        if rule.condition and any(map(is_surprising, rule.condition.operands)):
            said = "%s:%d: read from left to right, as Glue does, * and / do not go before + and -: %s"
            log.warning(said, self.builder.problems.file, rule.place[0], printed(rule))
        if not kind.least <= len(rule.parameters) <= kind.most:
            raise Fault(_too_many(kind, rule), rule.place)
        meant = _ANSWERS[kind.name](asked)
        if meant.bound.reach and not {"recall", "threshold"} & kind.flags:
            raise Fault(f"{kind.name} does not look back", rule.place)
        return meant

    def type_of(self, rule: t.Rule) -> RuleType:
        if rule.type not in RULES:
            raise Fault(f'no rule "{rule.type}"{nearest(rule.type, RULES)}{hint(rule.type)}', rule.place)
        return RULES[rule.type]

    def asked(self, kind: RuleType, rule: t.Rule) -> Asked:
        filled = self.filled(rule)
        self.labels(filled.labels, filled.place)
        where = threshold = None
        if isinstance(filled.where, t.Text):
            if "where" not in kind.flags:
                raise Fault(f"{kind.name} takes no where", filled.where.place)
            where = scope(filled.where)
        for tag in filled.tags:
            if tag.name != "threshold":
                if tag.name not in _TAGS and (near := nearest(tag.name, _TAGS)):
                    raise Fault(f'no tag "{tag.name}"{near}', tag.place)
                continue
            if "threshold" not in kind.flags:
                raise Fault(f"{kind.name} takes no threshold", tag.place)
            if threshold is not None:
                raise Fault("threshold is written twice", tag.place)
            if not isinstance(tag.value, t.Condition):
                raise Fault("threshold is a condition, like > 0.9", tag.place)
            threshold = tag.value
        return Asked(filled, where, threshold, self.none)

    def filled(self, rule: t.Rule) -> t.Rule:
        """With texts in place of variables."""
        where = self.text(rule.where) if rule.where else None
        tags = tuple(
            replace(tag, value=self.condition(tag.value)) if isinstance(tag.value, t.Condition) else tag
            for tag in rule.tags
        )
        condition = self.condition(rule.condition) if rule.condition else None
        parameters = tuple(map(self.text, rule.parameters))
        return replace(rule, parameters=parameters, condition=condition, where=where, tags=tags)

    def condition(self, condition: t.Condition) -> t.Condition:
        return replace(
            condition, operands=tuple(o for operand in condition.operands for o in self.values(condition, operand))
        )

    def values(self, condition: t.Condition, operand: t.Operand) -> Iterator[t.Operand]:
        if not isinstance(operand, t.Variable):
            yield operand
            return
        value = self.value(operand)
        if isinstance(value, str):
            yield t.Text(value, operand.place)
        elif condition.op != "in":
            raise Fault(f"${operand.name} is a list: it goes with in", operand.place)
        else:
            yield from (t.Text(v, operand.place) for v in value)

    def text(self, one: t.Text | t.Variable) -> t.Text:
        if isinstance(one, t.Text):
            return one
        value = self.value(one)
        if not isinstance(value, str):
            raise Fault(f"${one.name} is a list, and a text is needed", one.place)
        return t.Text(value, one.place)

    def value(self, variable: t.Variable) -> str | tuple[str, ...]:
        if variable.name not in self.variables:
            known = ", ".join(f"${v}" for v in self.variables) or "none"
            near = nearest(variable.name, self.variables)
            raise Fault(f"no variable ${variable.name}{near}; there are: {known}", variable.place)
        return self.variables[variable.name]

    def analyzer(self, rule: t.Rule) -> None:
        """What is measured and held against nothing: history remembers it."""
        try:
            if rule.condition is not None:
                raise Fault("an analyzer has no condition", rule.condition.place)
            if rule.type != "AllStatistics":  # which is what every partition's profile has
                for meant in self.observed(rule, "observed"):
                    self.builder.add(replace(meant, bound=ANYTHING), rule.place, printed(rule), Severity.WARN)
            elif self.asked(self.type_of(rule), rule) and len(rule.parameters) > 1:
                raise Fault("AllStatistics takes one column, or none", rule.place)
        except Fault as fault:
            self.builder.fault(fault.place, str(fault))

    def anomalies(self, rule: t.Rule, text: str) -> None:
        """The number of another rule, held against its own history."""
        filled = self.filled(rule)
        if not filled.parameters:
            raise Fault(f'{_DETECTS} takes a rule, like {_DETECTS} "RowCount"', rule.place)
        named, *rest = filled.parameters
        assert isinstance(named, t.Text)
        inner = t.Rule(
            named.value, tuple(rest), where=rule.where, tags=rule.tags, labels=rule.labels, place=named.place
        )
        for meant in self.observed(inner, "anomaly"):
            name = f"{meant.name or meant.metric.name}_anomaly"
            self.builder.add(replace(meant, bound=Bound((), usual=True), name=name), rule.place, text)

    def observed(self, rule: t.Rule, flag: str) -> list[Meant]:
        kind = self.type_of(rule)
        if flag not in kind.flags:
            able = ", ".join(k for k, r in RULES.items() if flag in r.flags)
            raise Fault(f"{kind.name} is not observed; these are: {able}", rule.place)
        asked = self.asked(kind, rule)
        if not kind.least <= len(rule.parameters) <= kind.most:
            raise Fault(_too_many(kind, rule), rule.place)
        if kind.name == "ColumnValues":
            ends = (distribution.Smallest, distribution.Largest)
            return [Meant(end(asked.path, asked.where), ANYTHING, asked.path) for end in ends]
        if kind.name == "ColumnLength":
            ends_of: Any = ("shortest", "longest")
            return [
                Meant(m.TextLength(asked.path, of, asked.where), ANYTHING, asked.path, f"{of}_text") for of in ends_of
            ]
        unheld = t.Condition(">=", (t.Number(0),))
        return [_ANSWERS[kind.name](replace(asked, rule=replace(asked.rule, condition=unheld)))]


def _too_many(kind: RuleType, rule: t.Rule) -> str:
    """Or too few. A rule behind one without a comma reads like more parameters."""
    names = [p.value for p in rule.parameters if isinstance(p, t.Text)]
    swallowed = next((n for n in names if n in RULES), "")
    why = f": a comma is missing before {swallowed}" if swallowed else ""
    misspelt = next(filter(None, (nearest(n, WORDS) for n in names[kind.most :])), "")
    return f"{kind.name} takes {kind.takes()}, not {len(rule.parameters)}{why or misspelt}"
