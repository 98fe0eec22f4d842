"""The demo's two pools, for tests that run its stages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.demo import enough, install_pools

REQUESTS = enough()
"""What a stage is judged by: as many as the demo's claim needs."""


@contextmanager
def demo_pools(cluster: Cluster) -> Iterator[Cluster]:
    """pool-old and pool-new, ready and without a route, in the namespace of the Gateway, while the block runs."""
    try:
        install_pools(cluster)
        yield cluster
    finally:
        cluster.helm("uninstall", "route", "pool-old", "pool-new", "--ignore-not-found", "--wait")
