"""Command line tools: the one on PATH where its version fits, else one compiled into the cache."""

from __future__ import annotations

import functools
from pathlib import Path

from inferencepool_rollout.found import accepted_on_path
from inferencepool_rollout.programs import compiled
from inferencepool_rollout.versions import versions


@functools.cache
def tool(name: str) -> Path:
    """Return the path of a tool of versions.toml; raises Failure when it is neither on PATH nor can be compiled."""
    wanted = versions().tools[name]
    return accepted_on_path(wanted) or compiled([wanted.program])[wanted.program]
