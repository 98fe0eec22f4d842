"""Which ports a pod reaches, asked from the node in the pod's own network: an image without a shell is asked too."""

from __future__ import annotations

from dataclasses import dataclass

from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster.handle import Cluster
from kit.namespace import Namespace
from kit.node import on_node, processes

CONNECT_SECONDS = 5
VISITED = (8443, 8081)  # where a visitor listens


@dataclass(frozen=True)
class Pod:
    """A pod: where it is reached, and from where it reaches others."""

    cluster: Cluster
    uid: str
    address: str

    def reached(self, *targets: tuple[Pod, int]) -> set[tuple[Pod, int]]:
        """Those ports of other pods to which a TCP connection opens."""
        asked = {f"{pod.address}/{port}": (pod, port) for pod, port in targets}
        enter = ("nsenter", "--target", processes(self.cluster, self.uid)[0], "--net")
        printed = on_node(self.cluster, *enter, "bash", "-c", _CONNECT, "connect", *asked)
        return {asked[opened] for opened in printed.split()}


def pods(namespace: Namespace, selector: str) -> list[Pod]:
    """The pods with these labels that are not ending."""
    return [Pod(namespace.cluster, pod["metadata"]["uid"], pod["status"]["podIP"]) for pod in namespace.pods(selector)]


def visitor(namespace: Namespace, name: str) -> Pod:
    """A new pod that belongs to nobody and listens on VISITED."""
    image = versions().images["lora-syncer"].name
    containers = [
        {"name": f"port-{port}", "image": image, "command": ["python3", "-m", "http.server", str(port)]}
        for port in VISITED
    ]
    spec = {"terminationGracePeriodSeconds": 0, "containers": containers}
    namespace.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}
    )
    namespace.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=120s")
    (made,) = pods(namespace, f"app={name}")
    return made


_CONNECT = f"""
for target in "$@"; do
    (timeout {CONNECT_SECONDS} bash -c "exec 3<>/dev/tcp/$target" 2>/dev/null && echo "$target") &
done
wait
"""
