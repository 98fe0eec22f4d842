"""The versions of the model servers that the chart supports, and what each one's own parser says."""

from __future__ import annotations

import functools
import json
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inferencepool_lab.builds.found import wheel
from inferencepool_rollout.process import run
from kit.charts import ROOT
from kit.model_servers.packages import Wheel

TABLE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("versions.toml").read_text())


@dataclass(frozen=True)
class Package:
    """A package of PyPI that holds a model server of the chart's preset `server`, built for `accelerator`."""

    name: str
    server: str
    accelerator: str
    versions: tuple[str, ...]


@dataclass(frozen=True)
class Version:
    """A version of a package."""

    package: Package
    number: str

    def __str__(self) -> str:
        return f"{self.package.name} {self.number}"

    @property
    def wheel(self) -> Wheel:
        return Wheel(self.package.name, self.number)


@dataclass(frozen=True)
class Answer:
    """What a version's own parser knows (`flags` as of parse.py) and says against each command line, or None."""

    flags: dict[str, dict[str, Any]]
    errors: list[str | None]


PACKAGES = tuple(
    Package(name, row["server"], row["accelerator"], tuple(row["versions"])) for name, row in TABLE["packages"].items()
)
VERSIONS = tuple(Version(package, number) for package in PACKAGES for number in package.versions)


def ask(version: Version, lines: Sequence[Sequence[str]] = ()) -> Answer:
    """Run the version's own parser on command lines, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "kit.model_servers.parse",
        version.package.server,
        version.package.name,
        version.number,
    ]
    said = run(command, stdin=json.dumps(lines), env=_environment())
    return Answer(**json.loads(said))


@functools.cache
def _environment() -> Mapping[str, str]:
    folders = [ROOT / "scripts", ROOT / "tests", *map(wheel, TABLE["libraries"])]
    return {"PYTHONPATH": os.pathsep.join(map(str, folders)), "VLLM_LOGGING_LEVEL": "ERROR"}
