"""Typed reading of versions.toml, the one place where versions stand, and of what other minors of Kubernetes change."""

from __future__ import annotations

import functools
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inferencepool_rollout.failure import Failure

HERE = Path(__file__).parent
BUILDS = HERE.parents[1] / "builds"
CHOICE = "INFERENCEPOOL_ROLLOUT_KUBERNETES"
"""The environment variable that names the minor of Kubernetes, as in 1.34; without it versions.toml's own is used."""


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
    """A Go program: `package` of the module that scripts/builds/`build` pins, with the patches of the build or not.

    `file` is its name in the context of an image, or empty for its key.
    """

    build: str
    package: str
    module: str = ""
    patched: bool = True
    file: str = ""


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
    """The versions for one minor of Kubernetes."""

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


def versions() -> Versions:
    """Return the versions for the minor of Kubernetes that the environment names; raises Failure as of_minor does."""
    return of_minor(os.environ.get(CHOICE) or _default())


@functools.cache
def of_minor(minor: str) -> Versions:
    """Read versions.toml, and over it what versions-<minor>.toml changes; raises Failure on a minor without one."""
    if minor not in minors():
        raise Failure(f"Kubernetes {minor} is not there ({CHOICE}); there are {', '.join(minors())}")
    data = _read("versions.toml") if minor == _default() else _merged(_read("versions.toml"), _read(_changes(minor)))
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


@functools.cache
def minors() -> list[str]:
    """The minors of Kubernetes that the harness can make a cluster of, oldest first."""
    others = [path.stem.removeprefix("versions-") for path in HERE.glob(_changes("*"))]
    return sorted([_default(), *others], key=lambda minor: [int(part) for part in minor.split(".")])


@functools.cache
def _default() -> str:
    version: str = _read("versions.toml")["kubernetes"]["version"]
    return version.rpartition(".")[0]


def _changes(minor: str) -> str:
    return f"versions-{minor}.toml"


def _read(file: str) -> dict[str, Any]:
    return tomllib.loads((HERE / file).read_text())


def _merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The table with what `changes` says put in, level by level."""
    inner = {k: _merged(table[k], v) if isinstance(v, dict) and k in table else v for k, v in changes.items()}
    return {**table, **inner}
