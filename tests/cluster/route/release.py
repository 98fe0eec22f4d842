"""A release of charts/rollout-route in a namespace of its own, driven by a real helm."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from inferencepool_lab.builds.tools import tool

CHART = Path(__file__).parents[3] / "charts" / "rollout-route"
HELM_TIMEOUT_SECONDS = 120


class Refused(Exception):
    """helm or kubectl ended non-zero; the message is what it wrote."""


@dataclass(frozen=True)
class Release:
    """The release `route` in `namespace` of the API server of `kubeconfig`, handled by `helm` (helm3 or helm4)."""

    kubeconfig: Path
    namespace: str
    helm: str

    def by(self, helm: str) -> Release:
        """The same release, handled by another helm."""
        return replace(self, helm=helm)

    def install(self, *arguments: str) -> str:
        return self.run_helm("install", "route", str(CHART), *arguments)

    def upgrade(self, *arguments: str) -> str:
        return self.run_helm("upgrade", "route", str(CHART), *arguments)

    def rollback(self, revision: int, *arguments: str) -> str:
        return self.run_helm("rollback", "route", str(revision), *arguments)

    def run_helm(self, *arguments: str) -> str:
        return self._run([str(tool(self.helm)), *arguments])

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self._run([str(tool("kubectl")), *arguments], stdin)

    def apply(self, *manifests: dict[str, Any], arguments: tuple[str, ...] = ()) -> None:
        self.kubectl("apply", "--filename=-", *arguments, stdin=yaml.safe_dump_all(manifests))

    def add_pool(self, name: str, *, labels: dict[str, str] | None = None, ready: bool = True) -> None:
        """An InferencePool, the Service of its endpoint picker, and one model server's pod, `name`-0."""
        self.apply(*pool(name, labels), server(f"{name}-0", labels or {"app": name}))
        self.set_ready(f"{name}-0", ready)

    def set_ready(self, pod: str, ready: bool) -> None:
        """Write what a kubelet writes of a pod; none runs these, for no scheduler has their name."""
        status = {"conditions": [{"type": "Ready", "status": str(ready)}]}
        self.kubectl("patch", "pod", pod, "--subresource=status", f"--patch={json.dumps({'status': status})}")

    def live(self) -> dict[str, Any]:
        """The live HTTPRoute."""
        route: dict[str, Any] = json.loads(self.kubectl("get", "httproute", "route", "--output=json"))
        return route

    def rendered(self) -> dict[str, Any]:
        """The HTTPRoute in the manifest of the last revision."""
        manifests = yaml.safe_load_all(self.run_helm("get", "manifest", "route"))
        route: dict[str, Any] = next(m for m in manifests if m["kind"] == "HTTPRoute")
        return route

    def split(self) -> dict[str, int]:
        """Weight of every pool in the live split."""
        refs = self.live()["spec"]["rules"][-1]["backendRefs"]
        return {ref["name"]: ref["weight"] for ref in refs}

    def status(self) -> str:
        """Status of the last revision: deployed, failed, pending-upgrade."""
        status: str = json.loads(self.run_helm("status", "route", "--output=json"))["info"]["status"]
        return status

    def edit_by_hand(self, *operations: dict[str, Any]) -> None:
        """Change the live route past helm by a JSON patch, under the field manager of `kubectl edit`."""
        patch = f"--patch={json.dumps(operations)}"
        self.kubectl("patch", "httproute", "route", "--type=json", "--field-manager=kubectl-edit", patch)

    def _run(self, command: list[str], stdin: str | None = None) -> str:
        done = subprocess.run(
            [*command, "--namespace", self.namespace],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=HELM_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise Refused(done.stderr.strip())
        return done.stdout


def server(name: str, labels: dict[str, str]) -> dict[str, Any]:
    """A pod that no scheduler takes up."""
    spec = {"schedulerName": "nobody", "containers": [{"name": "server", "image": "example.com/server"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def pool(name: str, labels: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """An InferencePool, by default of the pods with the label app=`name`, and its endpoint picker's Service."""
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
