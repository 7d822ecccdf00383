"""One dq.toml -> one frozen Config. Precedence: flag > DQ_* variable > nearest dq.toml upwards > default.

Relative paths count from the file that gives them, from the working folder where a flag or a variable does.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import tomllib
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dq.errors import ConfigError, UsageError, nearest
from dq.ir.limits import Budget, Caps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq.stores.s3.access import Access

NAME = "dq.toml"
_CAPS = Caps()


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Zones(Part):
    landing: str = Field("landing", description="where data lands; never changed")
    curated: str | None = Field(None, description="where promoted partitions are published; absent: verdict only")
    quarantine: str = Field("quarantine", description="records of what was withheld, with the reasons")
    history: str = Field("_dq", description="decisions, documents and profiles")


class SourceConfig(Part):
    landing: str | None = Field(None, description="folder of this source, where it is not <landing>/<source>")


class Publish(Part):
    layout: Literal["auto", "flat", "generations"] = Field(
        "auto",
        description="flat: files lie at <curated>/<source>/<partition>; generations: a pointer lies there, for file "
        "systems that cannot exchange folders (NFS, EFS); auto tries",
    )
    mode: Literal["copy", "reference"] = Field(
        "copy",
        description="reference: nothing is copied, versions of the landed objects are published; for landing in a "
        "bucket that keeps versions",
    )
    keep: int = Field(2, ge=0, description="superseded revisions of a partition that dq gc leaves")


class S3(Part):
    """Credentials are not among them: they come from the AWS chain."""

    endpoint: str | None = Field(None, description="of a store that speaks S3; absent: AWS, or AWS_ENDPOINT_URL")
    region: str | None = Field(None, description="absent: AWS_REGION, or the AWS profile's")
    profile: str | None = Field(None, description="AWS profile; absent: AWS_PROFILE, or the role this runs under")
    path_style: bool = Field(False, description="address buckets as endpoint/bucket")
    encryption: Literal["AES256", "aws:kms"] | None = Field(
        None, description="of what is written; absent: the bucket's"
    )
    kms_key: str | None = Field(None, description="key of aws:kms")
    requester_pays: bool = Field(False, description="the account that runs this pays for requests")
    owner: str | None = Field(
        None, pattern=r"^\d{12}$", description="12 digits: the account that every bucket must belong to"
    )
    customer_key_file: str | None = Field(
        None, description="key of SSE-C, with which all objects are encrypted: 32 bytes, or base64 of them"
    )

    def access(self) -> Access:
        from dq.stores.s3.access import Access, read_customer_key

        if self.encryption and self.customer_key_file:
            raise ConfigError("[s3]: encryption and customer_key_file exclude each other: leave one out")
        if self.kms_key and self.encryption != "aws:kms":
            raise ConfigError('[s3]: kms_key is the key of encryption = "aws:kms", which is not there')
        key = read_customer_key(self.customer_key_file) if self.customer_key_file else None
        return Access(**self.model_dump(exclude={"customer_key_file"}), customer_key=key)


class Glue(Part):
    database: str = Field(min_length=1, description="of the Glue Data Catalog; it must be there")
    table: str = Field("{source}", min_length=1, description="made from the schema where it is not there")


class Symlink(Part):
    pass


class Manifest(Part):
    key: str = Field("{source}/_dq.manifest", min_length=1, description="path in the curated zone")


class Flat(Part):
    pass


class Tags(Part):
    on: tuple[Literal["published", "landing"], ...] = Field(
        ("published",), min_length=1, description="objects that get dq-verdict and dq-run-id; landing keeps other tags"
    )


class Sns(Part):
    topic: str = Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:\S+$", description="ARN")


class EventBridge(Part):
    bus: str = Field("default", min_length=1, description="name or ARN")


class Adapters(Part):
    """A table that is there, even an empty one, switches its adapter on."""

    glue: Glue | None = Field(None, description="partitions of a table in the Glue Data Catalog")
    symlink: Symlink | None = Field(None, description="_symlink_format_manifest/ of each source, for Athena and Spark")
    manifest: Manifest | None = Field(None, description="a ManifestFile of SageMaker with all that is published")
    flat: Flat | None = Field(None, description="copies at <source>/<partition>/, file by file, _SUCCESS last")
    tags: Tags | None = Field(None, description="tags of objects")
    sns: Sns | None = Field(None, description="a message per decision")
    eventbridge: EventBridge | None = Field(None, description="an event per decision")


class Engine(Part):
    name: Literal["auto", "duckdb", "polars"] = Field("auto", description="engine for every pass; auto picks per pass")


class Limits(Part):
    jobs: int = Field(1, gt=0, description="judge processes at once")
    threads: int | None = Field(None, gt=0, description="threads of one judge process; absent: all cores")
    memory_bytes: int | None = Field(
        None, gt=0, description="memory of one judge process; absent: half of what this machine or container has / jobs"
    )
    temp: str | None = Field(None, description="folder for spilling; absent: the system's")
    temp_bytes: int | None = Field(None, gt=0, description="disk to spill to; absent: half of what is free / jobs")
    spool_bytes: int | None = Field(
        None, gt=0, description="disk for local copies of what lies on S3; absent: half of what is free"
    )
    ranged_bytes: int | None = Field(
        None, gt=0, description="a partition of Parquet on S3 beyond this is read in ranges, not copied here; absent: "
        "what does not fit into spool_bytes beside its neighbours, and, where nothing is recorded (dq validate), 64 MB",
    )  # fmt: skip
    deadline_seconds: float = Field(3600, gt=0, description="for judging one partition")
    isolated: bool = Field(True, description="judge in processes of their own; false: no deadline, no memory limit")
    files: int = Field(_CAPS.files, gt=0, description="of one partition")
    columns: int = Field(_CAPS.columns, gt=0, description="of one file")
    row_groups: int = Field(_CAPS.row_groups, gt=0, description="of one Parquet file")
    nesting: int = Field(_CAPS.nesting, gt=0, description="levels of a Parquet schema")
    footer_bytes: int = Field(_CAPS.footer_bytes, gt=0, description="of a Parquet footer, statistics included")
    value_bytes: int = Field(_CAPS.value_bytes, gt=0, description="of an average value of a Parquet column")
    line_bytes: int = Field(_CAPS.line_bytes, gt=0, description="of one line of text")
    text_bytes: int = Field(_CAPS.text_bytes, gt=0, description="of one text file, decompressed")
    expanded_bytes: int = Field(_CAPS.expanded_bytes, gt=0, description="that may come out of however few bytes")
    retry_seconds: float = Field(
        60.0, ge=0, description="before a held partition is tried again; ten times as long after a second hold"
    )

    def spool(self) -> int:
        """Bytes that local copies may take."""
        return self.spool_bytes or _free_bytes(self.temp) // 2

    def budget(self) -> Budget:
        """What one judge process may use, filled in from this machine."""
        caps = Caps(**{f.name: getattr(self, f.name) for f in fields(Caps)})
        return Budget(
            threads=self.threads,
            memory_bytes=self.memory_bytes or memory_bytes() // 2 // self.jobs,
            temp=self.temp,
            temp_bytes=self.temp_bytes or _free_bytes(self.temp) // 2 // self.jobs or None,
            deadline_seconds=self.deadline_seconds,
            caps=caps,
        )


def memory_bytes() -> int:
    """Of this machine, or of the container it is."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            found = min(found, int(Path(file).read_text()))
    return found


def _free_bytes(folder: str | None) -> int:
    with suppress(OSError):
        return shutil.disk_usage(folder or tempfile.gettempdir()).free
    return 0


class Config(Part):
    suites: str = Field("suites", description="folder of contracts, one <source>.yaml each")
    zones: Zones = Zones()
    sources: dict[str, SourceConfig] = Field(default_factory=dict, description="what differs for a source")
    publish: Publish = Publish()
    s3: S3 = S3()
    adapters: Adapters = Adapters()
    engine: Engine = Engine()
    limits: Limits = Limits()
    file: str = Field("", exclude=True)
    origins: dict[str, str] = Field(default_factory=dict, exclude=True)

    def settings(self) -> Iterator[tuple[str, Any, str]]:
        """Every key in force, its value, and where it comes from: a flag, a variable, the file, or the default."""
        for key, value in _leaves(self.model_dump()):
            yield key, value, self.origins.get(key, "default")


_VARIABLES = {
    "DQ_SUITES": ("suites",),
    "DQ_LANDING": ("zones", "landing"),
    "DQ_CURATED": ("zones", "curated"),
    "DQ_QUARANTINE": ("zones", "quarantine"),
    "DQ_HISTORY": ("zones", "history"),
    "DQ_LAYOUT": ("publish", "layout"),
    "DQ_CUSTOMER_KEY_FILE": ("s3", "customer_key_file"),
    "DQ_ENGINE": ("engine", "name"),
    "DQ_JOBS": ("limits", "jobs"),
    "DQ_THREADS": ("limits", "threads"),
    "DQ_MEMORY_BYTES": ("limits", "memory_bytes"),
    "DQ_TEMP": ("limits", "temp"),
    "DQ_DEADLINE_SECONDS": ("limits", "deadline_seconds"),
    "DQ_ISOLATED": ("limits", "isolated"),
    "DQ_RETRY_SECONDS": ("limits", "retry_seconds"),
}
_PATHS = {
    ("suites",),
    ("zones", "landing"),
    ("zones", "curated"),
    ("zones", "quarantine"),
    ("zones", "history"),
    ("limits", "temp"),
    ("s3", "customer_key_file"),
}


def load(path: str | Path | None = None, environment: Mapping[str, str] | None = None, **flags: Any) -> Config:
    """Configuration in force. `flags` are named like the variables, lower case without DQ_; None counts as not given.

    Raises ConfigError with file, line, key and the nearest known key.
    """
    environment = os.environ if environment is None else environment
    given = path or environment.get("DQ_CONFIG")
    file = Path(given) if given else find(Path.cwd())
    if given and not Path(given).is_file():
        raise UsageError(f"{given}: no such configuration file")
    body = _read(file) if file else {}
    origins = {key: str(file) for key, _ in _leaves(body)}
    base = file.parent.absolute() if file else Path.cwd()
    _absolute(body, base)
    for key in ("file", "origins"):
        if key in body:
            raise ConfigError(f"{_where(file, [key])}: {key}: unknown key")
    overrides = {k: v for k, v in environment.items() if k in _VARIABLES}
    overrides |= {f"DQ_{k.upper()}": v for k, v in flags.items() if v is not None}
    for variable, value in overrides.items():
        keys = _VARIABLES[variable]
        given_flag = flags.get(variable.removeprefix("DQ_").lower()) is not None
        origins[".".join(keys)] = f"--{variable.removeprefix('DQ_').lower()}" if given_flag else variable
        target = body
        for key in keys[:-1]:
            target = target.setdefault(key, {})
        target[keys[-1]] = str(Path(value).absolute()) if keys in _PATHS and "://" not in str(value) else value
    _defaults(body, base)
    try:
        return Config(**body, file=str(file) if file else "", origins=origins)
    except ValidationError as error:
        raise _explained(error, file, {_VARIABLES[v]: origins[".".join(_VARIABLES[v])] for v in overrides}) from None


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Variables that look like settings and are none, and what is near."""
    environment = os.environ if environment is None else environment
    known = {*_VARIABLES, "DQ_CONFIG", "DQ_DEBUG"}
    return [(n, nearest(n, known)) for n in sorted(environment) if n.startswith("DQ_") and n not in known]


def _leaves(body: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in body.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def find(start: Path) -> Path | None:
    """The nearest dq.toml in the folder or above it."""
    return next((f / NAME for f in (start, *start.parents) if (f / NAME).is_file()), None)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None


def _absolute(body: dict[str, Any], base: Path) -> None:
    """Paths of the file count from the file."""
    for keys in _PATHS:
        part: Any = body
        for key in keys[:-1]:
            part = part.get(key, {}) if isinstance(part, dict) else {}
        if isinstance(part, dict) and isinstance(part.get(keys[-1]), str):
            part[keys[-1]] = _from(base, part[keys[-1]])
    for source in body.get("sources", {}).values() if isinstance(body.get("sources"), dict) else ():
        if isinstance(source, dict) and isinstance(source.get("landing"), str):
            source["landing"] = _from(base, source["landing"])


def _defaults(body: dict[str, Any], base: Path) -> None:
    body.setdefault("suites", _from(base, "suites"))
    zones = body.setdefault("zones", {})
    if isinstance(zones, dict):
        for name, default in (("landing", "landing"), ("quarantine", "quarantine"), ("history", "_dq")):
            zones.setdefault(name, _from(base, default))


def _from(base: Path, path: str) -> str:
    return path if "://" in path else str(base / path)


def _explained(
    error: ValidationError, file: Path | None, overridden: Mapping[tuple[str, ...], str]
) -> ConfigError:  # fmt: skip
    """`overridden`: the flag or variable that gave a key, by its path."""
    lines = []
    for one in error.errors():
        keys = [str(k) for k in one["loc"]]
        here = [k for k in keys if not k.isdecimal()]
        where = overridden.get(tuple(keys)) or _where(file, here[:-1] if one["type"] == "missing" else here)
        wrong = one["type"] == "extra_forbidden"
        known = nearest(keys[-1], _known(keys[:-1])) if wrong else ""
        said = "is needed" if one["type"] == "missing" else one["msg"]
        lines.append(f"{where}: {'.'.join(keys)}: {'unknown key' + known if wrong else said}")
    return ConfigError("\n".join(lines))


def _known(keys: list[str]) -> list[str]:
    model: Any = Config
    for key in keys:
        model = SourceConfig if model is Config and key == "sources" else getattr(model, "model_fields", {}).get(key)
        model = getattr(model, "annotation", model)
        model = next((one for one in get_args(model) if hasattr(one, "model_fields")), model)
    return list(getattr(model, "model_fields", {}))


def _where(file: Path | None, keys: list[str]) -> str:
    """File and line of the key, found in the text: TOML readers keep no positions."""
    if file is None:
        return "configuration"
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.split("=")[0].strip().strip("[]").split(".")[-1].strip() == keys[-1]:
            return f"{file}:{number}"
    return str(file)
