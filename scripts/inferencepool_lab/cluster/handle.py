"""A kind cluster that the laboratory made, as other code works with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kubernetes.client import CoreV1Api
from kubernetes.config import new_client_from_config

from inferencepool_lab.builds.tools import tool
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster import state
from inferencepool_lab.docker import Docker
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.process import run
from inferencepool_rollout.progress import step


@dataclass(frozen=True)
class Cluster:
    """A kind cluster of the laboratory: its docker, its name, and the port of 127.0.0.1 that reaches the Gateway.

    `helm_tool`, "helm4" or "helm3", is the helm that it is worked with.
    """

    docker: Docker
    name: str
    port: int
    helm_tool: str = "helm4"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig file of this cluster alone; the user's own is left untouched."""
        return state.folder_of(self.name) / "kubeconfig"

    @property
    def gateway_url(self) -> str:
        """Where the Gateway answers from the host."""
        return f"http://127.0.0.1:{self.port}"

    def core(self) -> CoreV1Api:
        """Return the core API of this cluster."""
        return CoreV1Api(new_client_from_config(str(self.kubeconfig)))  # type: ignore[no-untyped-call]

    def client(self) -> Client:
        """Return the tool's client of this cluster."""
        return Client(kubeconfig=self.kubeconfig)

    def kubectl(self, *arguments: str | Path, stdin: str | None = None, timeout: float | None = 300) -> str:
        """Run kubectl against this cluster and return what it prints; raises Failure with its cause."""
        return run([tool("kubectl"), "--kubeconfig", self.kubeconfig, *arguments], stdin=stdin, timeout=timeout)

    def helm(self, *arguments: str | Path, timeout: float | None = 300) -> str:
        """Run helm against this cluster and return what it prints; raises Failure with its cause."""
        return run([tool(self.helm_tool), "--kubeconfig", self.kubeconfig, *arguments], timeout=timeout)

    def load(self, *images: str) -> None:
        """Load images, by their keys in versions.toml, from docker into the node, unless it has just these."""
        names = [versions().images[key].name for key in images]
        known = state.read(self.name)
        loaded = dict(
            zip(names, self.docker.run("image", "inspect", "--format", "{{.Id}}", *names).split(), strict=True)
        )
        names = [name for name in names if known.get("loaded", {}).get(name) != loaded[name]]
        if not names:
            return
        with step(f"loading {', '.join(images)} into the node", "seconds to minutes"):
            self.kind("load", "docker-image", "--name", self.name, *names)
        state.write(self.name, {**known, "loaded": {**known.get("loaded", {}), **loaded}})

    def kind(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kind with this cluster's docker and return what it prints; raises Failure with its cause."""
        return run([tool("kind"), *arguments], env=self.docker.environment, stdin=stdin, timeout=600)
