"""Values that were written differently: one systematic change of spelling that turns the values of one side into the
other's. It is the cause; the differences in counts that follow from it are not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq.profile import is_null_like
from dq.words import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SHARE = 0.9  # of B's rows that the change must explain
STRANGERS = 0.1  # of B's rows that may be spelt as in A at most


@dataclass(frozen=True, slots=True)
class Relabelling:
    """`share` of B's rows whose value becomes one of A by the change; `says` goes on `every value of x in {b}`."""

    says: str
    share: float
    pairs: tuple[tuple[str, str], ...]  # value of A, value of B; most frequent first


def relabelling(a: Mapping[str, int], b: Mapping[str, int], column: str, names: tuple[str, str]) -> Relabelling | None:
    """Values with their rows; words for NULL are left out. At least two values must change alike, or one in case,
    blanks or punctuation only."""
    a = {v: n for v, n in a.items() if not is_null_like(v)}
    b = {v: n for v, n in b.items() if not is_null_like(v)}
    rows = sum(b.values())
    if not a or not rows or sum(n for v, n in b.items() if v in a) > STRANGERS * rows:
        return None
    for find in (_affixed, _respelt):
        if (found := find(a, b, column, names)) is not None and found.share >= SHARE:
            return found
    return None


def _affixed(a: Mapping[str, int], b: Mapping[str, int], column: str, names: tuple[str, str]) -> Relabelling | None:
    """One and the same text before or behind every value, gained or lost. A lost one is a gained one seen from B."""
    candidates: list[tuple[float, str, bool, bool, list[tuple[str, str]]]] = []
    for plain, marked, lost in ((a, b, False), (b, a, True)):
        for affix, behind in _affixes(plain, marked):
            pairs = [(v, v + affix if behind else affix + v) for v in plain]
            pairs = [(p, m) for p, m in pairs if m in marked]
            share = sum(b[p if lost else m] for p, m in pairs) / sum(b.values())
            if len(pairs) > 1 or (pairs and not affix.strip()):
                candidates.append((share, affix, behind, lost, pairs))
    if not candidates:
        return None
    share, affix, behind, lost, pairs = max(candidates, key=lambda c: (c[0], -len(c[1]), c[2]))
    with_it, without = (a, b) if lost else (b, a)
    here, there = names if lost else names[::-1]
    verb = "ends in" if behind else "begins with"
    has = (lambda v: v.endswith(affix)) if behind else (lambda v: v.startswith(affix))
    every, none = all(map(has, with_it)), not any(map(has, without))
    what = f"every value of `{column}`" if every else f"{_share(with_it, has)} of the values of `{column}`"
    says = f"{what} in {here} {verb} '{affix}', {'none' if none else _share(without, has)} in {there}"
    in_order = [(m, p) if lost else (p, m) for p, m in pairs]
    return Relabelling(says, share, tuple(sorted(in_order, key=lambda p: (-b[p[1]], p))))


def _affixes(plain: Mapping[str, int], marked: Mapping[str, int]) -> set[tuple[str, bool]]:
    """What the most frequent marked value has more than any plain one; True: behind it."""
    found: set[tuple[str, bool]] = set()
    for value in sorted(marked, key=lambda v: (-marked[v], v))[:3]:
        for v in plain:
            if v and v != value:
                found |= {(value[len(v) :], True)} if value.startswith(v) else set()
                found |= {(value[: -len(v)], False)} if value.endswith(v) else set()
    return found


def _share(values: Mapping[str, int], has: Callable[[str], bool]) -> str:
    return percent(sum(n for v, n in values.items() if has(v)) / sum(values.values()))


_SPELLINGS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("blanks", lambda v: " ".join(v.split())),
    ("capital and small letters", str.casefold),
    ("punctuation", lambda v: re.sub(r"[\W_]+", "", v)),
    ("letter case, blanks and punctuation", lambda v: re.sub(r"[\W_]+", "", v.casefold())),
)


def _respelt(a: Mapping[str, int], b: Mapping[str, int], column: str, names: tuple[str, str]) -> Relabelling | None:
    """The same values but for case, blanks or punctuation, where these do not make two values of a side one."""
    for what, spell in _SPELLINGS:
        known = {spell(v): v for v in a}
        if len(known) < len(a) or len({spell(v) for v in b}) < len(b):
            continue
        pairs = [(known[spell(v)], v) for v in b if known.get(spell(v), v) != v and spell(v)]
        share = sum(b[v] for _, v in pairs) / sum(b.values())
        if share >= SHARE:
            says = f"the values of `{column}` in {names[1]} are those of {names[0]} but for {what}"
            return Relabelling(says, share, tuple(sorted(pairs, key=lambda p: (-b[p[1]], p))))
    return None
