"""What the laboratory and its tests need to know of a gateway.

A gateway is a folder beside this file. Its `__init__.py` defines GATEWAY; its images and modules are in versions.toml.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inferencepool_lab.cluster.handle import Cluster

CHOSEN = "istio"


@dataclass(frozen=True)
class Workload:
    """A Deployment of the gateway: its namespace, its name, and the label (`key=value`) that selects its pods."""

    namespace: str
    name: str
    label: str

    @property
    def words(self) -> tuple[str, str, str]:
        """The arguments by which kubectl finds it."""
        return ("--namespace", self.namespace, f"deployment/{self.name}")

    @property
    def pods(self) -> tuple[str, str, str, str]:
        """The arguments by which kubectl finds its pods."""
        return ("--namespace", self.namespace, "pods", f"--selector={self.label}")


@dataclass(frozen=True)
class Gateway:
    """A data plane of Gateway API that routes to InferencePools.

    `images` are keys of versions.toml. `install(cluster)` installs the gateway in a cluster that has these images and
    the CRDs of cluster/crds.py, and makes a Gateway named inference-gateway in the namespace default that answers at
    kind.GATEWAY_NODE_PORT of the node; a second call changes nothing. The Gateway takes routes of the namespaces that
    have the labels `routes_from`, of which default is one. `controller` programs `proxy`, which answers the requests.
    From `api_versions` the charts see that this gateway is there; `crds` define the kinds that they then render:
    modules of versions.toml, and a file or folder in each.
    """

    name: str
    images: Sequence[str]
    install: Callable[[Cluster], None]
    routes_from: Mapping[str, str]
    proxy: Workload
    controller: Workload
    api_versions: Sequence[str] = ()
    crds: Sequence[tuple[str, str]] = ()


def chosen() -> Gateway:
    """Return the gateway that clusters are made with."""
    gateway: Gateway = importlib.import_module(f"{__package__}.{CHOSEN}").GATEWAY
    return gateway
