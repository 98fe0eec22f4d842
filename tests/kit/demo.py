"""The demo's two pools, for tests that run its stages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.demo import install_pools

REQUESTS = 1000
"""What a stage is judged by: with alpha = 0.001 a true 16 % in place of 10 % is refused with a power of 0.98."""


@contextmanager
def demo_pools(cluster: Cluster) -> Iterator[Cluster]:
    """pool-old and pool-new, ready and without a route, in the namespace of the Gateway, while the block runs."""
    try:
        install_pools(cluster)
        yield cluster
    finally:
        cluster.helm("uninstall", "route", "pool-old", "pool-new", "--ignore-not-found", "--wait")
