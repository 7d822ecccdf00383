"""What Great Expectations itself says, on pandas."""

from __future__ import annotations

import functools
import logging
import tempfile
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pandas as pd


Asked: TypeAlias = list[tuple[str, dict[str, Any]]]


@functools.cache
def _gx() -> Any:
    """Imported where it is asked: it takes as long as all else that is collected, and one worker alone needs it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations.expectations.registry
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    return great_expectations


@functools.cache
def _definition() -> Any:
    context = _gx().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


def _expectation(kind: str, arguments: dict[str, Any], **more: Any) -> Any:
    return _gx().expectations.registry.get_expectation_impl(kind)(**arguments, **more)


def accepts(kind: str, arguments: dict[str, Any]) -> bool:
    """Whether GX's own model takes the arguments."""
    try:
        _expectation(kind, arguments)
    except Exception:
        return False
    return True


def judged(frame: pd.DataFrame, suite: dict[str, Any]) -> dict[str, bool]:
    """Of a suite as it is stored: success by type and number of the expectation."""
    kept = [dict(one, meta={"n": n}) for n, one in enumerate(suite["expectations"], 1)]
    loaded = _gx().ExpectationSuite(**{**suite, "expectations": kept})
    results = _definition().get_batch({"dataframe": frame}).validate(loaded).to_json_dict()["results"]
    told = [(r["expectation_config"], bool(r["success"])) for r in results]
    return {f"{config['type']} {config['meta']['n']}": success for config, success in told}


def verdicts(frame: pd.DataFrame, asked: Asked) -> list[dict[str, Any]]:
    """One result an expectation, in the order they were asked."""
    return _verdicts(_definition().get_batch({"dataframe": frame}), asked)


def on_sqlite(tables: dict[str, pd.DataFrame], asked: Asked) -> list[dict[str, Any]]:
    """The same of the first table, each in a database under its name."""
    import sqlalchemy

    with tempfile.TemporaryDirectory() as folder:
        place = f"sqlite:///{folder}/tables.db"
        engine = sqlalchemy.create_engine(place)
        for name, frame in tables.items():
            frame.to_sql(name, engine, index=False)
        engine.dispose()
        context = _gx().get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
        asset = context.data_sources.add_sqlite("tables", connection_string=place).add_table_asset(next(iter(tables)))
        return _verdicts(asset.add_batch_definition_whole_table("whole").get_batch(), asked)


def _verdicts(batch: Any, asked: Asked) -> list[dict[str, Any]]:
    suite = _gx().ExpectationSuite("drawn")
    for n, (kind, arguments) in enumerate(asked):
        suite.expectations.append(_expectation(kind, arguments, meta={"n": n}))
    found = batch.validate(suite, result_format="COMPLETE").to_json_dict()["results"]
    return sorted(found, key=lambda r: r["expectation_config"]["meta"]["n"])
