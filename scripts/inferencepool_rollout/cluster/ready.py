"""From nothing to a cluster that can take pools and a route."""

from __future__ import annotations

from inferencepool_rollout import cache
from inferencepool_rollout.cluster import gateway, kind
from inferencepool_rollout.cluster.kind import Cluster
from inferencepool_rollout.engine import engine
from inferencepool_rollout.images import pull

ISTIO = ("pilot", "proxyv2")
WORKLOAD = ("epp", "simulator", "lora-syncer")


def ready(name: str, port: int, workers: int = 0) -> Cluster:
    """Return the cluster of that name with CRDs, Istio, the Gateway and all images; what is done is not repeated.

    `port` of 127.0.0.1 will reach the Gateway, `workers` are as for kind.up. A second process waits for the first.
    Raises Failure with cause and remedy.
    """
    docker = engine()
    with cache.locked(f"cluster-{name}"):
        kind.require_ours(docker, name, port)
        pull.ensure(docker, ("node", *ISTIO, *WORKLOAD))
        cluster = kind.up(docker, name, port, workers)
        cluster.load(*ISTIO, *WORKLOAD)
        gateway.install(cluster)
    return cluster
