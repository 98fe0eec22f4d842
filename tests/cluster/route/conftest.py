"""What every test of the route's releases starts from: a namespace with two pools, and nothing that serves them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.namespace import new_namespace
from kit.route import Release


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def release(cluster: Cluster, helm: str) -> Iterator[Release]:
    """A release that is not installed yet, in a new namespace that holds pool-old and pool-new."""
    with new_namespace(cluster, "route") as namespace:
        release = Release(namespace).by(helm)
        release.add_pool("pool-old")
        release.add_pool("pool-new")
        yield release
