"""Making and removing the kind cluster; what the harness did not make it does not touch."""

from __future__ import annotations

import shutil
import socket

import yaml

from inferencepool_lab.builds import cache
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster import nodes, state
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.docker import Engine
from inferencepool_lab.images import build
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.progress import step

GATEWAY_NODE_PORT = 30080


def require_ours(engine: Engine, name: str, port: int) -> None:
    """Raise Failure when a cluster of that name is not ours, or when the port for a new one is taken."""
    container = _container(engine, name)
    if container and not state.read(name):
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
    state.write(name, {"port": port})
    with step(f"making the kind cluster {name}", "20 s"):
        cluster.kind(
            "create", "cluster", "--name", name, "--config", "-", "--kubeconfig", cluster.kubeconfig, "--wait", "180s",
            stdin=yaml.safe_dump(_config(engine, port, workers)),
        )  # fmt: skip
    if workers:
        with step(f"joining {workers} more nodes", "10 s"):
            nodes.join(cluster, bridged=built_here(engine))
    state.write(name, {"port": port, "container": _container(engine, name)})
    return cluster


def down(engine: Engine, name: str) -> bool:
    """Remove the cluster of that name if the harness made it; return whether there was one."""
    if not state.read(name):
        return False
    Cluster(engine, name, 0).kind("delete", "cluster", "--name", name)
    shutil.rmtree(state.folder_of(name))
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
    known, container = state.read(name), _container(engine, name)
    running = f"true {versions().images['node'].name}"
    return (
        container != ""
        and (known.get("container"), known.get("port")) == (container, port)
        and engine.docker("inspect", "--format", "{{.State.Running}} {{.Config.Image}}", container).strip() == running
    )


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Failure(f"port {port} of 127.0.0.1 is taken ({error.strerror}); choose another with --port") from None
