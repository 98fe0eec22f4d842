"""A namespace of a test's own on a real cluster, and what tests do in it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from inferencepool_lab.builds.tools import tool
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.gateways.gateway import chosen
from inferencepool_rollout.failure import Failure
from kit.charts import Manifest

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
"""Labels of a namespace that takes only pods of the restricted profile of Pod Security."""


class Refused(Failure):
    """kubectl or helm ended non-zero; the message is all that it wrote to stderr."""


@dataclass(frozen=True)
class Namespace:
    """A namespace of a cluster, worked with by kubectl and by the cluster's helm."""

    cluster: Cluster
    name: str

    def by(self, helm: str) -> Namespace:
        """The same namespace, worked with by another helm: "helm3" or "helm4"."""
        return replace(self, cluster=replace(self.cluster, helm_tool=helm))

    @property
    def host(self) -> str:
        """A host name for the namespace's route, which no route of another namespace has."""
        return f"{self.name}.example.com"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of an operator's shell: KUBECONFIG, and helm and kubectl first on PATH."""
        programs = [str(tool(name).parent) for name in (self.cluster.helm_tool, "kubectl")]
        path = os.pathsep.join([*programs, os.environ["PATH"]])
        return {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "PATH": path}

    def kubectl(self, *arguments: str | Path, stdin: str | None = None, timeout: float = 300) -> str:
        """Run kubectl in the namespace and return what it prints; raises Refused."""
        return self._run("kubectl", *arguments, stdin=stdin, timeout=timeout)

    def helm(self, *arguments: str | Path, timeout: float = 300) -> str:
        """Run helm in the namespace and return what it prints; raises Refused."""
        return self._run(self.cluster.helm_tool, *arguments, timeout=timeout)

    def apply(self, *manifests: Manifest, server_side: bool = False) -> None:
        """Create or update objects, as `kubectl apply` does."""
        flags = ["--server-side"] if server_side else []
        self.kubectl("apply", "--filename=-", *flags, stdin=yaml.safe_dump_all(manifests))

    def get(self, name: str) -> Manifest:
        """The live object of that name, such as "httproute/route"."""
        found: Manifest = json.loads(self.kubectl("get", name, "--output=json"))
        return found

    def pods(self, selector: str = "", *, ending: bool = False) -> list[Manifest]:
        """The pods with these labels, all by default; with `ending` also those that are being deleted."""
        listed = json.loads(self.kubectl("get", "pods", f"--selector={selector}", "--output=json"))
        return [pod for pod in listed["items"] if ending or "deletionTimestamp" not in pod["metadata"]]

    def rolled_out(self, *deployments: str, seconds: float = 180) -> None:
        """Wait until each of the Deployments has all the pods that it asks for."""
        for name in deployments:
            self.kubectl("rollout", "status", f"deployment/{name}", f"--timeout={seconds:.0f}s", timeout=seconds + 30)

    def page(self, pod: str, port: int, path: str) -> str:
        """What a pod answers to GET, asked through the API server."""
        return self.kubectl("get", f"--raw={self._proxied(pod, port)}/{path}")

    def post(self, pod: str, port: int, path: str, body: Mapping[str, object]) -> str:
        """What a pod answers to POST with that JSON, asked through the API server."""
        raw = f"--raw={self._proxied(pod, port)}/{path}"
        return self.kubectl("create", raw, "--filename=-", stdin=json.dumps(body))

    def _proxied(self, pod: str, port: int) -> str:
        return f"/api/v1/namespaces/{self.name}/pods/{pod}:{port}/proxy"

    def _run(self, program: str, *arguments: str | Path, stdin: str | None = None, timeout: float) -> str:
        done = subprocess.run(
            [tool(program), "--namespace", self.name, *arguments],
            env=self.environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise Refused(done.stderr.strip())
        return done.stdout


@contextmanager
def new_namespace(
    cluster: Cluster,
    purpose: str,
    *,
    labels: Mapping[str, str] | None = None,
    uninstall: bool = False,
    wait: bool = False,
) -> Iterator[Namespace]:
    """A new namespace, named after its purpose, whose routes the Gateway takes; it is deleted when the block ends.

    `uninstall` its releases before, which only those need that have objects outside of the namespace. With `wait` the
    block ends once the namespace is gone.
    """
    namespace = Namespace(cluster, f"{purpose}-{secrets.token_hex(4)}")
    metadata = {"name": namespace.name, "labels": {**chosen().routes_from, **(labels or {})}}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    cluster.kubectl("create", "--filename=-", stdin=yaml.safe_dump(manifest))
    try:
        yield namespace
    finally:
        if uninstall and (releases := namespace.helm("list", "--short").split()):
            namespace.helm("uninstall", *releases)
        cluster.kubectl("delete", "namespace", namespace.name, f"--wait={str(wait).lower()}")
