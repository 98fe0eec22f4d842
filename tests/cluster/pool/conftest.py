"""A namespace that the tests of one module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.namespace import RESTRICTED, Namespace, new_namespace


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace that enforces the restricted profile of Pod Security, gone when the module's tests have ended."""
    with new_namespace(cluster, "pool", labels=RESTRICTED) as made:
        yield made
