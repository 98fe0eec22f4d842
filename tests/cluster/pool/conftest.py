"""A namespace that the tests of one module share."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from cluster.pool.pools import Pools
from inferencepool_lab.cluster.handle import Cluster


@pytest.fixture(scope="module")
def pools(cluster: Cluster) -> Iterator[Pools]:
    """A namespace that enforces the restricted profile of Pod Security, gone when the module's tests have ended."""
    namespace = f"pool-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", namespace)
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    yield Pools(cluster, namespace)
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")
