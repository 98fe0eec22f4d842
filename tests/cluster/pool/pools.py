"""Releases of the pool's chart in one namespace, driven by a real helm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from charts import CHARTS, VALUES, Manifest, render
from inferencepool_lab.cluster.handle import Cluster

READY_SECONDS = 120


@dataclass(frozen=True)
class Pools:
    """The pools of one namespace."""

    cluster: Cluster
    namespace: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    def helm(self, command: str, release: str, *arguments: str) -> str:
        return self.cluster.helm(command, release, "--namespace", self.namespace, *arguments)

    def install(self, release: str, values: Mapping[str, Any]) -> None:
        """Install or upgrade a release with the demo's values and these, and wait until it is ready."""
        self.start(release, values)
        self.wait_until_ready(release, values.get("epp.replicas", 1))

    def start(self, release: str, values: Mapping[str, Any]) -> None:
        """Install or upgrade a release with the demo's values and these, key to value."""
        sets = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
        self.helm(
            "upgrade", release, str(CHARTS / "inferencepool"), "--install",
            f"--values={VALUES / 'pool/kind/simulator.yaml'}", *sets,
        )  # fmt: skip

    def wait_until_ready(self, release: str, epps: int = 1) -> None:
        """Wait until a release is ready: its servers, and its EPP or, of several, the one that leads.

        helm's own wait would not end with several EPPs, of which only the leader gets ready.
        """
        limit = f"--timeout={READY_SECONDS}s"
        self.kubectl("rollout", "status", f"deployment/{release}", limit)
        if epps == 1:
            self.kubectl("rollout", "status", f"deployment/{release}-epp", limit)
        self.kubectl("wait", f"deployment/{release}-epp", "--for=jsonpath={.status.readyReplicas}=1", limit)

    def rendered(self, release: str, values: Mapping[str, Any]) -> list[Manifest]:
        """The objects of a release with the demo's values and these, without those of its test."""
        files = [VALUES / "pool/kind/simulator.yaml"]
        found = render("inferencepool", release, values, files=files, namespace=self.namespace)
        return [m for m in found if "helm.sh/hook" not in m["metadata"].get("annotations", {})]

    def apply(self, manifests: list[Manifest]) -> None:
        self.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(manifests))

    def log(self, deployment: str) -> str:
        """What the pods of a deployment have written, those that were restarted included."""
        selector = f"app.kubernetes.io/instance={deployment.removesuffix('-epp')},app.kubernetes.io/component=epp"
        now = self.kubectl("logs", f"--selector={selector}", "--container=epp", "--tail=-1")
        names = self.kubectl("get", "pods", f"--selector={selector}", "--output=name").split()
        for name in names:
            status = json.loads(self.kubectl("get", name, "--output=json"))["status"]
            if any(container["restartCount"] for container in status.get("containerStatuses", [])):
                now += self.kubectl("logs", name, "--container=epp", "--previous", "--tail=-1")
        return now
