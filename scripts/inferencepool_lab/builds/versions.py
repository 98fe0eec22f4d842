"""Typed reading of versions.toml, the one place where versions stand, and of what other minors of Kubernetes change."""

from __future__ import annotations

import functools
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.version import Version

from inferencepool_rollout.failure import Failure

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BUILDS = ROOT / "scripts/builds"
CHOICE = "INFERENCEPOOL_ROLLOUT_KUBERNETES"
"""The environment variable that names the minor of Kubernetes, as in 1.34; without it versions.toml's own is used."""
PLACEHOLDER = re.compile(r"\{(?P<name>[a-z][\w-]*)(\.(?P<part>\w+))?\}")


@dataclass(frozen=True)
class Tool:
    """A command line tool: accepted from PATH in a range of versions, else compiled or taken from PyPI."""

    command: str
    version: Sequence[str]
    accepted: str
    program: str = ""
    pypi: str = ""


@dataclass(frozen=True)
class Module:
    """A Go module: its import path, and its version as Go writes it, or "" for a module of this checkout.

    `build` is the folder of scripts/builds whose go.mod pins it, or "" if it is compiled by itself. `linker`
    are the variables (`package.name=value`) that the linker sets. `patches` is a folder of this project's patches,
    relative to the checkout, or "". `minutes` are how long the first compilation takes, on a fast and a slow machine.
    """

    name: str
    path: str
    version: str = ""
    build: str = ""
    linker: Sequence[str] = ()
    patches: str = ""
    minutes: Sequence[int] = (0, 1)


@dataclass(frozen=True)
class Program:
    """A Go program: the package at `path` in a module, with the module's patches unless it is not `patched`.

    `file` is its name in the context of an image, or empty for its key.
    """

    module: Module
    path: str = ""
    patched: bool = True
    file: str = ""

    @property
    def package(self) -> str:
        """The import path of its package."""
        return f"{self.module.path}/{self.path}".rstrip("/")

    @property
    def patches(self) -> list[Path]:
        """The patches that go into it, in the order in which they are applied."""
        folder = self.module.patches if self.patched else ""
        return sorted((ROOT / folder).glob("*.patch")) if folder else []


@dataclass(frozen=True)
class Image:
    """A container image: its published name, and what the fall-back puts into the context of its Dockerfile.

    `folder` has the Dockerfile and what stands beside it. `programs` are names of programs, `files` are `module:path`
    of Go modules' files, `sources` are folders of the checkout, `wheels` maps a pinned wheel to the path inside it;
    `requirements` is a lock file in the folder, whose packages go into deps/; `base` is the name of a root file system,
    or empty. An image that is not `published` is this project's own: it is always built, and its Dockerfile names a
    published base.
    """

    name: str
    folder: Path
    programs: Sequence[str] = ()
    files: Sequence[str] = ()
    sources: Sequence[str] = ()
    wheels: Mapping[str, str] = field(default_factory=dict)
    requirements: str = ""
    base: str = ""
    published: bool = True

    @property
    def tag(self) -> str:
        """The part of its name after the colon."""
        return self.name.rpartition(":")[2]


@dataclass(frozen=True)
class Root:
    """A Debian root file system that debootstrap makes of a suite's packages."""

    suite: str
    packages: Sequence[str]


@dataclass(frozen=True)
class Versions:
    """The versions for one minor of Kubernetes.

    `linker` are the variables that the linker sets, by build, or by name of a module that is compiled by itself.
    """

    go: Tool
    tools: Mapping[str, Tool]
    modules: Mapping[str, Module]
    linker: Mapping[str, Sequence[str]]
    programs: Mapping[str, Program]
    images: Mapping[str, Image]
    node_images: Mapping[str, Image]
    roots: Mapping[str, Root]

    @property
    def kubernetes(self) -> str:
        """The version of Kubernetes, as in 1.35.4."""
        return self.modules["kubernetes"].version.removeprefix("v")


def versions() -> Versions:
    """Return the versions for the minor of Kubernetes that the environment names; raises Failure as of_minor does."""
    return of_minor(os.environ.get(CHOICE) or _default())


@functools.cache
def of_minor(minor: str) -> Versions:
    """Read versions.toml, and over it what versions-<minor>.toml changes; raises Failure on a minor without one."""
    if minor not in minors():
        raise Failure(f"Kubernetes {minor} is not there ({CHOICE}); there are {', '.join(minors())}")
    usual = _with_names(_read("versions.toml"))
    data = usual if minor == _default() else _with_names(_merged(_read("versions.toml"), _read(_changes(minor))))
    modules = _modules(data)
    programs = {
        name: Program(**{**entry, "module": modules[entry["module"]]}) for name, entry in data["programs"].items()
    }
    images = _images(data["images"])
    for version in data["epp"]["others"]:
        of = version.removeprefix("v").rpartition(".")[0]
        module = replace(modules["inference-extension"], name=f"inference-extension-{of}", version=version, build="")
        name = f"{images['epp'].name.rpartition(':')[0]}:{version}"
        modules[module.name] = module
        programs[f"epp-{of}"] = replace(programs["epp"], module=module, file="epp")
        images[f"epp-{of}"] = replace(images["epp"], name=name, programs=[f"epp-{of}"])
    return Versions(
        go=Tool(**data["go"]),
        tools={name: Tool(**entry) for name, entry in data["tools"].items()},
        modules=modules,
        linker={
            **_linker(modules),
            **_linker(_modules(usual)),
        },  # so a minor recompiles only what it changes
        programs=programs,
        images=images,
        node_images=_images(data["node-images"]),
        roots={name: Root(**entry) for name, entry in data["roots"].items()},
    )


@functools.cache
def minors() -> list[str]:
    """The minors of Kubernetes that a cluster can be made of, oldest first."""
    others = [path.stem.removeprefix("versions-") for path in HERE.glob(_changes("*"))]
    return sorted([_default(), *others], key=lambda minor: [int(part) for part in minor.split(".")])


@functools.cache
def _default() -> str:
    version: str = _read("versions.toml")["modules"]["kubernetes"]["version"]
    return version.removeprefix("v").rpartition(".")[0]


def _changes(minor: str) -> str:
    return f"versions-{minor}.toml"


def _read(file: str) -> dict[str, Any]:
    return tomllib.loads((HERE / file).read_text())


def _merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The table with what `changes` says put in, level by level."""
    inner = {k: _merged(table[k], v) if isinstance(v, dict) and k in table else v for k, v in changes.items()}
    return {**table, **inner}


def _with_names(data: Mapping[str, Any]) -> dict[str, Any]:
    """The table with versions in the place of `{name}`, or of `{name.part}`: a part that packaging's Version has."""
    known = {**{name: entry.get("version", "") for name, entry in data["modules"].items()}, **data["versions"]}

    def version(match: re.Match[str]) -> str:
        text = known[match["name"]]
        return str(getattr(Version(text), match["part"])) if match["part"] else text

    def resolved(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: resolved(value) for key, value in node.items()}
        if isinstance(node, list):
            return [resolved(value) for value in node]
        return PLACEHOLDER.sub(version, node) if isinstance(node, str) else node

    return {key: resolved(value) for key, value in data.items()}


def _modules(data: Mapping[str, Any]) -> dict[str, Module]:
    return {name: Module(name, **entry) for name, entry in data["modules"].items()}


def _linker(modules: Mapping[str, Module]) -> dict[str, list[str]]:
    """The variables of each build: those of all modules that it pins, which are compiled in one call."""
    found: dict[str, list[str]] = {}
    for module in modules.values():
        found.setdefault(module.build or module.name, []).extend(module.linker)
    return found


def _images(data: Mapping[str, Any]) -> dict[str, Image]:
    return {name: Image(**{**entry, "folder": ROOT / entry["folder"]}) for name, entry in data.items()}
