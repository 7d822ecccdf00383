"""What is said to survive a conversion gives the same verdict before and after, on random data."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from dq import api
from dq.converting import SOME, Converted, convert
from dq.dialects import contract as ours
from dq.dialects import dqdl, gx
from dq.dialects.gx.vocabulary import KINDS
from dq.dialects.pandera.objects import suite_of
from dq.ir.check import Severity
from dq.ir.contract import Contract
from dq.ir.data import FLOATS, NUMBERS
from dq.ir.result import Status
from tests.differential.convert import draws
from tests.differential.gx import draws as gx_draws
from tests.differential.pandera import draws as pandera_draws

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dq.ir.data import Schema, Type

pytestmark = pytest.mark.filterwarnings("ignore")  # of pandera
SLICE, ALL = range(2), range(1_000, 1_400, 100)
Drawn = tuple[Any, Contract]


def of_contract(random: Random, folder: Path) -> Drawn:
    frame = pandera_draws.frame(random)
    file = folder / "drawn.yaml"
    file.write_text(draws.contract(random, frame))
    return frame, ours.load(file.read_text(), str(file))


def of_gx(random: Random, folder: Path) -> Drawn:
    frame = gx_draws.frame(random)
    asked = [gx_draws.expectation(random, k) for k in random.sample(sorted(KINDS), 14)]
    text = json.dumps({"name": "drawn", "expectations": [{"type": k, "kwargs": a} for k, a in asked]})
    return frame, Contract("drawn", gx.load(text, "drawn.json"), file="drawn.json")


def of_dqdl(random: Random, folder: Path) -> Drawn:
    """Some of the rules that have golden verdicts, on rows like those they are judged on."""
    frame = draws.rows(random)
    rules = random.sample(draws.RULES, 10)
    return frame, Contract("drawn", dqdl.load(f"Rules = [\n{','.join(rules)}\n]", "drawn.dqdl"), file="drawn.dqdl")


def of_pandera(random: Random, folder: Path) -> Drawn:
    frame = pandera_draws.frame(random)
    return frame, Contract("drawn", suite_of(pandera_draws.schema(random, frame.columns)), live=True)


def loaded(converted: Converted, to: str, folder: Path) -> Contract:
    if to == "gx":
        return Contract("drawn", gx.load(converted.text, "after.json"), file="after.json")
    file = folder / "after.yaml"
    file.write_text(converted.text)
    return ours.load(converted.text, str(file))


def differences(frame: Any, contract: Contract, to: Any, folder: Path) -> list[str]:
    """Of every check that was kept: whether it lets the frame through, before and after. Of what was kept in part, the
    parts let through at least what the whole did."""
    converted = convert(contract, to)
    after = loaded(converted, to, folder)
    left, right = (api.validate(frame, c, now=draws.NOW) for c in (contract, after))
    if len(frame) == 0:  # is told by one check of each
        return [] if "promote" not in (left.verdict, right.verdict) else ["no rows were let through"]
    before_by, after_by = ({r.id: r for r in x.checks} for x in (left, right))
    landed = left.judgement.schema
    lacking = {r.column for r in left.checks if r.status is Status.FAIL and r.severity is Severity.BLOCK}
    partly = {one.name for one in converted.lost}
    parts: dict[str, list[Any]] = {}
    for one in converted.kept:
        parts.setdefault(one.before.id, []).append(one)
    found = []
    for name, ones in parts.items():
        other = any(f.name in lacking and is_other(one, f.name) for one in ones for f in one.schema.fields)
        if other or not all(fits(one.schema, landed) for one in ones):
            continue
        twins = [twin(one, after, converted.text) for one in ones]
        was, now = through(before_by.get(name)), all(through(after_by.get(t)) for t in twins)
        if was > now or (name not in partly and was < now):
            found.append(f"{name} {before_by.get(name)} {[after_by.get(t) for t in twins]}\n{ones}")
    return found


def twin(one: Any, after: Contract, text: str) -> str:
    """The id of what a check has become."""
    ids = [c.id for c in after.suite.checks if asked(c) == asked(one.after)]
    assert ids, (one.before, text)
    return ids[0]


def asked(check: Any) -> Any:
    """Of expectations 4 and 4.0 are written once."""
    arguments = json.loads(getattr(check.metric, "arguments", "null"))
    metric = check.metric if arguments is None else (check.metric.kind, arguments)
    return metric, check.bound, check.severity


def is_other(kept: Any, name: str) -> bool:
    """A check on a column that another check does not let through whole is compared only by itself."""
    return bool(kept.before.metric.name not in ("required", "column_present", "type"))


def through(result: Any) -> bool:
    return result is None or result.status in (Status.PASS, Status.SKIP)


def fits(taken: Schema, landed: Schema) -> bool:
    """Whether columns are what they were taken for; what is taken for a float may be any number."""
    found = {f.name: f.type for f in landed.fields}
    return all(_fits(f.type, found.get(f.name)) for f in taken.fields)


def _fits(taken: Type, landed: Type | None) -> bool:
    if landed is None:
        return False
    same = landed.kind is taken.kind and bool(landed.zone) is bool(taken.zone)
    return same or (taken.kind in FLOATS and landed.kind in NUMBERS)


DRAWN: dict[str, tuple[Callable[[Random, Path], Drawn], str]] = {
    "contract-gx": (of_contract, "gx"), "gx-contract": (of_gx, "contract"),
    "dqdl-contract": (of_dqdl, "contract"), "dqdl-gx": (of_dqdl, "gx"),
    "pandera-contract": (of_pandera, "contract"), "pandera-gx": (of_pandera, "gx"),
}  # fmt: skip


def compare(seed: int, way: str, folder: Path) -> None:
    draw, to = DRAWN[way]
    random = Random(seed)
    assert differences(*draw(random, folder), to, folder) == [], seed


@pytest.mark.parametrize("way", DRAWN)
@pytest.mark.parametrize("seed", SLICE)
def test_a_slice_of_the_draws(seed: int, way: str, tmp_path: Path) -> None:
    compare(seed, way, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("way", DRAWN)
@pytest.mark.parametrize("hundred", ALL)
def test_all_draws(hundred: int, way: str, tmp_path: Path) -> None:
    for seed in range(hundred, hundred + 100):
        compare(seed, way, tmp_path)


@pytest.mark.parametrize("seed", SLICE[:1])
def test_there_and_back_a_contract_keeps_what_it_had(seed: int, tmp_path: Path) -> None:
    there_and_back(seed, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("hundred", ALL)
def test_there_and_back_in_all_draws(hundred: int, tmp_path: Path) -> None:
    for seed in range(hundred, hundred + 100):
        there_and_back(seed, tmp_path)


def there_and_back(seed: int, folder: Path) -> None:
    """What survived gives the same verdict once it is back, or is told."""
    frame, contract = of_contract(Random(seed), folder)
    suite = loaded(convert(contract, "gx"), "gx", folder)
    back = convert(suite, "contract")
    ours = [c for c in suite.suite.checks if c.bound != SOME]
    told = {k.before.id for k in back.kept} | {one.name for one in back.lost}
    assert [c.id for c in ours if c.id not in told] == []
    assert differences(frame, suite, "contract", folder) == []
