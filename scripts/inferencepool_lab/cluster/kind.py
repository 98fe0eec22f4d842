"""Making and removing the kind cluster; a cluster that the laboratory did not make is left alone."""

from __future__ import annotations

import shutil
import socket

import yaml

from inferencepool_lab.builds import cache
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster import nodes, state
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.docker import Docker
from inferencepool_lab.images import build
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.progress import step

GATEWAY_NODE_PORT = 30080


def require_usable(docker: Docker, name: str, port: int) -> None:
    """Raise Failure when a cluster of that name is somebody else's, or when the port for a new one is taken."""
    container = _container(docker, name)
    if container and not state.read(name):
        raise Failure(
            f"a kind cluster named {name} exists that this project did not make; remove it with "
            f"`kind delete cluster --name {name}`, or choose another name with --name"
        )
    if not _serves(docker, name, port):
        down(docker, name)
        _require_free(port)


def up(docker: Docker, name: str, port: int, workers: int = 0) -> Cluster:
    """Return the cluster of that name, making it unless it runs already; raises Failure as require_usable does.

    Its `workers`, nodes beside the first, are cordoned: they take pods from when they are uncordoned.
    """
    cluster = Cluster(docker, name, port)
    require_usable(docker, name, port)
    if _serves(docker, name, port):
        return cluster
    state.write(name, {"port": port})
    with step(f"making the kind cluster {name}", "20 s"):
        cluster.kind(
            "create", "cluster", "--name", name, "--config", "-", "--kubeconfig", cluster.kubeconfig, "--wait", "180s",
            stdin=yaml.safe_dump(_config(docker, port, workers)),
        )  # fmt: skip
    if workers:
        with step(f"joining {workers} more nodes", "10 s"):
            nodes.join(cluster, bridged=built_here(docker))
    container = _container(docker, name)
    state.write(name, {"port": port, "container": container, "started": _started(docker, container)})
    return cluster


def down(docker: Docker, name: str) -> bool:
    """Remove the cluster of that name if the laboratory made it; return whether there was one."""
    if not state.read(name):
        return False
    Cluster(docker, name, 0).kind("delete", "cluster", "--name", name)
    shutil.rmtree(state.folder_of(name))
    return True


def names() -> list[str]:
    """Names of the clusters that the laboratory made and that were not removed yet."""
    return sorted(path.parent.name for path in (cache.root() / "clusters").glob("*/state.json"))


def built_here(docker: Docker) -> bool:
    """Whether the node's image is the one built from registry packages, whose network is a bridge."""
    return bool(build.inputs_label(docker, versions().images["node"].name))


def _config(docker: Docker, port: int, workers: int) -> dict[str, object]:
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
    if built_here(docker):
        config["networking"] = {"disableDefaultCNI": True, "podSubnet": "10.244.0.0/16"}
    if docker.runc:
        config["featureGates"] = {"KubeletInUserNamespace": True}
    if docker.cgroup_v1:
        config["kubeadmConfigPatches"] = ["kind: KubeletConfiguration\nfailCgroupV1: false\n"]
    return config


def _container(docker: Docker, name: str) -> str:
    """The id of the control plane's container, or "" where there is no such cluster."""
    labels = (f"label=io.x-k8s.kind.cluster={name}", "label=io.x-k8s.kind.role=control-plane")
    filters = [word for label in labels for word in ("--filter", label)]
    return docker.run("ps", "--all", "--quiet", "--no-trunc", *filters).strip()


def _serves(docker: Docker, name: str, port: int) -> bool:
    """Whether the cluster that the laboratory recorded runs since then, on that port, from today's node image.

    One whose node started again, as after a restart of the machine, is not used: its pods are said to be ready for up
    to a minute before they are.
    """
    known, container = state.read(name), _container(docker, name)
    if container == "" or (known.get("container"), known.get("port")) != (container, port):
        return False
    image = docker.run("inspect", "--format", "{{.Config.Image}}", container).strip()
    return image == versions().images["node"].name and known.get("started") == _started(docker, container)


def _started(docker: Docker, container: str) -> str:
    """When a container started last, in RFC 3339; "" for one that does not run."""
    return docker.run("inspect", "--format", "{{if .State.Running}}{{.State.StartedAt}}{{end}}", container).strip()


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Failure(f"port {port} of 127.0.0.1 is taken ({error.strerror}); choose another with --port") from None
