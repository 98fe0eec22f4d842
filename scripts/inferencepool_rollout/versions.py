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
    """A Go program: `package` of the module that scripts/builds/`build` pins, with the patches of the build or not."""

    build: str
    package: str
    module: str = ""
    patched: bool = True


@dataclass(frozen=True)
class Module:
    """A Go module whose files are used, `name@version`, pinned by scripts/builds/`build`."""

    build: str
    module: str


@dataclass(frozen=True)
class Image:
    """A container image: its published name, and what the fall-back puts into the context of its Dockerfile.

    `programs` are names of programs, `files` are `module:path` of Go modules' files, `wheels` maps a pinned
    wheel to the path inside it; `requirements` is a lock file beside the Dockerfile, whose packages go into deps/;
    `base` is the name of a root file system, or empty. An image that is not
    `published` is this project's own: it is always built, and its Dockerfile names a published base.
    """

    name: str
    dockerfile: str = ""
    context: str = ""
    programs: Sequence[str] = ()
    files: Sequence[str] = ()
    wheels: Mapping[str, str] = field(default_factory=dict)
    requirements: str = ""
    base: str = ""
    published: bool = True

    @property
    def folder(self) -> Path:
        """The folder with the Dockerfile and what stands beside it."""
        return BUILDS.parents[1] / self.context if self.context else BUILDS / "images" / self.dockerfile


@dataclass(frozen=True)
class Root:
    """A Debian root file system that debootstrap makes of a suite's packages."""

    suite: str
    packages: Sequence[str]


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
    linker_variables: Mapping[str, Sequence[str]]
    images: Mapping[str, Image]
    node_images: Mapping[str, Image]
    roots: Mapping[str, Root]


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
        images={name: Image(**entry) for name, entry in data["images"].items()},
        node_images={name: Image(**entry) for name, entry in data["node-images"].items()},
        roots={name: Root(**entry) for name, entry in data["roots"].items()},
    )
