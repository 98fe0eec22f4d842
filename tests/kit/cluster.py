"""Clusters that tests run on: made or found ready, and removed in the end unless they are to stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from inferencepool_lab import docker
from inferencepool_lab.cluster import kind
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.ready import ready


@contextmanager
def standing(config: pytest.Config, suffix: str = "", ports_on: int = 0, workers: int = 0) -> Iterator[Cluster]:
    """The cluster of the options --cluster and --port, or one of its own beside that: `suffix` makes its name, and
    `ports_on` its port, of the option's; `workers` are as for kind.up."""
    made = ready(f"{config.getoption('--cluster')}{suffix}", config.getoption("--port") + ports_on, workers)
    yield made
    if not config.getoption("--keep-cluster"):
        kind.down(made.docker, made.name)
        if not kind.names():
            docker.stop()
