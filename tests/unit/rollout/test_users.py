"""Everybody's requests are judged by what both pools' pages of metrics count between two readings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import yaml
from prometheus_client import generate_latest

from inferencepool_rollout.evidence.decision import Action, Finding, State, decide
from inferencepool_rollout.evidence.scraped import engine, observations, quantile, read_page
from inferencepool_rollout.evidence.users import EVERY_SECONDS, Users, read_pool
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.snapshot import Snapshot
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.users import Users as Spec
from inferencepool_rollout.preflight import users as section
from inferencepool_rollout.preflight.facts import Facts
from inferencepool_rollout.report.data import NOTHING
from inferencepool_rollout.traffic.metric_names import EPP, SERVERS
from kit.charts import CHARTS
from kit.metrics_pages import PickerPod, ServerPod, pool, proxied
from kit.plans import TEXT, altered, plan_of

POOLS = {
    "pool-old": pool("pool-old", ["old-1"], ["old-epp"]),
    "pool-new": pool("pool-new", ["new-1", "new-2"], ["new-epp"]),
}
LATENCY = TEXT.replace(
    "{metric: e2e, percentile: 90, accept: 1.1, detect: 1.8}", "{metric: tpot, percentile: 50, accept: 2, detect: 8}"
).replace("percentile: 50, accept: 1.1, detect: 1.8", "percentile: 50, accept: 2, detect: 8")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    users = Spec.model_validate({"queue": {"accept": 4, "lasting": "15s"}})
    return altered(plan_of(tmp_path, LATENCY), users=users, capacity=None)


@dataclass
class Pools:
    """Pods that count, and what is found after each reading."""

    client: Client
    pods: dict[str, ServerPod | PickerPod | str]
    users: Users
    now: float = 1000.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(3))

    def reading(self, requests: int = 40, errors: int = 0, slower: float = 1.0) -> dict[str, Finding]:
        """Serve some requests, `requests` by each server with a median TTFT of 50 ms, and read the pages."""
        for name, pod in self.pods.items():
            if isinstance(pod, ServerPod):
                factor = slower if name.startswith("new") else 1.0
                pod.observe("ttft", self.rng.lognormal(np.log(0.05 * factor), 0.4, requests).tolist())
                pod.observe("tpot", self.rng.lognormal(np.log(0.015), 0.4, requests).tolist())
            elif isinstance(pod, PickerPod):
                pod.count(2 * requests, errors if name.startswith("new") else 0)
        self.now += EVERY_SECONDS
        return {each.name: each for each in self.users.findings(POOLS, self.now)}


@pytest.fixture
def pools(plan: Plan, tmp_path: Path) -> object:
    pods: dict[str, ServerPod | PickerPod | str] = {name: ServerPod() for name in ("old-1", "new-1", "new-2")}
    pods |= {name: PickerPod() for name in ("old-epp", "new-epp")}
    with proxied(tmp_path, pods) as client:
        yield Pools(client, pods, Users(plan, client))


def after(pools: Pools, readings: int, requests: int = 40, errors: int = 0, slower: float = 1.0) -> dict[str, Finding]:
    """What is found in the end; the first reading is the one that the others are compared with."""
    pools.reading()
    found = {}
    for _ in range(readings):
        found = pools.reading(requests, errors, slower)
    return found


def test_equal_pools_keep_every_objective(pools: Pools) -> None:
    found = after(pools, 40)
    assert {name: each.state for name, each in found.items()} == {
        "users' error rate": State.KEPT, "users' TTFT p50 new/old": State.KEPT, "users' TPOT p50 new/old": State.KEPT,
        "users' queue": State.KEPT,
    }  # fmt: skip


def test_a_pool_with_injected_latency_violates_its_objective(pools: Pools) -> None:
    found = after(pools, 40, slower=20)
    assert found["users' TTFT p50 new/old"].state is State.VIOLATED
    assert found["users' TPOT p50 new/old"].state is State.KEPT
    seen = pools.users.seen()
    assert [seen[side].marks("ttft")[0] for side in ("old", "new")] == pytest.approx([0.05, 1.0], rel=0.25)


def test_a_pool_whose_picker_counts_errors_violates_the_error_rate(pools: Pools) -> None:
    found = after(pools, 10, errors=8)
    assert found["users' error rate"].state is State.VIOLATED
    assert (pools.users.seen()["new"].requests, pools.users.seen()["new"].errors) == (800, 80)


def test_what_was_counted_before_the_step_is_no_evidence(pools: Pools) -> None:
    pools.reading(requests=500, errors=500, slower=50)
    found = after(pools, 40)
    assert State.VIOLATED not in {each.state for each in found.values()}
    assert pools.users.seen()["new"].errors == 0


def test_a_difference_that_a_bucket_can_hide_is_no_violation(pools: Pools) -> None:
    """TTFT 1.9 times as long: the bucket from 0.1 to 0.25 s makes it look 2 or more, which `accept` allows."""
    found = after(pools, 40, slower=1.9)
    assert found["users' TTFT p50 new/old"].state is not State.VIOLATED


def test_an_objective_finer_than_the_buckets_is_not_judged_and_holds_no_step(plan: Plan, pools: Pools) -> None:
    fine = tuple(altered(each, accept=1.05, detect=1.1) for each in plan.latency)
    pools.users = Users(altered(plan, objectives=altered(plan.objectives, latency=fine)), pools.client)
    assert after(pools, 40)["users' TTFT p50 new/old"].state is State.UNKNOWN


def test_a_restarted_server_counts_from_0_again_and_is_noticed(pools: Pools) -> None:
    after(pools, 4)
    pools.pods["new-1"], pools.pods["new-epp"] = ServerPod(), PickerPod()
    pools.reading(requests=7)
    assert pools.users.seen()["new"].restarts == 2
    assert pools.users.seen()["new"].requests == 4 * 80 + 14


def test_a_server_that_joins_later_counts_from_its_start_on(pools: Pools) -> None:
    late = pools.pods.pop("new-2")
    pools.reading()
    assert "404" in pools.users.seen()["new"].unread
    pools.pods["new-2"] = late
    pools.reading(requests=10)
    counted = pools.users.seen()["new"].latency["ttft"]
    assert counted[float("inf")] == 20


def test_a_queue_rolls_back_once_it_has_lasted(pools: Pools) -> None:
    pools.reading()
    for name in ("new-1", "new-2"):
        server = pools.pods[name]
        assert isinstance(server, ServerPod)
        server.waiting.set(6)
    states = [pools.reading()["users' queue"].state for _ in range(4)]
    assert states == [State.OPEN, State.OPEN, State.OPEN, State.VIOLATED]


def test_a_queue_that_cannot_be_read_any_more_is_not_said_to_be_kept(plan: Plan, pools: Pools) -> None:
    """Its step is held at its end, and says why."""
    kept = tuple(after(pools, 40).values())
    for name in ("new-1", "new-2"):
        pools.pods[name] = "not a page of metrics"
    found = pools.reading()
    assert found["users' queue"].state is State.OPEN
    assert "new-1" in pools.users.seen()["new"].unread
    step = altered(plan.steps[0], requests=0)
    for others, action in ((kept, Action.PROMOTE), (tuple(found.values()), Action.HOLD)):
        assert decide(plan, step, NOTHING, step.longest, "", others).action is action


def test_without_users_requests_nothing_is_decided(pools: Pools) -> None:
    found = after(pools, 5, requests=0)
    assert {found[f"users' {name}"].state for name in ("error rate",)} == {State.OPEN}


def test_a_rollout_is_judged_by_users_requests_alone_where_the_probe_sends_hardly_any(plan: Plan, pools: Pools) -> None:
    step = altered(plan.steps[0], requests=0)
    kept = tuple(after(pools, 40).values())
    assert decide(plan, step, NOTHING, elapsed=200, others=kept).action is Action.PROMOTE
    assert decide(plan, step, NOTHING, elapsed=200).action is Action.WAIT
    pools.users = Users(plan, pools.client)
    violated = tuple(after(pools, 40, slower=20).values())
    said = decide(plan, step, NOTHING, elapsed=200, others=violated)
    assert said.action is Action.ROLL_BACK
    assert "users' TTFT p50 new/old violated" in said.why


def test_users_take_their_share_of_alpha_and_of_the_power(plan: Plan) -> None:
    alone = altered(plan, users=None)
    assert (plan.level, plan.miss) == (alone.level / 2, alone.miss / 2)


@pytest.mark.parametrize("preset", ["vllm", "simulator", "sglang", "trtllm-serve", "triton-tensorrt-llm"])
def test_the_names_are_those_of_the_charts_presets(preset: str) -> None:
    text = (CHARTS / f"inferencepool/files/model-servers/{preset}.yaml").read_text()
    values = yaml.safe_load(text)
    names, queue = SERVERS[values["engine"]], values["metrics"]["queue"]
    assert queue["name"] in names.waiting
    assert queue.get("labels", {}) == names.labels


def test_every_server_preset_with_metrics_is_known() -> None:
    presets = [
        yaml.safe_load(file.read_text()) for file in (CHARTS / "inferencepool/files/model-servers").glob("*.yaml")
    ]
    assert {each["engine"] for each in presets if each.get("engine") and each.get("metrics")} == SERVERS.keys()


def test_a_page_in_milliseconds_is_read_in_seconds() -> None:
    page = """\
nv_inference_first_response_histogram_ms_bucket{model="m",le="100"} 3
nv_inference_first_response_histogram_ms_bucket{model="m",le="+Inf"} 4
nv_trt_llm_request_metrics{request_type="waiting"} 2
nv_trt_llm_request_metrics{request_type="scheduled"} 9
nv_inference_request_success{model="m"} 4
"""
    assert engine(page, SERVERS) == "triton-tensorrt-llm"
    read = read_page(page, SERVERS["triton-tensorrt-llm"])
    assert (read.requests, read.waiting, read.latency["ttft"]) == (4, 2, {0.1: 3, float("inf"): 4})


@pytest.mark.parametrize("text", ["", "<html>", "go_goroutines 8\n", 'vllm:num_requests_waiting{a="b 1\n'])
def test_a_page_of_another_program_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="its metrics"):
        read_page(text, EPP)
    with pytest.raises(Failure, match="its metrics"):
        engine(text, SERVERS)


def test_quantiles_are_those_of_the_observations_to_their_buckets() -> None:
    server, values = ServerPod(), np.random.default_rng(2).lognormal(-3, 0.5, 5000)
    server.observe("ttft", values.tolist())
    buckets = read_page(generate_latest(server.registry).decode(), SERVERS["vllm"]).latency["ttft"]
    seen = observations(buckets, 10_000)
    assert len(seen.low) == 5000
    ordered = np.sort(values)
    assert np.all((seen.low <= ordered) & (ordered <= seen.high))
    assert quantile(buckets, 0.5) == pytest.approx(np.quantile(values, 0.5), rel=0.1)
    assert 0.1 < quantile(buckets, 0.95) < 0.25, "the bucket that it is in"


def checked(plan: Plan, client: Client) -> dict[str, str]:
    read = {name: read_pool(client, each) for name, each in POOLS.items()}
    rows = section.checks(Facts(plan, Snapshot("default", None, POOLS), users=read))
    return {row.name: row.why if row.ok else f"{row.why}; {row.remedy}" for row in rows}


def test_preflight_reads_the_metrics_once(plan: Plan, pools: Pools) -> None:
    assert set(checked(plan, pools.client)) == {"metrics of pool-old", "metrics of pool-new"}
    assert checked(plan, pools.client)["metrics of pool-new"] == "3 pods are read every few seconds"


def test_a_server_that_has_served_nothing_may_export_no_histogram_yet(plan: Plan, pools: Pools) -> None:
    """As llm-d's simulator does before its first request."""
    pools.pods["new-1"] = pools.pods["new-2"] = 'vllm:num_requests_waiting{m="a"} 0\n'
    assert checked(plan, pools.client)["metrics of pool-new"] == "3 pods are read every few seconds"


def test_metrics_that_a_server_does_not_export_are_refused_before_anything_moves(plan: Plan, pools: Pools) -> None:
    page = 'vllm:num_requests_waiting{m="a"} 0\nvllm:request_success_total{m="a"} 3\n'
    pools.pods["new-1"] = pools.pods["new-2"] = page
    assert checked(plan, pools.client)["metrics of pool-new"] == (
        "its model servers export no ttft and no tpot; take ttft out of objectives.latency, or users out of the plan"
    )
    pools.pods["new-1"] = "go_goroutines 8\n"
    why = checked(plan, pools.client)["metrics of pool-new"]
    assert "pod new-1: its metrics belong to no known model server" in why and "get pods/proxy" in why
