"""How each fault is injected into the faulted pool, or into what both pools share, and how it is undone."""

from __future__ import annotations

import time

from inferencepool_lab.builds.versions import versions
from inferencepool_lab.gateways.gateway import chosen
from inferencepool_rollout.failure import Failure
from kit.node import on_node, processes
from kit.pools import change
from kit.two_pools import FAULTED, TwoPools
from kit.wait import KUBELET_SECONDS, wait_until

SERVER, PICKER = "model-server", "epp"
PROXY, CONTROLLER = chosen().proxy, chosen().controller
API_SERVER = "kube-apiserver.yaml"
PROGRAMS = {SERVER: "llm-d-inference-sim", PICKER: "epp"}
NEXT_TAG = "next"
ADAPTER = "food-review-1"
WORKER = "{}-worker"  # kind's name of the second node
DRAIN = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=180s")


def signal(pools: TwoPools, component: str, number: int, pods: slice = slice(None)) -> None:
    """Send a signal to the program in the pool's pods of that component, from the node."""
    for pod in pools.pods(component)[pods]:
        uid = pools.namespace.get(f"pod/{pod}")["metadata"]["uid"]
        found = processes(pools.namespace.cluster, uid)
        on_node(pools.namespace.cluster, "sh", "-c", _SIGNAL, "signal", str(number), PROGRAMS[component][:15], *found)


_SIGNAL = """
number=$1 program=$2
shift 2
for process; do
    if [ "$(cat "/proc/$process/comm")" = "$program" ]; then kill -"$number" "$process"; fi
done
"""


def kill_picker(pools: TwoPools) -> None:
    signal(pools, PICKER, 9)


def kill_servers(pools: TwoPools) -> None:
    signal(pools, SERVER, 9)


def kill_a_server(pools: TwoPools) -> None:
    signal(pools, SERVER, 9, slice(1))


def hang_servers(pools: TwoPools) -> None:
    signal(pools, SERVER, 19)


def hang_a_server(pools: TwoPools) -> None:
    signal(pools, SERVER, 19, slice(1))


def scale_picker_down(pools: TwoPools) -> None:
    pools.namespace.kubectl("scale", f"deployment/{FAULTED}-epp", "--replicas=0")


def scale_picker_up(pools: TwoPools) -> None:
    pools.namespace.kubectl("scale", f"deployment/{FAULTED}-epp", "--replicas=1")
    pools.ready()


def scale_servers_down(pools: TwoPools) -> None:
    pools.namespace.kubectl("scale", f"deployment/{FAULTED}", "--replicas=0")


def scale_servers_to_one(pools: TwoPools) -> None:
    pools.namespace.kubectl("scale", f"deployment/{FAULTED}", "--replicas=1")


def scale_servers_up(pools: TwoPools) -> None:
    pools.namespace.kubectl("scale", f"deployment/{FAULTED}", "--replicas=2")
    pools.ready()


def restart_gateway(pools: TwoPools) -> None:
    cluster = pools.namespace.cluster
    cluster.kubectl("rollout", "restart", *PROXY.words)
    cluster.kubectl("rollout", "status", *PROXY.words, "--timeout=120s")


def stop_controller_and_move_weight(pools: TwoPools) -> None:
    cluster = pools.namespace.cluster
    cluster.kubectl("scale", *CONTROLLER.words, "--replicas=0")
    cluster.kubectl("wait", *CONTROLLER.pods, "--for=delete", "--timeout=60s")
    pools.split(80)


def start_controller(pools: TwoPools) -> None:
    cluster = pools.namespace.cluster
    cluster.kubectl("scale", *CONTROLLER.words, "--replicas=1")
    cluster.kubectl("rollout", "status", *CONTROLLER.words, "--timeout=120s")
    pools.follow(80)


def stop_api_server(pools: TwoPools) -> None:
    """Take the API server's manifest from the kubelet, and wait until it answers no more."""
    on_node(pools.namespace.cluster, "mv", f"/etc/kubernetes/manifests/{API_SERVER}", f"/root/{API_SERVER}")
    while _api_server_answers(pools):
        time.sleep(0.5)


def start_api_server(pools: TwoPools) -> None:
    on_node(pools.namespace.cluster, "mv", f"/root/{API_SERVER}", f"/etc/kubernetes/manifests/{API_SERVER}")
    while not _api_server_answers(pools):
        time.sleep(0.5)
    pools.ready()


def _api_server_answers(pools: TwoPools) -> bool:
    try:
        return pools.namespace.cluster.kubectl("get", "--raw=/readyz", "--request-timeout=2s") == "ok"
    except Failure:
        return False


def upgrade(pools: TwoPools) -> None:
    """A new image, a new argument and a new plugin configuration in one revision."""
    image = versions().images["simulator"].name
    tag = f"{image.rsplit(':', 1)[0]}:{NEXT_TAG}"
    on_node(pools.namespace.cluster, "ctr", "--namespace=k8s.io", "images", "tag", "--force", image, tag)
    values = {
        "modelServer.image.tag": NEXT_TAG,
        "modelServer.extraArgs": ["--inter-token-latency", "15ms"],
        "epp.plugins.preset": "lora-affinity",
    }
    change(pools.namespace, FAULTED, values)


def upgrade_to_slow_starters(pools: TwoPools) -> None:
    """Model servers that take 15 s until they can answer."""
    arguments = ["--inter-token-latency", "20ms", "--startup-duration", "15s"]
    change(pools.namespace, FAULTED, {"modelServer.extraArgs": arguments})


def roll_back(pools: TwoPools) -> None:
    pools.namespace.helm("rollback", FAULTED, "1", "--wait", "--timeout", "3m")


def unload_adapter(pools: TwoPools) -> None:
    """Take the adapter out of the model servers, behind the syncer's back."""
    for pod in pools.pods(SERVER):
        pools.namespace.post(pod, 8000, "v1/unload_lora_adapter", {"lora_name": ADAPTER})


def remove_adapter(pools: TwoPools) -> None:
    """Take the adapter out of the pool's values, and wait until no server of the pool has it."""
    change(pools.namespace, FAULTED, {"lora.adapters": [], "aliases": []})
    _wait_for_adapter(pools, served=False)


def add_adapter(pools: TwoPools) -> None:
    roll_back(pools)
    _wait_for_adapter(pools, served=True)


def _wait_for_adapter(pools: TwoPools, *, served: bool) -> None:
    """Wait until all servers have the adapter, or none does."""

    def reached() -> bool:
        listed = [pools.namespace.page(pod, 8000, "v1/models") for pod in pools.pods(SERVER)]
        return {ADAPTER in models for models in listed} == {served}

    wait_until(reached, f"{ADAPTER} served: {served}", KUBELET_SECONDS, 1)


def drain_node(pools: TwoPools) -> None:
    cluster = pools.namespace.cluster
    cluster.kubectl("drain", WORKER.format(cluster.name), *DRAIN)


def uncordon_node(pools: TwoPools) -> None:
    cluster = pools.namespace.cluster
    cluster.kubectl("uncordon", WORKER.format(cluster.name))
    pools.ready()


def wait_until_ready(pools: TwoPools) -> None:
    pools.ready()
