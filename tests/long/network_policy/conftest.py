"""A cluster whose network enforces policies, and two pools behind theirs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster import network_policy
from inferencepool_lab.cluster.handle import Cluster
from kit.cluster import standing
from kit.namespace import new_namespace
from kit.two_pools import FAULTED, OTHER, TwoPools, two_pools
from long.network_policy.scene import MONITORING, POLICIES, Scene, scene_of


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster of these tests' own: what enforces policies stays in it."""
    with standing(request.config, "-policy", 20) as made:
        network_policy.enforce(made)
        yield made


@pytest.fixture(scope="session")
def pools(cluster: Cluster) -> Iterator[TwoPools]:
    """Two pools behind their policies, which fail closed: without its EPP a request to one is lost."""
    with two_pools(cluster, "FailClose", {FAULTED: POLICIES, OTHER: POLICIES}) as made:
        yield made


@pytest.fixture(scope="session")
def scene(pools: TwoPools) -> Iterator[Scene]:
    """With a namespace whose pods may read metrics, and one of another team."""
    cluster = pools.namespace.cluster
    with (
        new_namespace(cluster, "monitoring", labels=MONITORING) as monitoring,
        new_namespace(cluster, "elsewhere") as elsewhere,
    ):
        yield scene_of(pools.namespace, monitoring, elsewhere)
