"""A DAG of Airflow 3: gates what landed for the day before, and trains on what was published, and on nothing else. Copy
it to where your DAGs lie; `dq` is installed there, and DQ_CONFIG names dq.toml."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.providers.standard.operators.python import BranchPythonOperator, PythonOperator
from airflow.sdk import DAG

SOURCE = "trips"
PARTITION = "{{ macros.ds_add(ds, -1) }}"
AFTER = {0: "train", 1: "withheld"}
HELD = 3


def gate(partition: str) -> str:
    """The task to go on with. A held partition is tried again as often as the task is; a quarantine ends it, however
    often somebody clears the task."""
    code = subprocess.run(["dq", "gate", SOURCE, "--partition", partition, "--wait", "30m"]).returncode  # noqa: S603, S607
    if code == HELD:
        raise AirflowException(f"{SOURCE} {partition} is held: it could not be judged yet")
    if code not in AFTER:
        raise AirflowFailException(f"dq gate ended with {code}: its configuration or contract is to be mended")
    return AFTER[code]


def train(partition: str) -> None:
    """Yours: the files that are current now are what `dq ls` prints."""
    subprocess.run(["dq", "ls", SOURCE, "--out", "train.manifest"], check=True)  # noqa: S603, S607


def withheld(partition: str) -> None:
    """Yours too: tell somebody why."""
    subprocess.run(["dq", "show", SOURCE, partition], check=True)  # noqa: S603, S607


with DAG(f"gate_{SOURCE}", schedule="0 7 * * *", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    given = {"partition": PARTITION}
    gated = BranchPythonOperator(
        task_id="gate", python_callable=gate, op_kwargs=given, retries=5, retry_delay=timedelta(minutes=10)
    )
    gated >> [
        PythonOperator(task_id=function.__name__, python_callable=function, op_kwargs=given)
        for function in (train, withheld)
    ]
