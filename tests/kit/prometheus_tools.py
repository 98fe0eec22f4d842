"""Prometheus and its tools: those on PATH, else those of Debian's package."""

from __future__ import annotations

import shutil

from inferencepool_lab.builds.debian import unpacked


def program(name: str) -> str:
    """Where `prometheus` or `promtool` stands; raises Failure where it is neither on PATH nor can be downloaded."""
    return shutil.which(name) or str(unpacked("prometheus") / "usr/bin" / name)
