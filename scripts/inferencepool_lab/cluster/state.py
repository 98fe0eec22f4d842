"""What the laboratory remembers of the clusters that it made, so that it touches no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inferencepool_lab.builds import cache


def folder_of(name: str) -> Path:
    """The folder of a cluster's kubeconfig and state."""
    return cache.root() / "clusters" / name


def read(name: str) -> dict[str, Any]:
    """Return what was written before (port) and after (container, loaded) the cluster was made; empty if it was not."""
    try:
        state: dict[str, Any] = json.loads((folder_of(name) / "state.json").read_text())
    except FileNotFoundError:
        return {}
    return state


def write(name: str, state: Mapping[str, Any]) -> None:
    """Replace what is known of a cluster, in one rename."""
    folder = cache.folder("clusters", name)
    (folder / "state.json.new").write_text(json.dumps(state))
    (folder / "state.json.new").rename(folder / "state.json")
