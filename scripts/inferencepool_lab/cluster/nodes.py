"""More nodes than one: pods of each reach those of the others, and the first, which runs all so far, takes pods too."""

from __future__ import annotations

import json
from typing import Any

from inferencepool_lab.cluster.handle import Cluster

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
BRIDGE = "/etc/cni/net.d/10-bridge.conflist"
FIRST_RANGE = "10.244.0.0/24"  # what the bridge of the node image built here hands out


def join(cluster: Cluster, *, bridged: bool) -> None:
    """Cordon the workers and let the first node take pods; where the network is a bridge a node, route between them.

    `bridged` is the node image built here; the published one has a network that spans the nodes.
    """
    cluster.kubectl("wait", "nodes", "--all", "--for=jsonpath={.spec.podCIDR}", "--timeout=60s")
    found = json.loads(cluster.kubectl("get", "nodes", "--output=json"))["items"]
    if bridged:
        ranges = {node["metadata"]["name"]: node["spec"]["podCIDR"] for node in found}
        addresses = {node["metadata"]["name"]: _internal(node) for node in found}
        for name, own in ranges.items():
            cluster.docker.run("exec", name, "sed", "--in-place", f"s,{FIRST_RANGE},{own},", BRIDGE)
            for other in ranges.keys() - {name}:
                route = (ranges[other], "via", addresses[other])
                cluster.docker.run("exec", name, "ip", "route", "replace", *route)
    for node in found:
        name, taints = node["metadata"]["name"], node["spec"].get("taints", [])
        if CONTROL_PLANE not in node["metadata"]["labels"]:
            cluster.kubectl("cordon", name)
        elif any(taint["key"] == CONTROL_PLANE for taint in taints):
            cluster.kubectl("taint", "nodes", name, f"{CONTROL_PLANE}-")
    cluster.kubectl("wait", "nodes", "--all", "--for=condition=Ready", "--timeout=120s")


def _internal(node: dict[str, Any]) -> str:
    """The address at which the other nodes reach this one."""
    return next(str(a["address"]) for a in node["status"]["addresses"] if a["type"] == "InternalIP")
