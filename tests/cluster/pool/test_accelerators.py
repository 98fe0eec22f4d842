"""The real scheduler puts each accelerator preset on its own nodes, and says what is missing where there are none.

The nodes are objects of the API alone: nothing runs there, so that a pod is bound and stays Pending. A taint keeps all
other pods away from them, and a label keeps these pods away from all other nodes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from kit.charts import CHARTS, Manifest, only, render
from kit.namespace import Namespace

OWNER = "inferencepool-rollout.test/nodes"
PATIENCE_SECONDS = 45


@dataclass(frozen=True)
class Offer:
    """A preset at a provider, the labels of a node that has it, and its resource there ("" for none)."""

    preset: str
    provider: str
    count: int
    labels: dict[str, str]
    resource: str

    @property
    def name(self) -> str:
        return f"{self.preset}-{self.provider}".replace(".", "-")

    def is_like(self, other: Offer) -> bool:
        return (self.labels, self.resource, self.count) == (other.labels, other.resource, other.count)


def offers() -> list[Offer]:
    found = []
    for path in sorted((CHARTS / "inferencepool/files/accelerators").glob("*.yaml")):
        family = yaml.safe_load(path.read_text())
        for preset, data in family["presets"].items():
            for provider, nodes in data["nodes"].items():
                labels = {label: values[0] for label, values in nodes.items() if values}
                topologies = data.get("topologies", {"1": ""})
                count = int(next(iter(topologies)))
                if "topologyLabel" in family:
                    labels[family["topologyLabel"]] = topologies[str(count)]
                resource = data.get("resourceByProvider", {}).get(
                    provider, data.get("resource", family.get("resource", ""))
                )
                found.append(Offer(preset, provider, count, labels, resource))
    return found


@dataclass(frozen=True)
class Nodes:
    """A namespace, and the nodes and pods that are made for it."""

    namespace: Namespace

    def add_nodes(self, labels: dict[str, dict[str, str]]) -> None:
        """Make ready nodes without accelerators, by name and labels."""
        taint = {"key": OWNER, "value": self.namespace.name, "effect": "NoSchedule"}
        nodes = [_node(name, {**own, OWNER: self.namespace.name}, {"taints": [taint]}) for name, own in labels.items()]
        self.namespace.kubectl("create", "--filename=-", stdin=yaml.safe_dump_all(nodes))
        self.give({name: {} for name in labels})

    def give(self, resources: dict[str, dict[str, int]]) -> None:
        """Let nodes report extended resources beside what every node has."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Test",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        nodes = []
        for name, own in resources.items():
            has = {"cpu": "256", "memory": "2Ti", "pods": "100", **{key: str(value) for key, value in own.items()}}
            nodes.append({**_node(name), "status": {"capacity": has, "allocatable": has, "conditions": [ready]}})
        self.namespace.kubectl(
            "apply", "--server-side", "--force-conflicts", "--subresource=status", "--filename=-",
            stdin=yaml.safe_dump_all(nodes),
        )  # fmt: skip

    def add_pods(self, pods: dict[str, Manifest]) -> None:
        """Make pods by name from rendered Deployments."""
        made = []
        for name, deployment in pods.items():
            template = deployment["spec"]["template"]
            made.append(
                {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": name}}
            )
        self.namespace.kubectl("create", "--filename=-", stdin=yaml.safe_dump_all(made))

    def until(self, there: Callable[[dict[str, Manifest]], bool]) -> dict[str, Manifest]:
        """The pods by name, as soon as `there` holds, or else when patience ends."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            pods = {pod["metadata"]["name"]: pod for pod in self.namespace.pods(ending=True)}
            if there(pods) or time.monotonic() > end:
                return pods
            time.sleep(0.5)


def _node(name: str, labels: dict[str, str] | None = None, spec: dict[str, Any] | None = None) -> Manifest:
    metadata = {"name": name, **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, **({"spec": spec} if spec else {})}


@pytest.fixture
def nodes(namespace: Namespace) -> Iterator[Nodes]:
    yield Nodes(namespace)
    namespace.kubectl("delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false")
    namespace.kubectl("delete", "nodes", "--selector", f"{OWNER}={namespace.name}", "--wait=false")


def pool(namespace: str, accelerator: dict[str, Any], provider: str = "bare") -> list[Manifest]:
    """The rendered release of an accelerator, whose pods go to the nodes of `namespace` alone."""
    server = {
        "image": {"repository": "example/vllm"},
        "nodeSelector": {OWNER: namespace},
        "tolerations": [{"key": OWNER, "operator": "Equal", "value": namespace, "effect": "NoSchedule"}],
    }
    values = {"provider": provider, "accelerator": accelerator, "modelServer": server, "lora": {"mode": "none"}}
    return render("inferencepool", "pool", values, namespace=namespace)


def deployment(manifests: list[Manifest]) -> Manifest:
    return only(manifests, "Deployment", "pool")


def node_of(pod: Manifest) -> str:
    name: str = pod["spec"].get("nodeName", "")
    return name


def reason(pod: Manifest) -> str:
    """Why the scheduler could not place the pod; empty if it did, or did not try yet."""
    conditions = {c["type"]: c for c in pod["status"].get("conditions", [])}
    message: str = conditions.get("PodScheduled", {}).get("message", "")
    return message


def test_each_preset_waits_for_its_own_node_and_says_why(nodes: Nodes) -> None:
    every = {offer.name: offer for offer in offers()}
    special = {name: offer for name, offer in every.items() if offer.resource}
    names = {name: f"{nodes.namespace.name}-{name}" for name in special}

    def needs(offer: Offer) -> Manifest:
        return deployment(pool(nodes.namespace.name, {"preset": offer.preset, "count": offer.count}, offer.provider))

    rendered = {name: needs(offer) for name, offer in every.items()}

    plain = f"{nodes.namespace.name}-plain"
    nodes.add_nodes({plain: {}})
    nodes.add_pods(rendered)
    pods = nodes.until(lambda pods: all(reason(pod) if name in special else node_of(pod) for name, pod in pods.items()))
    assert {name: node_of(pod) for name, pod in pods.items()} == dict.fromkeys(special, "") | dict.fromkeys(
        every.keys() - special.keys(), plain
    )
    assert [name for name in special if "didn't match Pod's node affinity/selector" not in reason(pods[name])] == []

    def lacks(name: str, pods: dict[str, Manifest]) -> bool:
        return f"Insufficient {special[name].resource}" in reason(pods[name])

    nodes.add_nodes({names[name]: offer.labels for name, offer in special.items()})
    pods = nodes.until(lambda pods: all(lacks(name, pods) for name in special))
    assert {name: reason(pods[name]) for name in special if not lacks(name, pods)} == {}

    nodes.give({names[name]: {offer.resource: offer.count} for name, offer in special.items()})
    pods = nodes.until(lambda pods: all(node_of(pod) for pod in pods.values()))
    named = {node: special[name] for name, node in names.items()}  # some providers have the same labels
    found = {name: named[node_of(pods[name])] if node_of(pods[name]) else None for name in special}
    assert [n for n, offer in found.items() if offer is None or not offer.is_like(special[n])] == []


def test_a_claim_finds_the_node_whose_device_is_the_one_of_the_preset(nodes: Nodes) -> None:
    products = {"l4": "NVIDIA L4", "h100": "NVIDIA H100 80GB HBM3"}
    nodes.add_nodes({f"{nodes.namespace.name}-{name}": {} for name in products})
    manifests = pool(nodes.namespace.name, {"preset": "nvidia-h100-80gb", "count": 2, "dra": {"enabled": True}})
    driver = "gpu.nvidia.com"
    selector = {"cel": {"expression": f"device.driver == '{driver}'"}}
    api = "resource.k8s.io/v1"
    device_class = {
        "apiVersion": api,
        "kind": "DeviceClass",
        "metadata": {"name": driver},
        "spec": {"selectors": [selector]},
    }
    slices = [
        {
            "apiVersion": api,
            "kind": "ResourceSlice",
            "metadata": {"name": f"{nodes.namespace.name}-{name}"},
            "spec": {
                "driver": driver,
                "nodeName": f"{nodes.namespace.name}-{name}",
                "pool": {"name": f"{nodes.namespace.name}-{name}", "generation": 1, "resourceSliceCount": 1},
                "devices": [{"name": f"gpu-{i}", "attributes": {"productName": {"string": product}}} for i in range(2)],
            },
        }
        for name, product in products.items()
    ]
    claims = yaml.safe_dump_all([only(manifests, "ResourceClaimTemplate"), device_class, *slices[:1]])
    try:
        nodes.namespace.kubectl("create", "--filename=-", stdin=claims)
        nodes.add_pods({"claimant": deployment(manifests)})
        pods = nodes.until(lambda pods: "cannot allocate all claims" in reason(pods["claimant"]))
        assert "cannot allocate all claims" in reason(pods["claimant"])
        nodes.namespace.kubectl("create", "--filename=-", stdin=yaml.safe_dump(slices[1]))
        pods = nodes.until(lambda pods: bool(node_of(pods["claimant"])))
        assert node_of(pods["claimant"]) == f"{nodes.namespace.name}-h100"
    finally:
        nodes.namespace.kubectl("delete", "deviceclass", driver, "--ignore-not-found")
        names = [f"{nodes.namespace.name}-{name}" for name in products]
        nodes.namespace.kubectl("delete", "resourceslice", *names, "--ignore-not-found")
