"""What a contract agrees on beside its columns: keys into other objects, and how old data may be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dq.dialects.odcs.build import name_of
from dq.dialects.odcs.metrics import Age
from dq.dialects.odcs.times import seconds
from dq.errors import nearest
from dq.ir.check import Bound, Condition
from dq.ir.data import format_path
from dq.ir.expr import Col, Exists
from dq.metrics.consistency import References

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dq.dialects.base import Place
    from dq.dialects.odcs.build import Builder
    from dq.ir.expr import Path

_AGES = {"latency": "newest", "ly": "newest", "freshness": "newest", "retention": "oldest", "re": "oldest"}
_FULL = re.compile(r"/?schema/([A-Za-z0-9_-]+)/properties/([A-Za-z0-9_-]+(?:/properties/[A-Za-z0-9_-]+)*)")


def add_relationships(
    builder: Builder, written: Sequence[Mapping[str, Any]], place: Place, column: Path | None = None
) -> None:
    """Foreign keys: every value, or tuple of values, is one of the other object's. `column`: whose they are."""
    for n, one in enumerate(written):
        at = (*place, n)
        to = one["to"] if isinstance(one["to"], list) else [one["to"]]
        targets = [_target(builder, str(t), (*at, "to")) for t in to]
        if column is None:
            given = one["from"] if isinstance(one["from"], list) else [one["from"]]
            keys = [_own(builder, str(f), (*at, "from")) for f in given]
        else:
            keys = [column]
        if None in targets or None in keys:
            continue
        objects = {t[0] for t in targets if t}
        if len(keys) != len(targets) or len(objects) != 1:
            builder.fault((*at, "to"), "relationships: as many columns of one object are needed as there are in from")
            continue
        paths = tuple(t[1] for t in targets if t)
        (other,) = objects
        said = ", ".join(f"{other}.{format_path(p)}" for p in paths)
        metric = References(Exists(tuple(Col(k) for k in keys if k), other, paths), text=said)
        builder.add(metric, at, f"relationship to {said}", column=keys[0] if len(keys) == 1 else None)


def _target(builder: Builder, text: str, place: Place) -> tuple[str, Path] | None:
    """The data set and the column in it; an object of the contract says what its columns are called in the data."""
    if "#" in text:
        builder.fault(place, f'"{text}" is in another file: write it as object.property, and say where its data is')
        return None
    if full := _FULL.fullmatch(text):
        found = _by_ids(builder, full[1], full[2].split("/properties/"))
        if found is None:
            builder.fault(place, f'"{text}": the contract has no such ids')
        return found
    name, *rest = text.split(".")
    if not rest:
        builder.fault(place, f'"{text}" is written like object.property')
        return None
    if name not in builder.others:
        return name, tuple(rest)
    path = _path(builder.others[name], rest)
    if path is None:
        builder.fault(place, f'"{text}": {name} has no such property{nearest(rest[0], _names(builder.others[name]))}')
    return (name, path) if path else None


def _path(
    element: Mapping[str, Any], steps: Sequence[str], keys: Sequence[str] = ("name", "physicalName")
) -> Path | None:
    """By what is written under any of the keys, level by level."""
    found: list[str] = []
    for step in steps:
        inner = [p for p in element.get("properties", ()) if step in (p.get(k) for k in keys)]
        if not inner:
            return None
        element = inner[0]
        found.append(name_of(element))
    return tuple(found)


def _names(element: Mapping[str, Any]) -> Iterator[str]:
    return (str(p["name"]) for p in element.get("properties", ()))


def _by_ids(builder: Builder, identity: str, steps: Sequence[str]) -> tuple[str, Path] | None:
    named = ((n, _path(o, steps, ("id",))) for n, o in builder.others.items() if o.get("id") == identity)
    name, path = next(named, ("", None))
    return (name, path) if path else None


def _own(builder: Builder, text: str, place: Place) -> Path | None:
    """A column of this object, written with or without its name."""
    found = _target(builder, text, place) if "/" in text else None
    if found is not None:
        return found[1]
    name, _, rest = text.partition(".")
    own = {str(builder.object["name"]), builder.object.get("physicalName")}
    path = builder.paths.get(rest if name in own and rest else text)
    if path is None and "/" not in text:
        builder.fault(
            place, f'"{text}" is no property of {builder.object["name"]}{nearest(rest or text, builder.paths)}'
        )
    return path


def add_agreements(builder: Builder, written: Sequence[Mapping[str, Any]], default: str | None) -> None:
    """Latency and retention, of the elements of this object. What else is agreed on is no question to the data."""
    for n, one in enumerate(written):
        place = ("slaProperties", n)
        of: Any = _AGES.get(str(one["property"]).lower())
        if of is None:
            continue
        elements = str(one.get("element") or default or "")
        if not elements:
            builder.fault(place, f"{one['property']}: the element is missing: object.property of a date or time")
        for element in filter(None, (e.strip() for e in elements.split(","))):
            path = _element(builder, element, (*place, "element") if "element" in one else ("slaDefaultElement",))
            if path is None:
                continue
            try:
                limit = seconds(one["value"], one.get("unit"))
            except ValueError as error:
                builder.fault((*place, "unit" if "unit" in str(error) else "value"), f"{one['property']}: {error}")
                continue
            rule = f"{one['property']}: {one['value']} {one.get('unit', 'd')}"
            bound = Bound((Condition("<=", limit),))
            builder.add(Age(path, of), place, rule, column=path, bound=bound, name=str(one["property"]).lower())


def _element(builder: Builder, text: str, place: Place) -> Path | None:
    """The column, None where it is another object's."""
    name, _, rest = text.partition(".")
    own = {str(builder.object["name"]), builder.object.get("physicalName")}
    if not rest and len(builder.others) == 1:
        name, rest = str(builder.object["name"]), text
    known = {str(n): o for key, o in builder.others.items() for n in (key, o.get("physicalName")) if n}
    if name not in known:
        builder.not_run(place, text, f'"{text}": no object "{name}"{nearest(name, known)}')
        return None
    path = _path(known[name], rest.split("."))
    if path is None:
        builder.fault(place, f'"{text}": {name} has no such property{nearest(rest, _names(known[name]))}')
    return path if name in own else None
