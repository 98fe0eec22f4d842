"""Command line tools: the one on PATH where its version fits, else one compiled into the cache."""

from __future__ import annotations

import functools
from pathlib import Path

from inferencepool_lab.builds.found import accepted_on_path
from inferencepool_lab.builds.programs import compiled
from inferencepool_lab.builds.versions import versions


def tool(name: str) -> Path:
    """Return the path of a tool of versions.toml; raises Failure when it is neither on PATH nor can be compiled."""
    return _found(name, versions().kubernetes)


@functools.cache
def _found(name: str, kubernetes: str) -> Path:
    """The path of a tool for a version of Kubernetes: kubectl is compiled for each."""
    wanted = versions().tools[name]
    return accepted_on_path(wanted) or compiled([wanted.program])[wanted.program]
