"""Pythons with one more package of PyPI, apart from the environment of requirements.lock, in the cache."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from inferencepool_lab.builds import cache
from inferencepool_rollout.progress import step


def python_with(package: str, version: str) -> Path:
    """Return the interpreter of an environment that has a package; installing it takes a minute or two, once.

    Run its programs by `-m`: scripts beside the interpreter name the folder in which they were made. Raises
    CalledProcessError if it cannot be installed.
    """
    target = cache.folder(package) / version
    with cache.made(target) as scratch:
        if scratch:
            with step(f"installing {package} {version}", "a minute or two"):
                subprocess.run([sys.executable, "-m", "venv", scratch], check=True)
                install = [str(scratch / "bin/python"), "-m", "pip", "install", "--quiet", f"{package}=={version}"]
                subprocess.run(install, check=True)
    return target / "bin/python"
