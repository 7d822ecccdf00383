"""Runs a state machine of the Amazon States Language (JSONPath), as far as ours speaks it; what it does not know is an
error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

TaskFailed = tuple[str, str]  # error and cause


class Failed(Exception):
    """`States.TaskFailed` with its cause."""


def execute(machine: dict[str, Any], given: dict[str, Any], task: Callable[[dict[str, Any]], Any]) -> list[str]:
    """Names of the states that were entered. `task` is given the parameters of a task, and may raise Failed."""
    name, data, entered = machine["StartAt"], given, list[str]()
    while True:
        state = machine["States"][name]
        entered.append(name)
        match state["Type"]:
            case "Succeed" | "Fail":
                return entered
            case "Wait":
                name = state["Next"]
            case "Choice":
                chosen = (c["Next"] for c in state["Choices"] if _holds(c, data))
                name = next(chosen, state["Default"])
            case "Pass":
                data = _kept(state, data, state["Result"] if "Result" in state else _filled(state["Parameters"], data))
                name = state["Next"]
            case "Task":
                try:
                    data = _kept(state, data, task(_filled(state["Parameters"], data)))
                    name = state["Next"]
                except Failed as error:
                    (caught,) = state["Catch"]
                    assert caught["ErrorEquals"] == ["States.TaskFailed"]
                    data = _kept(caught, data, {"Error": "States.TaskFailed", "Cause": str(error)})
                    name = caught["Next"]
            case other:
                raise AssertionError(other)


def _kept(state: dict[str, Any], data: dict[str, Any], result: Any) -> Any:
    if "ResultPath" not in state:
        return result
    return data if state["ResultPath"] is None else data | {state["ResultPath"].removeprefix("$."): result}


def _filled(template: Any, data: dict[str, Any]) -> Any:
    if isinstance(template, list):
        return [_filled(one, data) for one in template]
    if not isinstance(template, dict):
        return template
    return {
        k.removesuffix(".$"): _value(v, data) if k.endswith(".$") else _filled(v, data) for k, v in template.items()
    }


def _value(text: str, data: dict[str, Any]) -> Any:
    if called := re.fullmatch(r"States\.(\w+)\((.*)\)", text):
        arguments = [_value(a.strip(), data) for a in called[2].split(",")]
        functions: dict[str, Callable[..., Any]] = {
            "Array": lambda *a: list(a), "MathAdd": lambda a, b: a + b, "StringToJson": json.loads
        }  # fmt: skip
        return functions[called[1]](*arguments)
    if text.startswith("$"):
        return _at(text, data)
    return text[1:-1] if text.startswith("'") else int(text)


def _at(path: str, data: Any) -> Any:
    for step in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        data = data[step[0]] if step[0] else data[int(step[1])]
    return data


def _holds(choice: dict[str, Any], data: dict[str, Any]) -> bool:
    if "And" in choice:
        return all(_holds(one, data) for one in choice["And"])
    (compared,) = choice.keys() - {"Variable", "Next"}
    try:
        found = _at(choice["Variable"], data)
    except (KeyError, IndexError):
        assert compared == "IsPresent", "a missing variable ends the execution"
        return not choice[compared]
    known = {
        "IsPresent": lambda wanted: bool(wanted),
        "NumericEquals": lambda wanted: found == wanted,
        "NumericLessThan": lambda wanted: found < wanted,
    }
    return known[compared](choice[compared])
