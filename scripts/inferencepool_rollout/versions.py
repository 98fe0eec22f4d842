"""Typed reading of versions.toml, the one place where versions stand."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BUILDS = Path(__file__).parents[1] / "builds"


@dataclass(frozen=True)
class Tool:
    """A command line tool: accepted from PATH in a range of versions, else compiled or taken from PyPI."""

    command: str
    version: Sequence[str]
    accepted: str
    program: str = ""
    pypi: str = ""


@dataclass(frozen=True)
class Program:
    """A Go program: `package` of the module that scripts/builds/`build` pins."""

    build: str
    package: str
    module: str = ""


@dataclass(frozen=True)
class Module:
    """A Go module whose files are used, `name@version`, pinned by scripts/builds/`build`."""

    build: str
    module: str


@dataclass(frozen=True)
class Image:
    """A container image: its published name and what the fall-back puts into it.

    `programs` are copied to the root of the build context, `files` are `module:path` pairs of Go modules'
    files, `base` is the key of the image it builds on.
    """

    name: str
    programs: Sequence[str] = ()
    files: Sequence[str] = ()
    base: str = ""
    published: bool = True


@dataclass(frozen=True)
class Versions:
    """The content of versions.toml."""

    kubernetes: str
    istio_hub: str
    istio_tag: str
    go: Tool
    tools: Mapping[str, Tool]
    programs: Mapping[str, Program]
    modules: Mapping[str, Module]
    linker_variables: Mapping[str, Sequence[str]] = field(default_factory=dict)


@functools.cache
def versions() -> Versions:
    """Read versions.toml."""
    data = tomllib.loads(Path(__file__).with_name("versions.toml").read_text())
    return Versions(
        kubernetes=data["kubernetes"]["version"],
        istio_hub=data["istio"]["hub"],
        istio_tag=data["istio"]["tag"],
        go=Tool(**data["go"]),
        tools={name: Tool(**entry) for name, entry in data["tools"].items()},
        programs={name: Program(**entry) for name, entry in data["programs"].items()},
        modules={name: Module(**entry) for name, entry in data["modules"].items()},
        linker_variables=data["linker-variables"],
    )
