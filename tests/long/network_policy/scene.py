"""Two pools behind their NetworkPolicies, and pods that try their ports from everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kit.namespace import Namespace
from kit.pod_network import VISITED, Pod, pods, visitor
from kit.pools import part
from kit.two_pools import FAULTED, OTHER

NAMED, UNNAMED = VISITED
"""Ports of a visitor that the model servers' policy lets them reach, and that it does not."""
MONITORING = {"part": "monitoring"}
"""Labels of the namespace whose pods may read metrics."""
GATEWAY = {"gateway.networking.k8s.io/gateway-name": "inference-gateway"}
POLICIES = {
    "networkPolicy": {
        "enabled": True,
        "gateways": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}},
                "podSelector": {"matchLabels": GATEWAY},
            }
        ],
        "monitoring": [{"namespaceSelector": {"matchLabels": MONITORING}}],
        "modelServerEgress": [{"ports": [{"port": NAMED}]}],
    }
}
PORTS = {
    "http": ("model-server", 8000),
    "syncer": ("model-server", 8080),
    "grpc": ("epp", 9002),
    "health": ("epp", 9003),
    "metrics": ("epp", 9090),
}


@dataclass(frozen=True)
class Scene:
    """The pods of the first pool, and those that try its ports."""

    servers: list[Pod]
    epp: Pod
    others: Mapping[str, Pod]

    def open_to(self, who: str) -> set[str]:
        """Names of the ports of a model server and of the EPP that one of `others` reaches."""
        targets = {"model-server": self.servers[0], "epp": self.epp}
        asked = {(targets[component], port): name for name, (component, port) in PORTS.items()}
        return {asked[target] for target in self.others[who].reached(*asked)}


def scene_of(own: Namespace, monitoring: Namespace, elsewhere: Namespace) -> Scene:
    """The scene of the pools of `own`, with a new visitor in each of the namespaces."""
    of_gateway = ",".join(f"{key}={value}" for key, value in GATEWAY.items())
    (gateway, *_) = pods(Namespace(own.cluster, "default"), of_gateway)
    (epp,) = pods(own, part("epp", FAULTED))
    servers = pods(own, part("model-server", FAULTED))
    others = {
        "the gateway": gateway,
        "monitoring": visitor(monitoring, "prometheus"),
        "its other server": servers[1],
        "the other pool's EPP": pods(own, part("epp", OTHER))[0],
        "the other pool's server": pods(own, part("model-server", OTHER))[0],
        "a pod of the same namespace": visitor(own, "neighbour"),
        "a pod of another namespace": visitor(elsewhere, "stranger"),
    }
    return Scene(servers, epp, others)
