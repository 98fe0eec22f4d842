"""Releases of the pool's chart in a namespace, by a real helm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit.charts import CHARTS, Manifest, render
from kit.namespace import Namespace
from kit.scenarios import KIND_POOL

CHART = CHARTS / "inferencepool"
PARENTS = [{"name": "inference-gateway", "namespace": "default"}]
"""References to the cluster's one Gateway."""
PREVIEW = {"preview.parentRefs": PARENTS}
"""Values of a pool that testers reach through the gateway."""
TESTERS = "x-inferencepool"
"""Header by which testers reach one pool: NAMESPACE/RELEASE."""
NO_SERVERS = {"modelServer.replicas": 0, "lora": {"mode": "none", "adapters": []}, "aliases": [], "objectives": []}
"""Values of an EPP whose pool has no model server."""


def part(component: str, release: str = "") -> str:
    """Label selector of a pool's pods: "model-server" or "epp", of one release or of all."""
    of_release = f"app.kubernetes.io/instance={release}," if release else ""
    return f"{of_release}app.kubernetes.io/component={component}"


def install(
    namespace: Namespace, release: str, values: Mapping[str, Any] | None = None, *, file: Path = KIND_POOL
) -> None:
    """Install or upgrade a release with the values of `file` and these, by dotted key; wait until it is ready."""
    start(namespace, release, values, file=file)
    wait_until_ready(namespace, release, (values or {}).get("epp.replicas", 1))


def start(
    namespace: Namespace, release: str, values: Mapping[str, Any] | None = None, *, file: Path = KIND_POOL
) -> None:
    """As install, without the wait."""
    namespace.helm("upgrade", release, CHART, "--install", "--values", file, *set_json(values or {}))


def change(namespace: Namespace, release: str, values: Mapping[str, Any]) -> None:
    """Upgrade a release with what it was installed with and these values, and wait until it is ready."""
    namespace.helm("upgrade", release, CHART, "--reset-then-reuse-values", *set_json(values), "--wait", "--timeout=3m")


def set_json(values: Mapping[str, Any]) -> list[str]:
    """Helm's flags for values by their dotted keys."""
    return [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]


def wait_until_ready(namespace: Namespace, release: str, epps: int = 1) -> None:
    """Wait until a release is ready: its servers, and its EPP or, of several, the one that leads.

    helm's own wait would not end with several EPPs, of which only the leader gets ready.
    """
    namespace.rolled_out(release, *([f"{release}-epp"] if epps == 1 else []))
    namespace.kubectl("wait", f"deployment/{release}-epp", "--for=jsonpath={.status.readyReplicas}=1", "--timeout=120s")


def rendered(namespace: Namespace, release: str, values: Mapping[str, Any]) -> list[Manifest]:
    """The objects of a release with the values for kind and these, without those of its test."""
    found = render("inferencepool", release, files=[KIND_POOL], arguments=set_json(values), namespace=namespace.name)
    return [m for m in found if "helm.sh/hook" not in m["metadata"].get("annotations", {})]


def epp_log(namespace: Namespace, release: str) -> str:
    """What the EPPs of a release have written, also before they were restarted."""
    log = namespace.kubectl("logs", f"--selector={part('epp', release)}", "--container=epp", "--tail=-1")
    for pod in namespace.pods(part("epp", release), ending=True):
        if any(container["restartCount"] for container in pod["status"].get("containerStatuses", [])):
            name = pod["metadata"]["name"]
            log += namespace.kubectl("logs", name, "--container=epp", "--previous", "--tail=-1")
    return log
