"""A release of charts/rollout-route in a namespace, by a real helm."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import yaml

from kit.charts import CHARTS, Manifest
from kit.namespace import Namespace

CHART = CHARTS / "rollout-route"


@dataclass(frozen=True)
class Release:
    """The release `route` of a namespace."""

    namespace: Namespace

    @property
    def tool(self) -> str:
        """The helm that it is worked with: "helm3" or "helm4"."""
        return self.namespace.cluster.helm_tool

    def by(self, helm: str) -> Release:
        """The same release, worked with by another helm."""
        return replace(self, namespace=self.namespace.by(helm))

    def install(self, *arguments: str) -> str:
        return self.namespace.helm("install", "route", CHART, *arguments)

    def upgrade(self, *arguments: str) -> str:
        return self.namespace.helm("upgrade", "route", CHART, *arguments)

    def rollback(self, revision: int, *arguments: str) -> str:
        return self.namespace.helm("rollback", "route", str(revision), *arguments)

    def add_pool(self, name: str, *, labels: dict[str, str] | None = None) -> None:
        """Make an InferencePool, its endpoint picker's Service, and one ready model server, the pod `name`-0."""
        self.namespace.apply(*pool(name, labels), server(f"{name}-0", labels or {"app": name}))
        self.set_ready(f"{name}-0", True)

    def set_ready(self, pod: str, ready: bool) -> None:
        """Write what a kubelet would write of a pod of `server`, which no kubelet runs."""
        patch = json.dumps({"status": {"conditions": [{"type": "Ready", "status": str(ready)}]}})
        self.namespace.kubectl("patch", "pod", pod, "--subresource=status", f"--patch={patch}")

    def live(self) -> Manifest:
        """The live HTTPRoute."""
        return self.namespace.get("httproute/route")

    def rendered(self) -> Manifest:
        """The HTTPRoute in the manifest of the last revision."""
        manifests = yaml.safe_load_all(self.namespace.helm("get", "manifest", "route"))
        route: Manifest = next(m for m in manifests if m["kind"] == "HTTPRoute")
        return route

    def split(self) -> dict[str, int]:
        """Weight of every pool in the live split."""
        refs = self.live()["spec"]["rules"][-1]["backendRefs"]
        return {ref["name"]: ref["weight"] for ref in refs}

    def status(self) -> str:
        """Status of the last revision: deployed, failed, pending-upgrade."""
        status: str = json.loads(self.namespace.helm("status", "route", "--output=json"))["info"]["status"]
        return status

    def edit_by_hand(self, *operations: dict[str, object]) -> None:
        """Change the live route past helm by a JSON patch, under the field manager of `kubectl edit`."""
        patch = f"--patch={json.dumps(operations)}"
        self.namespace.kubectl("patch", "httproute", "route", "--type=json", "--field-manager=kubectl-edit", patch)


def server(name: str, labels: dict[str, str]) -> Manifest:
    """A model server's pod that no scheduler takes up."""
    spec = {"schedulerName": "nobody", "containers": [{"name": "server", "image": "example.com/server"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def pool(name: str, labels: dict[str, str] | None = None) -> list[Manifest]:
    """An InferencePool, of the pods with the label app=`name` by default, and its endpoint picker's Service."""
    return [
        {
            "apiVersion": "inference.networking.k8s.io/v1",
            "kind": "InferencePool",
            "metadata": {"name": name},
            "spec": {
                "selector": {"matchLabels": labels or {"app": name}},
                "targetPorts": [{"number": 8000}],
                "endpointPickerRef": {"name": f"{name}-epp", "port": {"number": 9002}, "failureMode": "FailClose"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"{name}-epp"},
            "spec": {"selector": {"app": f"{name}-epp"}, "ports": [{"port": 9002, "appProtocol": "http2"}]},
        },
    ]
