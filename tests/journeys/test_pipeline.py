"""What ships for pipelines does what it says: a DAG, a state machine and an image that go on by exit code."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import jinja2
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.journeys.real import ROOT
from tests.journeys.states import Failed, execute
from tests.s3.place import CONTRACT

PIPELINE = ROOT / "dq" / "pipeline"
DAYS = {"2026-03-01": 5, "2026-03-02": -5}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One day that is good, one that is bad, and one that is not complete."""
    (tmp_path / "suites").mkdir()
    contract = CONTRACT + "ready: {marker: _SUCCESS}\n"
    (tmp_path / "suites" / "trips.yaml").write_text(contract)
    (tmp_path / "dq.toml").write_text('[zones]\ncurated = "curated"\n[limits]\nisolated = false\n')
    for n, (day, fare) in enumerate({**DAYS, "2026-03-03": 5}.items()):
        folder = tmp_path / "landing" / "trips" / f"dt={day}"
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text(f"id,fare\n{n},{fare}\n")
        if day in DAYS:
            (folder / "_SUCCESS").touch()
    monkeypatch.setenv("DQ_CONFIG", str(tmp_path / "dq.toml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ecs_task(ran: int | None) -> str:
    """How ECS tells Step Functions of a task that ended; without an exit code where the container never began."""
    container = {"Name": "dq", "LastStatus": "STOPPED"} | ({} if ran is None else {"ExitCode": ran})
    return json.dumps({"StopCode": "EssentialContainerExited", "Containers": [container]})


def machine() -> dict[str, Any]:
    return json.loads((PIPELINE / "step_functions.json").read_text())


def test_the_state_machine_goes_on_by_exit_code(place: Path, dq: Any) -> None:
    tasks: list[int] = []

    def task(parameters: dict[str, Any]) -> str:
        (override,) = parameters["Overrides"]["ContainerOverrides"]
        command = [a for a in override["Command"] if a not in ("--wait", "30m")]
        ran = dq(*command)
        tasks.append(ran.code)
        if len(tasks) == 4:
            (place / "landing" / "trips" / "dt=2026-03-03" / "_SUCCESS").touch()
        if ran.code:
            raise Failed(ecs_task(ran.code))
        return ecs_task(ran.code)

    def run(day: str) -> list[str]:
        return execute(machine(), {"source": "trips", "partition": day}, task)

    assert run("2026-03-01") == ["Begin", "Gate", "Published"]
    assert run("2026-03-02") == ["Begin", "Gate", "Ended", "ExitCode", "Quarantined"]
    again = ["Gate", "Ended", "ExitCode"]
    assert run("2026-03-03") == ["Begin", *again, "Held", *again, "Held", "Gate", "Published"]
    assert tasks == [0, 1, 3, 3, 0]
    waits = run("2026-03-09")
    assert (waits[-1], waits.count("Gate")) == ("StillHeld", 5)
    (place / "suites" / "trips.yaml").write_text("colums: {}\n")
    assert run("2026-03-01")[-1] == "Broken"


@pytest.mark.parametrize("ran", [137, 2, None])
def test_what_is_no_verdict_publishes_nothing(ran: int | None) -> None:
    def task(_: dict[str, Any]) -> None:
        raise Failed(ecs_task(ran))

    assert execute(machine(), {"source": "trips", "partition": "x"}, task)[-1] == "Broken"


def test_the_state_machine_is_one_to_others() -> None:
    """To the parser of moto, which knows the whole language."""
    import boto3

    definition = machine()
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
        given = {"name": "gate", "roleArn": "arn:aws:iam::123456789012:role/gate"}
        assert client.create_state_machine(definition=json.dumps(definition), **given)["stateMachineArn"]
        definition["States"]["ExitCode"]["Choices"][0]["And"][1]["NumericEqual"] = 1
        with pytest.raises(ClientError, match='at "NumericEqual"'):
            client.create_state_machine(definition=json.dumps(definition), **given)


class Airflow(types.ModuleType):
    """No more of Airflow than the DAG asks for: operators that a DAG holds, and a scheduler that runs one day of it."""

    class AirflowException(Exception):
        pass

    class AirflowFailException(AirflowException):
        pass

    dags: ClassVar[list[Any]] = []

    class DAG:
        def __init__(self, dag_id: str, **_: Any) -> None:
            self.dag_id, self.tasks = dag_id, dict[str, Any]()

        def __enter__(self) -> Airflow.DAG:
            Airflow.dags.append(self)
            return self

        def __exit__(self, *_: object) -> None:
            pass

    class PythonOperator:
        def __init__(self, *, task_id: str, python_callable: Any, op_kwargs: dict[str, str], retries: int = 0,
                     retry_delay: Any = None) -> None:  # fmt: skip
            self.call, self.asked, self.retries, self.after = python_callable, op_kwargs, retries, list[str]()
            self.task_id = task_id
            Airflow.dags[-1].tasks[task_id] = self

        def __rshift__(self, others: list[Any]) -> None:
            self.after += [o.task_id for o in others]

    BranchPythonOperator = PythonOperator


def airflow_day(dag: Any, day: str) -> list[tuple[str, str]]:
    """Tasks and how they ended, as Airflow runs them: templates filled in, tries repeated, the branch followed."""
    from datetime import date, timedelta

    macros = types.SimpleNamespace(ds_add=lambda ds, n: str(date.fromisoformat(ds) + timedelta(n)))
    branch = next(t for t in dag.tasks.values() if t.after)
    ended, todo = list[tuple[str, str]](), [branch]
    while todo:
        task = todo.pop()
        given = {k: jinja2.Template(v).render(ds=day, macros=macros) for k, v in task.asked.items()}
        for n in range(task.retries + 1):
            try:
                chosen = task.call(**given)
                ended.append((task.task_id, "success"))
                todo += [dag.tasks[chosen]] if task is branch else []
                assert task is not branch or chosen in task.after
                break
            except Airflow.AirflowException as error:
                final = isinstance(error, Airflow.AirflowFailException) or n == task.retries
                ended.append((task.task_id, "failed" if final else "up_for_retry"))
                if final:
                    break
    return ended


def test_the_dag_goes_on_by_exit_code(place: Path, dq: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    airflow = Airflow("airflow")
    for name in ("airflow.exceptions", "airflow.providers.standard.operators.python", "airflow.sdk"):
        monkeypatch.setitem(sys.modules, name, airflow)
    for name in ("airflow", "airflow.providers", "airflow.providers.standard", "airflow.providers.standard.operators"):
        monkeypatch.setitem(sys.modules, name, airflow)
    Airflow.dags.clear()
    known = runpy.run_path(str(PIPELINE / "airflow_dag.py"))
    (dag,) = Airflow.dags
    dag.tasks["gate"].retries = 1
    asked: list[list[str]] = []

    def here(command: list[str], *, check: bool = False) -> subprocess.CompletedProcess[str]:
        """The command in this process, which is quicker; half an hour is not waited for."""
        asked.append(command)
        code = dq(*(a for a in command[1:] if a not in ("--wait", "30m"))).code
        assert not (check and code)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(known["subprocess"], "run", here)
    assert airflow_day(dag, "2026-03-02") == [("gate", "success"), ("train", "success")]
    assert (place / "train.manifest").is_file()
    assert airflow_day(dag, "2026-03-03") == [("gate", "success"), ("withheld", "success")]
    assert airflow_day(dag, "2026-03-04") == [("gate", "up_for_retry"), ("gate", "failed")]
    assert asked[0] == ["dq", "gate", "trips", "--partition", "2026-03-01", "--wait", "30m"]
    (place / "suites" / "trips.yaml").unlink()
    assert airflow_day(dag, "2026-03-02") == [("gate", "failed")], "what retries cannot mend is not tried again"


class Invocations(BaseHTTPRequestHandler):
    """The runtime interface of Lambda: one event, and what was answered."""

    event: ClassVar[dict[str, Any]] = {}
    answered: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        if self.asked.is_set():
            threading.Event().wait(30)
        self.asked.set()
        self.send_response(200)
        deadline = str(2_000_000_000_000)
        for name, value in (("Aws-Request-Id", "1"), ("Deadline-Ms", deadline), ("Invoked-Function-Arn", "arn:x")):
            self.send_header(f"Lambda-Runtime-{name}", value)
        self.send_header("Content-Type", "application/json")
        body = json.dumps(self.event).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answered[self.path.rsplit("/", 1)[-1]] = json.loads(body)
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def runtime() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Invocations)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.soak
def test_the_image_is_command_and_function(place: Path, tmp_path_factory: pytest.TempPathFactory, runtime: str) -> None:
    """Its steps run as shell, in an environment of their own instead of a container."""
    text = re.sub(r"^#.*\n", "", (PIPELINE / "Dockerfile").read_text(), flags=re.MULTILINE)
    steps = [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line]
    root = tmp_path_factory.mktemp("image")
    subprocess.run([sys.executable, "-m", "venv", root / "python"], check=True)
    shutil.copytree(ROOT, root / "source", ignore=shutil.ignore_patterns(".*", "tests", "__pycache__"), symlinks=True)
    environment = {**os.environ, "PATH": f"{root}/python/bin:{os.environ['PATH']}", "DQ": str(root / "source")}
    environment.pop("PYTHONPATH", None)
    gate, ran = root / "gate", 0
    for kind, rest in steps:
        match kind:
            case "RUN":
                subprocess.run(rest, shell=True, check=True, cwd=root, env=environment)
                ran += 1
            case "WORKDIR":
                assert rest == "/gate"
                gate.mkdir()
            case "COPY":
                source, target = rest.split()
                copied = place / source
                copy = shutil.copytree if copied.is_dir() else shutil.copy
                copy(copied, gate / target)
            case "ENV":
                environment |= dict(pair.split("=") for pair in rest.replace("/gate", str(gate)).split())
            case "ENTRYPOINT":
                entry = json.loads(rest)
            case other:
                assert other in ("FROM", "ARG", "USER", "CMD"), other
    assert ran == 2
    shutil.copytree(place / "landing", gate / "landing")

    command = [*entry, "gate", "trips", "--partition", "2026-03-01"]
    for day, code in (("2026-03-01", 0), ("2026-03-02", 1), ("2026-03-03", 3)):
        command[-1] = day
        assert subprocess.run(command, cwd=gate, env=environment).returncode == code
    (gate / "landing" / "trips" / "dt=2026-03-03" / "_SUCCESS").touch()
    Invocations.event = {"source": "aws.events"}
    with subprocess.Popen(entry, cwd=gate, env={**environment, "AWS_LAMBDA_RUNTIME_API": runtime}) as function:
        for _ in range(300):
            if Invocations.answered or function.poll() is not None:
                break
            threading.Event().wait(0.1)
        function.kill()
    assert Invocations.answered == {"response": {"partitions": 1, "held": 0, "unfinished": []}}
