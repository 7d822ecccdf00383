"""Data Docs: results as the site that Great Expectations renders. Needs the extra `gx`, which is imported here only."""

from __future__ import annotations

import logging
import warnings
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq.errors import UsageError
from dq.ir.layout import file_name

if TYPE_CHECKING:
    from collections.abc import Mapping


def add(result: Mapping[str, Any], folder: str, partition: str, run_id: str) -> tuple[str, list[str]]:
    """Add the result of a suite to the site in the folder, which is made if need be; its results lie in `results`.
    The page, and the types of expectations that it leaves out: those whose classes are the suite's own.

    Raises UsageError without the extra, and where the folder cannot be written.
    """
    if find_spec("great_expectations") is None:
        raise UsageError("--data-docs: Great Expectations renders them; install the extra: pip install 'dq-gate[gx]'")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _rendered(result, Path(folder).absolute(), partition, run_id)
    except OSError as error:
        raise UsageError(f"--data-docs {folder}: {error.strerror}") from None


def _rendered(result: Mapping[str, Any], site: Path, partition: str, run_id: str) -> tuple[str, list[str]]:
    import great_expectations as gx
    from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    known = set(list_registered_expectation_implementations())
    kinds = [r["expectation_config"]["type"] for r in result["results"]]
    shown = [r for r, kind in zip(result["results"], kinds, strict=True) if kind in known]
    site.mkdir(parents=True, exist_ok=True)
    context: Any = gx.get_context(project_config=_config(site))
    context.variables.progress_bars = {"globally": False}
    run = RunIdentifier(run_name=file_name(run_id), run_time=datetime.fromisoformat(result["meta"]["validation_time"]))
    suite = ExpectationSuiteIdentifier(file_name(result["suite_name"]))
    page = ValidationResultIdentifier(suite, run, file_name(partition, safe="="))
    loaded = expectationSuiteValidationResultSchema.load({**result, "results": shown})
    context.validation_results_store.set(page, loaded)
    context.build_data_docs(resource_identifiers=[page])
    (found,) = context.get_docs_sites_urls(resource_identifier=page)
    return str(found["site_url"]), sorted(set(kinds) - known)


def _config(site: Path) -> Any:
    from great_expectations.data_context.types.base import DataContextConfig

    def kept(folder: Path) -> dict[str, Any]:
        return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}

    memory = {"class_name": "InMemoryStoreBackend"}
    docs = {
        "class_name": "SiteBuilder", "show_how_to_buttons": False, "store_backend": kept(site),
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }  # fmt: skip
    return DataContextConfig(
        expectations_store_name="expectations_store",
        validation_results_store_name="validation_results_store",
        checkpoint_store_name="checkpoint_store",
        stores={
            "expectations_store": {"class_name": "ExpectationsStore", "store_backend": memory},
            "checkpoint_store": {"class_name": "CheckpointStore", "store_backend": memory},
            "validation_definition_store": {"class_name": "ValidationDefinitionStore", "store_backend": memory},
            "validation_results_store": {
                "class_name": "ValidationResultsStore", "store_backend": kept(site / "results"),
            },
        },
        data_docs_sites={"site": docs},
    )  # fmt: skip
