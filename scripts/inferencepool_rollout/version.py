"""Which version of the tool this is."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

NAME = "inferencepool-rollout"


def version() -> str:
    """Return the version of the installed wheel, or that of the checkout that the tool runs from."""
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
        return f"{project['version']} (checkout)"
