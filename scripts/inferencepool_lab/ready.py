"""From nothing to a cluster that can take pools and a route."""

from __future__ import annotations

from inferencepool_lab import docker
from inferencepool_lab.builds import cache
from inferencepool_lab.cluster import crds, kind
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.gateways.gateway import chosen
from inferencepool_lab.images import pull

WORKLOAD = ("epp", "simulator", "lora-syncer")


def ready(name: str, port: int, workers: int = 0) -> Cluster:
    """Return the cluster of that name with CRDs, the gateway and all images; what is done is not repeated.

    `port` of 127.0.0.1 will reach the Gateway, `workers` are as for kind.up. A second process waits for the first.
    Raises Failure with cause and remedy.
    """
    daemon, gateway = docker.ensure(), chosen()
    images = (*gateway.images, *WORKLOAD)
    with cache.locked(f"cluster-{name}"):
        kind.require_usable(daemon, name, port)
        pull.ensure(daemon, ("node", *images))
        cluster = kind.up(daemon, name, port, workers)
        cluster.load(*images)
        crds.apply(cluster)
        gateway.install(cluster)
    return cluster
