"""The first node of a kind cluster, in which root sees and does what no client of the API can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from inferencepool_lab.cluster.handle import Cluster


def on_node(cluster: Cluster, *command: str) -> str:
    """Run a command in the node's container and return what it prints."""
    return cluster.docker.run("exec", f"{cluster.name}-control-plane", *command)


def processes(cluster: Cluster, uid: str) -> list[str]:
    """Process ids, in the node, of the containers of the pod with that uid.

    They are in the pod's cgroup, whose name has the uid with - (cgroupfs) or _ (systemd).
    """
    script = 'grep -l -e "$1" -e "$(echo "$1" | tr - _)" /proc/[0-9]*/cgroup 2>/dev/null || true'
    return re.findall(r"/proc/(\d+)/", on_node(cluster, "sh", "-c", script, "processes", uid))


@contextmanager
def api_server_stopped(cluster: Cluster) -> Iterator[None]:
    """Stop the API server's process while the block runs: connections stay open, and nothing is answered."""
    on_node(cluster, "pkill", "-STOP", "kube-apiserver")
    try:
        yield
    finally:
        on_node(cluster, "pkill", "-CONT", "kube-apiserver")
