"""Kubeconfigs for API servers that ask nobody who they are."""

from __future__ import annotations

from pathlib import Path

import yaml


def kubeconfig(folder: Path, url: str) -> Path:
    """Write a kubeconfig for the API server at `url` into `folder`, and return the file."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "nobody"}}],
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "nobody", "user": {}}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file
