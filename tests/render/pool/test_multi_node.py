"""`leaderWorkerSet`: one model over several nodes, of which the leader takes the requests."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from kit.charts import Manifest, RenderError, only, render

TWO_NODES: dict[str, Any] = {
    "accelerator": {"preset": "nvidia-h100-80gb", "count": 8},
    "leaderWorkerSet": {"enabled": True, "size": 2},
}


def leader_worker_set(values: dict[str, Any] = TWO_NODES) -> Manifest:
    template: Manifest = only(render("inferencepool", "pool-old", values), "LeaderWorkerSet")["spec"][
        "leaderWorkerTemplate"
    ]
    return template


def container(role: str, values: dict[str, Any] = TWO_NODES) -> Manifest:
    found: Manifest = leader_worker_set(values)[f"{role}Template"]["spec"]["containers"][0]
    return found


def given(args: list[str]) -> dict[str, str]:
    return {flag: value for flag, value in pairwise(args) if flag.startswith("--")}


def test_it_takes_the_place_of_the_deployment() -> None:
    names = [m["metadata"]["name"] for m in render("inferencepool", "pool-old", TWO_NODES) if m["kind"] == "Deployment"]
    assert names == ["pool-old-epp"]


def test_only_leaders_are_in_the_pool() -> None:
    manifests = render("inferencepool", "pool-old", TWO_NODES)
    selector = only(manifests, "InferencePool")["spec"]["selector"]["matchLabels"].items()
    template = leader_worker_set()
    assert selector <= template["leaderTemplate"]["metadata"]["labels"].items()
    assert not selector <= template["workerTemplate"]["metadata"]["labels"].items()


def test_all_nodes_of_a_group_stand_behind_the_network_policy_and_talk_to_each_other() -> None:
    manifests = render("inferencepool", "pool-old", {**TWO_NODES, "networkPolicy": {"enabled": True}})
    policy = only(manifests, "NetworkPolicy", "pool-old")["spec"]
    nodes = policy["podSelector"]
    (component,) = nodes["matchExpressions"]
    parts = [leader_worker_set()[f"{role}Template"]["metadata"]["labels"] for role in ("leader", "worker")]
    assert {labels[component["key"]] for labels in parts} == set(component["values"])
    assert all(nodes["matchLabels"].items() <= labels.items() for labels in parts)
    assert {"from": [{"podSelector": nodes}]} in policy["ingress"]
    assert {"to": [{"podSelector": nodes}]} in policy["egress"]


def test_only_leaders_have_adapters_loaded() -> None:
    template = leader_worker_set({**TWO_NODES, "lora": {"mode": "syncer"}})
    assert [c["name"] for c in template["leaderTemplate"]["spec"]["initContainers"]] == ["lora-syncer"]
    assert "initContainers" not in template["workerTemplate"]["spec"]
    mounted = {volume["name"] for volume in template["workerTemplate"]["spec"]["volumes"]}
    assert "adapters-config" not in mounted, "a worker has no syncer to read the list of adapters"


@pytest.mark.parametrize("policy", ["RecreateGroupOnPodRestart", "None"])
def test_what_a_restart_means_for_a_group_is_told(policy: str) -> None:
    told = {**TWO_NODES, "leaderWorkerSet": {**TWO_NODES["leaderWorkerSet"], "restartPolicy": policy}}
    assert leader_worker_set(told)["restartPolicy"] == policy


def test_vllm_learns_its_place_from_the_group() -> None:
    assert given(container("worker")["args"])["--node-rank"] == "$(LWS_WORKER_INDEX)"
    assert given(container("leader")["args"])["--master-addr"] == "$(LWS_LEADER_ADDRESS)"
    assert "--headless" in container("worker")["args"]
    assert "--headless" not in container("leader")["args"]


def test_sglang_learns_its_place_from_the_group() -> None:
    values = {**TWO_NODES, "modelServer": {"preset": "sglang"}, "lora": {"mode": "none"}}
    assert given(container("worker", values)["args"])["--dist-init-addr"] == "$(LWS_LEADER_ADDRESS):20000"


@pytest.mark.parametrize(("pipeline", "tensor"), [(1, "16"), (2, "8"), (4, "4")])
def test_stages_and_shares_together_use_every_accelerator_of_the_group(pipeline: int, tensor: str) -> None:
    args = given(container("leader", {**TWO_NODES, "modelServer": {"pipelineParallelSize": pipeline}})["args"])
    assert args["--tensor-parallel-size"] == tensor
    assert args.get("--pipeline-parallel-size", "1") == str(pipeline)


def test_stages_that_leave_accelerators_idle_are_refused() -> None:
    told = "(5) times pipelineParallelSize (3) times dataParallelSize (1) is not 16"
    with pytest.raises(RenderError, match=re.escape(told)):
        leader_worker_set({**TWO_NODES, "modelServer": {"pipelineParallelSize": 3}})


def test_a_worker_stays_until_its_leader_has_ended_what_it_serves() -> None:
    values = {**TWO_NODES, "modelServer": {"drain": {"preStopSeconds": 10, "longestGenerationSeconds": 50}}}
    assert container("leader", values)["lifecycle"]["preStop"]["sleep"]["seconds"] == 10
    assert container("worker", values)["lifecycle"]["preStop"]["sleep"]["seconds"] == 60


def test_a_worker_is_not_asked_for_what_only_the_leader_serves() -> None:
    assert not {"ports", "startupProbe", "readinessProbe", "livenessProbe"} & container("worker").keys()


@pytest.mark.parametrize("preset", ["simulator", "custom"])
def test_a_server_of_one_node_is_refused(preset: str) -> None:
    values = {"leaderWorkerSet": {"enabled": True}, "modelServer": {"preset": preset, "image": {"repository": "x"}}}
    with pytest.raises(RenderError, match=f"modelServer.preset {preset} serves from one node"):
        leader_worker_set(values)
