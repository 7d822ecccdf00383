"""One dq.toml -> one frozen Config. Precedence: flag > DQ_* variable > nearest dq.toml upwards > default.

Relative paths count from the file that gives them, from the working folder where a flag or a variable does.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dq.errors import ConfigError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "dq.toml"


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


class Engine(Part):
    name: Literal["auto", "duckdb", "polars"] = Field("auto", description="engine for every pass; auto picks per pass")


class Limits(Part):
    threads: int | None = Field(None, gt=0, description="threads per engine; absent: all cores")
    memory_bytes: int | None = Field(None, gt=0, description="memory per engine; absent: half of the machine's")
    temp: str | None = Field(None, description="folder for spilling; absent: the system's")

    @property
    def allowed_bytes(self) -> int:
        """Memory an engine may use: as configured, else half of what this machine or container has."""
        return self.memory_bytes or _machine_bytes() // 2


class Config(Part):
    suites: str = Field("suites", description="folder of contracts, one <source>.yaml each")
    zones: Zones = Zones()
    sources: dict[str, SourceConfig] = Field(default_factory=dict, description="what differs for a source")
    publish: Publish = Publish()
    engine: Engine = Engine()
    limits: Limits = Limits()
    file: str = Field("", exclude=True)


def _machine_bytes() -> int:
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        limit = "max"
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(physical, int(limit)) if limit.isdecimal() else physical


_VARIABLES = {
    "DQ_SUITES": ("suites",),
    "DQ_LANDING": ("zones", "landing"),
    "DQ_CURATED": ("zones", "curated"),
    "DQ_QUARANTINE": ("zones", "quarantine"),
    "DQ_HISTORY": ("zones", "history"),
    "DQ_LAYOUT": ("publish", "layout"),
    "DQ_ENGINE": ("engine", "name"),
    "DQ_THREADS": ("limits", "threads"),
    "DQ_MEMORY_BYTES": ("limits", "memory_bytes"),
    "DQ_TEMP": ("limits", "temp"),
}
_PATHS = {
    ("suites",),
    ("zones", "landing"),
    ("zones", "curated"),
    ("zones", "quarantine"),
    ("zones", "history"),
    ("limits", "temp"),
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
    base = file.parent.absolute() if file else Path.cwd()
    _absolute(body, base)
    overrides = {k: v for k, v in environment.items() if k in _VARIABLES}
    overrides |= {f"DQ_{k.upper()}": v for k, v in flags.items() if v is not None}
    for variable, value in overrides.items():
        keys = _VARIABLES[variable]
        target = body
        for key in keys[:-1]:
            target = target.setdefault(key, {})
        target[keys[-1]] = str(Path(value).absolute()) if keys in _PATHS and "://" not in str(value) else value
    _defaults(body, base)
    try:
        return Config(**body, file=str(file) if file else "")
    except ValidationError as error:
        raise _explained(error, file, overrides) from None


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


def _explained(error: ValidationError, file: Path | None, overrides: Mapping[str, Any]) -> ConfigError:
    lines = []
    for one in error.errors():
        keys = [str(k) for k in one["loc"]]
        variable = next((v for v, k in _VARIABLES.items() if list(k) == keys and v in overrides), None)
        where = variable or _where(file, keys)
        wrong = one["type"] == "extra_forbidden"
        known = nearest(keys[-1], _known(keys[:-1])) if wrong else ""
        lines.append(f"{where}: {'.'.join(keys)}: {'unknown key' + known if wrong else one['msg']}")
    return ConfigError("\n".join(lines))


def _known(keys: list[str]) -> list[str]:
    model: Any = Config
    for key in keys:
        model = SourceConfig if model is Config and key == "sources" else getattr(model, "model_fields", {}).get(key)
        model = getattr(model, "annotation", model)
    return list(getattr(model, "model_fields", {}))


def _where(file: Path | None, keys: list[str]) -> str:
    """File and line of the key, found in the text: TOML readers keep no positions."""
    if file is None:
        return "configuration"
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.split("=")[0].strip().strip("[]").split(".")[-1].strip() == keys[-1]:
            return f"{file}:{number}"
    return str(file)
