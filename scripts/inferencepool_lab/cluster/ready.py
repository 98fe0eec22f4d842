"""From nothing to a cluster that can take pools and a route."""

from __future__ import annotations

from inferencepool_lab.builds import cache
from inferencepool_lab.cluster import kind
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.docker import engine
from inferencepool_lab.gateways.istio import install as istio
from inferencepool_lab.images import pull

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
        istio.install(cluster)
    return cluster
