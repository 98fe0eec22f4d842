"""Making and removing the kind cluster; what the harness did not make it does not touch."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import CoreV1Api
from kubernetes.config import new_client_from_config

from inferencepool_rollout import cache
from inferencepool_rollout.cluster import nodes
from inferencepool_rollout.engine import Engine
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.images import build
from inferencepool_rollout.process import run
from inferencepool_rollout.progress import step
from inferencepool_rollout.tools import tool
from inferencepool_rollout.versions import versions

GATEWAY_NODE_PORT = 30080


@dataclass(frozen=True)
class Cluster:
    """A kind cluster of ours: its engine, its name, and the port of 127.0.0.1 that reaches the Gateway.

    `helm_tool`, "helm4" or "helm3", is the helm that it is worked with.
    """

    engine: Engine
    name: str
    port: int
    helm_tool: str = "helm4"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig file of this cluster alone; the user's own is left untouched."""
        return _state_folder(self.name) / "kubeconfig"

    @property
    def gateway_url(self) -> str:
        """Where the Gateway answers from the host."""
        return f"http://127.0.0.1:{self.port}"

    def core(self) -> CoreV1Api:
        """Return the core API of this cluster."""
        return CoreV1Api(new_client_from_config(str(self.kubeconfig)))  # type: ignore[no-untyped-call]

    def kubectl(self, *arguments: str | Path, stdin: str | None = None, timeout: float | None = 300) -> str:
        """Run kubectl against this cluster and return what it prints; raises Failure with its cause."""
        return run([tool("kubectl"), "--kubeconfig", self.kubeconfig, *arguments], stdin=stdin, timeout=timeout)

    def helm(self, *arguments: str | Path, timeout: float | None = 300) -> str:
        """Run helm against this cluster and return what it prints; raises Failure with its cause."""
        return run([tool(self.helm_tool), "--kubeconfig", self.kubeconfig, *arguments], timeout=timeout)

    def load(self, *images: str) -> None:
        """Load images, by their keys in versions.toml, from the engine into the node, unless it has just these."""
        names = [versions().images[key].name for key in images]
        state = _state(self.name)
        loaded = dict(
            zip(names, self.engine.docker("image", "inspect", "--format", "{{.Id}}", *names).split(), strict=True)
        )
        names = [name for name in names if state.get("loaded", {}).get(name) != loaded[name]]
        if not names:
            return
        with step(f"loading {', '.join(images)} into the node", "seconds to minutes"):
            self._kind("load", "docker-image", "--name", self.name, *names)
        _write_state(self.name, {**state, "loaded": {**state.get("loaded", {}), **loaded}})

    def _kind(self, *arguments: str | Path, stdin: str | None = None) -> str:
        return run([tool("kind"), *arguments], env=self.engine.environment, stdin=stdin, timeout=600)


def require_ours(engine: Engine, name: str, port: int) -> None:
    """Raise Failure when a cluster of that name is not ours, or when the port for a new one is taken."""
    container = _container(engine, name)
    if container and not _state(name):
        raise Failure(
            f"a kind cluster named {name} is there that this harness did not make; remove it with "
            f"`kind delete cluster --name {name}`, or choose another name with --name"
        )
    if not _serves(engine, name, port):
        down(engine, name)
        _require_free(port)


def up(engine: Engine, name: str, port: int, workers: int = 0) -> Cluster:
    """Return the cluster of that name, making it unless it runs already; raises Failure as require_ours does.

    Its `workers`, nodes beside the first, are cordoned: they take pods from when they are uncordoned.
    """
    cluster = Cluster(engine, name, port)
    require_ours(engine, name, port)
    if _serves(engine, name, port):
        return cluster
    _write_state(name, {"port": port})
    with step(f"making the kind cluster {name}", "20 s"):
        cluster._kind(
            "create", "cluster", "--name", name, "--config", "-", "--kubeconfig", cluster.kubeconfig, "--wait", "180s",
            stdin=yaml.safe_dump(_config(engine, port, workers)),
        )  # fmt: skip
    if workers:
        with step(f"joining {workers} more nodes", "10 s"):
            nodes.join(cluster, bridged=built_here(engine))
    _write_state(name, {"port": port, "container": _container(engine, name)})
    return cluster


def down(engine: Engine, name: str) -> bool:
    """Remove the cluster of that name if the harness made it; return whether there was one."""
    if not _state(name):
        return False
    Cluster(engine, name, 0)._kind("delete", "cluster", "--name", name)
    shutil.rmtree(_state_folder(name))
    return True


def ours() -> list[str]:
    """Names of the clusters that the harness made and that were not removed yet."""
    return sorted(path.parent.name for path in (cache.root() / "clusters").glob("*/state.json"))


def built_here(engine: Engine) -> bool:
    """Whether the node's image is the one built from registry packages, whose network is a bridge."""
    return bool(build.inputs_label(engine, versions().images["node"].name))


def _config(engine: Engine, port: int, workers: int) -> dict[str, object]:
    """kind's configuration (kind.x-k8s.io/v1alpha4): the published node's, or what the one built here needs."""
    image = versions().images["node"].name
    first: dict[str, object] = {
        "role": "control-plane",
        "image": image,
        "extraPortMappings": [
            {"containerPort": GATEWAY_NODE_PORT, "hostPort": port, "listenAddress": "127.0.0.1", "protocol": "TCP"}
        ],
    }
    others = [{"role": "worker", "image": image} for _ in range(workers)]
    config: dict[str, object] = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [first, *others]}
    if built_here(engine):
        config["networking"] = {"disableDefaultCNI": True, "podSubnet": "10.244.0.0/16"}
    if engine.runc:
        config["featureGates"] = {"KubeletInUserNamespace": True}
    if engine.cgroup_v1:
        config["kubeadmConfigPatches"] = ["kind: KubeletConfiguration\nfailCgroupV1: false\n"]
    return config


def _container(engine: Engine, name: str) -> str:
    """The id of the control plane's container, or "" where there is no such cluster."""
    labels = (f"label=io.x-k8s.kind.cluster={name}", "label=io.x-k8s.kind.role=control-plane")
    filters = [word for label in labels for word in ("--filter", label)]
    return engine.docker("ps", "--all", "--quiet", "--no-trunc", *filters).strip()


def _serves(engine: Engine, name: str, port: int) -> bool:
    """Whether the cluster that the harness recorded runs, on that port, from today's node image."""
    state, container = _state(name), _container(engine, name)
    running = f"true {versions().images['node'].name}"
    return (
        container != ""
        and (state.get("container"), state.get("port")) == (container, port)
        and engine.docker("inspect", "--format", "{{.State.Running}} {{.Config.Image}}", container).strip() == running
    )


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Failure(f"port {port} of 127.0.0.1 is taken ({error.strerror}); choose another with --port") from None


def _state_folder(name: str) -> Path:
    return cache.root() / "clusters" / name


def _state(name: str) -> dict[str, Any]:
    """What the harness wrote before (port) and after (container, loaded) it made the cluster; empty if it did not."""
    try:
        state: dict[str, Any] = json.loads((_state_folder(name) / "state.json").read_text())
    except FileNotFoundError:
        return {}
    return state


def _write_state(name: str, state: Mapping[str, Any]) -> None:
    folder = cache.folder("clusters", name)
    (folder / "state.json.new").write_text(json.dumps(state))
    (folder / "state.json.new").rename(folder / "state.json")
