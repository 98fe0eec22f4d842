"""The pools that the tests of real vLLM share: each server takes a minute of a core and 2 GB of memory to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.images import pull
from kit.namespace import new_namespace
from long.vllm.servers import Servers

MISSING = [{"id": "food-review-1", "source": "/adapters/nowhere"}]


@pytest.fixture(scope="session")
def starting(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """All pools, started side by side: pool-old and pool-new, pool-missing whose adapter is not there, and
    pool-resolver, which loads what a request names."""
    pull.ensure(cluster.docker, ("vllm-cpu",))
    cluster.load("vllm-cpu")
    with new_namespace(cluster, "vllm", wait=True) as namespace:
        servers = Servers(namespace)
        servers.fill_claims(tmp_path_factory.mktemp("vllm"))
        servers.install("pool-old")
        servers.install("pool-new")
        servers.install("pool-missing", {"lora.adapters": MISSING})
        servers.install("pool-resolver", {"lora.mode": "resolver", "lora.adapters": []})
        yield servers
    servers.remove_claims()


@pytest.fixture(scope="session")
def servers(starting: Servers) -> Servers:
    """The pools, of which pool-old and pool-new serve."""
    starting.wait_until_ready("pool-old", "pool-new")
    return starting
