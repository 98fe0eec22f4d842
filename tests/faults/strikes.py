"""How each fault is inflicted on the struck pool, or on what both pools share, and how it is undone."""

from __future__ import annotations

import json
import time

from charts import CHARTS
from faults.bench import STRUCK, Bench
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.gateways.gateway import chosen
from inferencepool_rollout.failure import Failure
from node import on_node, processes
from waiting import wait_until

SERVER, PICKER = "model-server", "epp"
PROXY, CONTROLLER = chosen().proxy, chosen().controller
API_SERVER = "kube-apiserver.yaml"
PROGRAMS = {SERVER: "llm-d-inference-sim", PICKER: "epp"}
NEXT_TAG = "next"
ADAPTER = "food-review-1"
WORKER = "{}-worker"  # kind's name of the second node
DRAIN = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=180s")


def signal(bench: Bench, component: str, number: int, pods: slice = slice(None)) -> None:
    """Send a signal to the program in the pool's pods of that component, from the node."""
    for pod in bench.pods(component)[pods]:
        uid = bench.kubectl("get", "pod", pod, "--output=jsonpath={.metadata.uid}")
        found = processes(bench.cluster, uid)
        on_node(bench.cluster, "sh", "-c", _SIGNAL, "signal", str(number), PROGRAMS[component][:15], *found)


_SIGNAL = """
number=$1 program=$2
shift 2
for process; do
    if [ "$(cat "/proc/$process/comm")" = "$program" ]; then kill -"$number" "$process"; fi
done
"""


def kill_picker(bench: Bench) -> None:
    signal(bench, PICKER, 9)


def kill_servers(bench: Bench) -> None:
    signal(bench, SERVER, 9)


def kill_a_server(bench: Bench) -> None:
    signal(bench, SERVER, 9, slice(1))


def hang_servers(bench: Bench) -> None:
    signal(bench, SERVER, 19)


def hang_a_server(bench: Bench) -> None:
    signal(bench, SERVER, 19, slice(1))


def scale_picker_down(bench: Bench) -> None:
    bench.kubectl("scale", f"deployment/{STRUCK}-epp", "--replicas=0")


def scale_picker_up(bench: Bench) -> None:
    bench.kubectl("scale", f"deployment/{STRUCK}-epp", "--replicas=1")
    bench.ready()


def scale_servers_down(bench: Bench) -> None:
    bench.kubectl("scale", f"deployment/{STRUCK}", "--replicas=0")


def scale_servers_to_one(bench: Bench) -> None:
    bench.kubectl("scale", f"deployment/{STRUCK}", "--replicas=1")


def scale_servers_up(bench: Bench) -> None:
    bench.kubectl("scale", f"deployment/{STRUCK}", "--replicas=2")
    bench.ready()


def restart_gateway(bench: Bench) -> None:
    bench.cluster.kubectl("rollout", "restart", *PROXY.words)
    bench.cluster.kubectl("rollout", "status", *PROXY.words, "--timeout=120s")


def stop_controller_and_move_weight(bench: Bench) -> None:
    bench.cluster.kubectl("scale", *CONTROLLER.words, "--replicas=0")
    bench.cluster.kubectl("wait", *CONTROLLER.pods, "--for=delete", "--timeout=60s")
    bench.split(80)


def start_controller(bench: Bench) -> None:
    bench.cluster.kubectl("scale", *CONTROLLER.words, "--replicas=1")
    bench.cluster.kubectl("rollout", "status", *CONTROLLER.words, "--timeout=120s")
    bench.follow(80)


def stop_api_server(bench: Bench) -> None:
    """Take the API server's manifest from the kubelet, and wait until it answers no more."""
    on_node(bench.cluster, "mv", f"/etc/kubernetes/manifests/{API_SERVER}", f"/root/{API_SERVER}")
    while _api_server_answers(bench):
        time.sleep(0.5)


def start_api_server(bench: Bench) -> None:
    on_node(bench.cluster, "mv", f"/root/{API_SERVER}", f"/etc/kubernetes/manifests/{API_SERVER}")
    while not _api_server_answers(bench):
        time.sleep(0.5)
    bench.ready()


def _api_server_answers(bench: Bench) -> bool:
    try:
        return bench.cluster.kubectl("get", "--raw=/readyz", "--request-timeout=2s") == "ok"
    except Failure:
        return False


def upgrade(bench: Bench) -> None:
    """A new image, a new argument and a new plugin configuration in one revision."""
    image = versions().images["simulator"].name
    tag = f"{image.rsplit(':', 1)[0]}:{NEXT_TAG}"
    on_node(bench.cluster, "ctr", "--namespace=k8s.io", "images", "tag", "--force", image, tag)
    _revise(
        bench, "--set", f"modelServer.image.tag={NEXT_TAG}", "--set", "epp.plugins.preset=lora-affinity",
        "--set", "modelServer.extraArgs={--inter-token-latency,15ms}",
    )  # fmt: skip


def upgrade_to_slow_starters(bench: Bench) -> None:
    """Model servers that take 15 s until they can answer."""
    _revise(bench, "--set", "modelServer.extraArgs={--inter-token-latency,20ms,--startup-duration,15s}")


def roll_back(bench: Bench) -> None:
    bench.helm("rollback", STRUCK, "1", "--wait", "--timeout", "3m")


def _revise(bench: Bench, *settings: str) -> None:
    bench.helm("upgrade", STRUCK, CHARTS / "inferencepool", "--reuse-values", *settings, "--wait", "--timeout", "3m")


def unload_adapter(bench: Bench) -> None:
    """Take the adapter out of the model servers, behind the syncer's back."""
    pods = f"/api/v1/namespaces/{bench.namespace}/pods"
    for pod in bench.pods(SERVER):
        bench.kubectl(
            "create", "--filename=-", f"--raw={pods}/{pod}:8000/proxy/v1/unload_lora_adapter",
            stdin=json.dumps({"lora_name": ADAPTER}),
        )  # fmt: skip


def remove_adapter(bench: Bench) -> None:
    """Take the adapter out of the pool's values, and wait until no server of the pool has it."""
    _revise(bench, "--set-json", "lora.adapters=[]", "--set-json", "aliases=[]")
    _wait_for_adapter(bench, served=False)


def add_adapter(bench: Bench) -> None:
    roll_back(bench)
    _wait_for_adapter(bench, served=True)


def _wait_for_adapter(bench: Bench, *, served: bool) -> None:
    """Wait, as long as a kubelet may take to bring a ConfigMap up to date, until all servers have it or none does."""
    pods = f"/api/v1/namespaces/{bench.namespace}/pods"

    def reached() -> bool:
        listed = [bench.kubectl("get", f"--raw={pods}/{pod}:8000/proxy/v1/models") for pod in bench.pods(SERVER)]
        return {ADAPTER in models for models in listed} == {served}

    wait_until(reached, f"{ADAPTER} served: {served}", 180, 1)


def drain_node(bench: Bench) -> None:
    bench.cluster.kubectl("drain", WORKER.format(bench.cluster.name), *DRAIN)


def uncordon_node(bench: Bench) -> None:
    bench.cluster.kubectl("uncordon", WORKER.format(bench.cluster.name))
    bench.ready()


def wait_until_ready(bench: Bench) -> None:
    bench.ready()
