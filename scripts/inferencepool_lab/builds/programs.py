"""Go programs compiled into the cache from modules of versions.toml."""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from inferencepool_lab.builds import cache
from inferencepool_lab.builds.found import accepted_on_path, from_pypi
from inferencepool_lab.builds.versions import BUILDS, Module, Program, versions
from inferencepool_rollout.process import run
from inferencepool_rollout.progress import step

ROOMY_MEMORY_BYTES = 12 * 2**30


def compiled(names: Iterable[str]) -> dict[str, Path]:
    """Return where each named program stands in the cache, compiling those that do not stand there yet.

    The programs of one build are compiled in one call of the compiler, which shares their common packages.
    Raises Failure with the compiler's cause.
    """
    paths = {name: path(name) for name in names}
    missing = [name for name in paths if not paths[name].exists()]
    while missing:
        wave = _one_call(missing)
        _compile(wave, paths)
        missing = [name for name in missing if name not in wave]
    return paths


def module_folder(name: str) -> Path:
    """Return the read-only folder of the files of a module that versions.toml names, downloading it once."""
    module = versions().modules[name]
    return downloaded(f"{module.path}@{module.version}")


@functools.cache
def downloaded(module: str) -> Path:
    """Return the read-only folder of a module's files, by `path@version`, downloading it once.

    Go compares it with the public checksum database. Raises Failure when it can't be had.
    """

    def answer(*words: str) -> str:
        return run([go(), *words, module], cwd=cache.folder("go"), env=environment(), remedy=REGISTRY)

    found = answer("list", "-m", "-f", "{{.Dir}}").strip()
    if not found:
        with step(f"downloading the module {module}", "seconds"):
            found = json.loads(answer("mod", "download", "-json"))["Dir"]
    return Path(found)


def patched_source(name: str, *patches: Path) -> Path:
    """Return a copy of a module's files, in the cache, with `patches` applied in order."""
    original = module_folder(name)
    target = cache.folder("sources") / f"{name}-{cache.fingerprint(original.name, *patches)}"
    with cache.made(target) as scratch:
        if scratch:
            shutil.copytree(original, scratch, copy_function=_copy_writable)
            for folder in (scratch, *scratch.rglob("*")):
                if folder.is_dir():
                    folder.chmod(0o755)
            for patch in patches:
                run(
                    ["git", "apply", patch.resolve()],
                    cwd=scratch,
                    env={"GIT_CEILING_DIRECTORIES": str(scratch.parent)},
                )
    return target


def environment() -> Mapping[str, str]:
    """The environment of the compiler: its caches, static binaries, less garbage collection where memory allows."""
    roomy = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") > ROOMY_MEMORY_BYTES
    return {
        "GOMODCACHE": str(cache.folder("go", "mod")),
        "GOCACHE": str(cache.folder("go", "build")),
        "GOWORK": "off",
        "CGO_ENABLED": "0",
        "GOGC": "400" if roomy else "100",
    }


REGISTRY = "check that the Go module proxy (go env GOPROXY) is reached, then start again: what is done is kept"


def path(name: str) -> Path:
    """Where a program stands once it is compiled: a folder named after everything that goes into it."""
    program = versions().programs[name]
    key = cache.fingerprint(
        program.package, platform.machine(), *_linker(program), *_pins(program.module), *program.patches
    )
    return cache.folder("programs") / f"{name}-{key}" / _binary(program)


def _pins(module: Module) -> list[str | Path]:
    """What says of which versions a module's programs are compiled: its own, or the files of its build."""
    if not module.build:
        return [module.version]
    return [file for file in sorted((BUILDS / module.build).iterdir()) if file.suffix in (".mod", ".sum", ".go")]


def _place(program: Program) -> str:
    return program.module.build or program.module.name


def _linker(program: Program) -> list[str]:
    return list(versions().linker[_place(program)])


def _one_call(missing: list[str]) -> list[str]:
    """The programs that go into the next call: of one build, patched or not, no two of one file name."""
    programs = versions().programs
    first = programs[missing[0]]
    wave: dict[str, str] = {}
    for name in missing:
        program = programs[name]
        if _place(program) == _place(first) and program.patches == first.patches:
            wave.setdefault(_binary(program), name)
    return list(wave.values())


def _compile(wave: list[str], paths: Mapping[str, Path]) -> None:
    programs = {name: versions().programs[name] for name in wave}
    first = programs[wave[0]]
    with cache.locked(f"compile-{_place(first)}"):
        if all(paths[name].exists() for name in wave):
            return
        if len(wave) > 1:
            cache.require_room()
        output = cache.folder("programs", ".partial", _place(first))
        variables = " ".join(f"-X {variable}" for variable in _linker(first))
        folder, module_file = _source(first)
        with step(f"compiling {', '.join(wave)}", _usual_time(programs.values())):
            run(
                [
                    go(), "build", *module_file, "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {variables}",
                    "-o", f"{output}/", *(program.package for program in programs.values()),
                ],
                cwd=folder,
                env=environment(),
                remedy=REGISTRY,
            )  # fmt: skip
        for name, program in programs.items():
            paths[name].parent.mkdir(parents=True, exist_ok=True)
            (output / _binary(program)).rename(paths[name])


def _source(program: Program) -> tuple[Path, list[str]]:
    """The folder whose go.mod and go.sum pin what is compiled, and the flags by which others take their place.

    A module without a build is compiled in its own folder, as its authors do. (`go install path@version` would also ask
    the module proxy for the module's list of versions, which some proxies do not have.)
    """
    module, patches = program.module, program.patches
    source = patched_source(module.name, *patches) if patches else None
    if not module.build:
        return source or module_folder(module.name), []
    pins = BUILDS / module.build
    if source is None:
        return pins, []
    target = cache.folder("sources") / f"{source.name}.mod"
    target.write_text((pins / "go.mod").read_text() + f"\nreplace {module.path} => {source}\n")
    target.with_suffix(".sum").write_text((pins / "go.sum").read_text())
    return pins, [f"-modfile={target}"]


def _binary(program: Program) -> str:
    """The file name that the compiler gives a package's program: its last path element that is not a version."""
    last = [part for part in program.package.split("/") if not part[1:].isdigit()][-1]
    return last


def _usual_time(programs: Iterable[Program]) -> str:
    fast, slow = max(tuple(program.module.minutes) for program in programs)
    return f"{f'{fast} to {slow} minutes' if fast else 'under a minute'} the first time, seconds after"


def _copy_writable(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    Path(target).chmod(0o644)
    return target


def go() -> Path:
    """Return the Go toolchain: the one on PATH if it fits, else the wheel from PyPI."""
    wanted = versions().go
    return accepted_on_path(wanted) or from_pypi(wanted)
