"""Flux's own helm-controller beside an API server: it does with charts what it does for its users."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from inferencepool_lab.builds.programs import compiled, module_folder
from inferencepool_lab.builds.tools import tool
from kit.api_server import ApiServer
from kit.charts import CHARTS, Manifest, documents
from kit.wait import wait_until

CRDS = (
    ("helm-controller", "helm.toolkit.fluxcd.io_helmreleases.yaml"),
    ("source-controller", "source.toolkit.fluxcd.io_helmcharts.yaml"),
    ("source-controller", "source.toolkit.fluxcd.io_ocirepositories.yaml"),
)
INTERVAL_SECONDS = 5
"""How often a HelmRelease is reconciled, which is also how often Flux looks for drift."""
SECONDS = 90.0
NOW = "2026-11-26T00:00:00Z"


@dataclass(frozen=True)
class Flux:
    """A namespace whose HelmReleases are reconciled."""

    server: ApiServer
    namespace: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the namespace and return what it prints; raises Failure."""
        return self.server.kubectl(*arguments, "--namespace", self.namespace, stdin=stdin)

    def apply(self, *manifests: Manifest) -> None:
        """Create or update objects of the namespace."""
        self.kubectl("apply", "--filename=-", stdin=documents(manifests))

    def get(self, name: str) -> Manifest:
        """The live object of that name, such as "httproute/route"."""
        found: Manifest = json.loads(self.kubectl("get", name, "--output=json"))
        return found

    def set_ready(self, pod: str, *, ready: bool) -> None:
        """Write what a kubelet would write of a pod."""
        patch = json.dumps({"status": {"conditions": [{"type": "Ready", "status": str(ready)}]}})
        self.kubectl("patch", "pod", pod, "--subresource=status", f"--patch={patch}")

    def release(self, name: str, chart: str, values: Mapping[str, Any], **spec: Any) -> str:
        """Ask for a release of a chart with these values; return why Flux could not make it, empty if it has."""
        spec = {
            "interval": f"{INTERVAL_SECONDS}s", "chartRef": {"kind": "OCIRepository", "name": chart}, "values": values,
            "install": {"disableWait": True}, "upgrade": {"disableWait": True}, **spec,
        }  # fmt: skip
        head = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": name}}
        self.apply({**head, "spec": spec})
        told: list[str] = []  # of the first time: a failure is tried again soon

        def dealt_with() -> bool:
            told.extend(self._told(name))
            return bool(told)

        wait_until(dealt_with, f"Flux has dealt with {name}", SECONDS)
        return told[0]

    def revisions(self, name: str) -> int:
        """How many revisions the release has, failed ones too."""
        return len(self.kubectl("get", "secrets", f"--selector=owner=helm,name={name}", "--output=name").split())

    def drifts(self, name: str) -> list[str]:
        """What Flux has said of drift of a release."""
        events = json.loads(self.kubectl("get", "events", "--output=json"))["items"]
        return [
            each["message"]
            for each in events
            if each["involvedObject"]["name"] == name and each["reason"] == "DriftDetected"
        ]

    def look_for_drift(self) -> None:
        """Wait for some of Flux's looks."""
        time.sleep(3 * INTERVAL_SECONDS)

    def _told(self, name: str) -> list[str]:
        """What Flux says of a release as it is asked for now: nothing yet, "" if it is made, or why it is not."""
        found = self.get(f"helmrelease/{name}")
        conditions = {each["type"]: each for each in found.get("status", {}).get("conditions", [])}
        ready = conditions.get("Ready", {})
        settled = ready.get("status") in ("True", "False") and ready.get("reason") != "ArtifactFailed"
        if not settled or ready.get("observedGeneration") != found["metadata"]["generation"]:
            return []
        return ["" if ready["status"] == "True" else ready["message"]]


@contextmanager
def flux(server: ApiServer, folder: Path, namespace: str) -> Iterator[Flux]:
    """Run the controller for a namespace that has both charts as sources, while the block runs."""
    program = compiled(["helm-controller"])["helm-controller"]
    for module, file in CRDS:
        server.kubectl("apply", "--server-side", "--filename", module_folder(module) / "config/crd/bases" / file)
    made = Flux(server, namespace)
    server.kubectl("create", "namespace", namespace)
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http, (folder / "helm-controller.log").open("w") as log:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        for chart in CHARTS.glob("*/Chart.yaml"):
            _source(made, chart.parent, folder, f"http://127.0.0.1:{http.server_port}")
        command: list[str | Path] = [
            program, "--watch-all-namespaces=false", "--metrics-addr=0", "--health-addr=0",
            "--interval-jitter-percentage=0", "--graceful-shutdown-timeout=1s",
        ]  # fmt: skip
        environment = {**os.environ, "KUBECONFIG": str(server.kubeconfig), "RUNTIME_NAMESPACE": namespace}
        with subprocess.Popen(command, env=environment, stdout=log, stderr=log) as controller:
            try:
                yield made
            finally:
                controller.terminate()
        http.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def _source(made: Flux, chart: Path, folder: Path, url: str) -> None:
    """Package a chart, and say of it what Flux's source-controller says of one that it has stored."""
    subprocess.run([tool("helm4"), "package", chart, "--destination", folder], check=True, capture_output=True)
    (package,) = folder.glob(f"{chart.name}-*.tgz")
    version = package.stem.removeprefix(f"{chart.name}-")
    digest = f"sha256:{hashlib.sha256(package.read_bytes()).hexdigest()}"
    head = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository", "metadata": {"name": chart.name}}
    made.apply({**head, "spec": {"interval": "1h", "url": f"oci://registry.example.com/{chart.name}"}})
    artifact = {
        "digest": digest, "path": package.name, "revision": f"{version}@{digest}", "url": f"{url}/{package.name}",
        "lastUpdateTime": NOW, "size": package.stat().st_size,
    }  # fmt: skip
    ready = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored", "lastTransitionTime": NOW}
    status = {"observedGeneration": 1, "artifact": artifact, "conditions": [{**ready, "observedGeneration": 1}]}
    patch = f"--patch={json.dumps({'status': status})}"
    made.kubectl("patch", "ocirepository", chart.name, "--subresource=status", "--type=merge", patch)
