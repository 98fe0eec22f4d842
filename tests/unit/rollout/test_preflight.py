"""Preflight finds what would make the next step fail, and says why and what helps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.users import Prometheus, Query, Unit
from inferencepool_rollout.preflight import preflight
from inferencepool_rollout.preflight.capacity import replicas
from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import gather
from kit.completion_servers import error_500, serving
from kit.plans import altered, plan_of
from unit.rollout.recorded_cluster import PODS, POOLS, REWRITES, ROUTER_REWRITES, ROUTES, SERVICES, Said, answering


@dataclass
class Bench:
    """A recorded cluster, and a plan to roll out in it."""

    said: Said
    plan: Plan

    def checks(self, percent: int | None = 10) -> dict[str, Check]:
        """Run preflight before the step of that percent."""
        step = next((step for step in self.plan.steps if step.percent == percent), None)
        return {check.name: check for check in preflight(gather(self.plan, Client(), None, step))}

    def failed(self, percent: int | None = 10) -> dict[str, Check]:
        return {name: check for name, check in self.checks(percent).items() if not check.ok}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with answering(tmp_path, monkeypatch) as said, serving(by(said, "pool-old")) as gateway:
        plan = plan_of(tmp_path)
        reached = altered(plan.gateway, url=gateway.url, headers={"Host": "default.example.com"})
        yield Bench(said, altered(plan, capacity=None, gateway=reached))


def by(said: Said, pool: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A gateway that gives every request to a pool, whose answers name their pod."""
    pod = said.pod(pool, "model-server")["metadata"]["name"]

    async def answered(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "x-inference-pod": pod})
        await response.prepare(request)
        await response.write(b'data: {"choices": [{"text": "fine", "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n')
        return response

    return answered


def test_a_cluster_that_is_right_passes(bench: Bench) -> None:
    checks = bench.checks()
    assert [str(check) for check in checks.values() if not check.ok] == []
    assert set(checks) == {
        "route", "replicas of pool-old", "endpoint picker of pool-old", "replicas of pool-new",
        "endpoint picker of pool-new", "pool pool-old", "pool pool-new", "pods", "models", "weights", "rights",
        "precedence", "gateway, food-review",
    }  # fmt: skip


def no_route(said: Said) -> None:
    del said.objects[f"{ROUTES}/route"]


def route_not_seen(said: Said) -> None:
    said.route["metadata"]["generation"] += 1


def route_refused(said: Said) -> None:
    condition = said.route["status"]["parents"][0]["conditions"][1]
    condition |= {"status": "False", "reason": "BackendNotFound", "message": "backend pool-new not found"}


def route_of_no_gateway(said: Said) -> None:
    said.route["status"]["parents"] = []


def model_server_not_ready(said: Said) -> None:
    for condition in said.pod("pool-new", "model-server")["status"]["conditions"]:
        condition["status"] = "False" if condition["type"] == "Ready" else condition["status"]


def model_server_leaving(said: Said) -> None:
    said.pod("pool-old", "model-server")["metadata"]["deletionTimestamp"] = "2026-11-25T03:00:00Z"


def no_picker(said: Said) -> None:
    said.objects[PODS]["items"].remove(said.pod("pool-new", "epp"))


def no_service(said: Said) -> None:
    del said.objects[f"{SERVICES}/pool-new-epp"]


def no_pool(said: Said) -> None:
    del said.objects[f"{POOLS}/pool-new"]


def pool_refused(said: Said) -> None:
    condition = said.pool("pool-new")["status"]["parents"][0]["conditions"][0]
    condition |= {"status": "False", "reason": "NotSupported", "message": "no such port"}


def adapter_missing(said: Said) -> None:
    models = said.models("pool-new")
    models[:] = [each for each in models if not each.get("parent")]


def alias_missing(said: Said) -> None:
    rewrites = said.objects[REWRITES]["items"]
    rewrites[:] = [each for each in rewrites if each["spec"]["poolRef"]["name"] != "pool-new"]


def not_allowed(said: Said) -> None:
    said.forbidden = {("list", "pods")}


def alias_of_the_router(said: Said) -> None:
    """The old pool's alias is a rewrite of llm-d's router, the new pool has none."""
    alias_missing(said)
    said.objects[ROUTER_REWRITES] = said.objects.pop(REWRITES)


def models_unread(said: Said) -> None:
    name = said.pod("pool-new", "model-server")["metadata"]["name"]
    del said.objects[f"{PODS}/{name}:8000/proxy/v1/models"]


@pytest.mark.parametrize(
    ("breaks", "check", "why", "remedy"),
    [
        (no_route, "route", "there is no HTTPRoute route", "helm install route"),
        (route_not_seen, "route", "Accepted is True (Route was valid)", "parentRefs"),
        (route_refused, "route", "backend pool-new not found", "parentRefs"),
        (route_of_no_gateway, "route", "no gateway has taken it up", "allowedRoutes"),
        (model_server_not_ready, "replicas of pool-new", "0 of 1 ready", "describe inferencepool"),
        (model_server_leaving, "replicas of pool-old", "0 of 0 ready", "describe inferencepool"),
        (no_picker, "endpoint picker of pool-new", "0 of 0 ready", "describe inferencepool"),
        (no_service, "endpoint picker of pool-new", "0 of 0 ready", "describe inferencepool"),
        (no_pool, "pool pool-new", "there is no such InferencePool", "helm install pool-new"),
        (pool_refused, "pool pool-new", "no such port", "repair the pool"),
        (adapter_missing, "models", "food-review-1 in pool-old only", "equal"),
        (alias_missing, "models", "food-review -> food-review-1 in pool-old only", "equal"),
        (models_unread, "models", "could not be read: 404", "pods/proxy"),
        (not_allowed, "rights", "you may not list pods", "grant it by a Role"),
        (alias_of_the_router, "models", "food-review -> food-review-1 in pool-old only", "equal"),
    ],
)
def test_what_is_wrong_fails_its_check(
    bench: Bench, breaks: Callable[[Said], None], check: str, why: str, remedy: str
) -> None:
    breaks(bench.said)
    failed = bench.failed()
    assert check in failed
    assert why in failed[check].why
    assert remedy in failed[check].remedy


def test_a_model_server_on_its_way_out_is_no_replica(bench: Bench) -> None:
    """As after an update of the pool, whose former pods drain for minutes."""
    pod = bench.said.pod("pool-old", "model-server")
    meta = {**pod["metadata"], "name": "pool-old-before", "deletionTimestamp": "2026-11-25T03:00:00Z"}
    bench.said.objects[PODS]["items"].append({**pod, "metadata": meta, "status": {"phase": "Running"}})
    assert bench.failed() == {}


def test_an_adapter_is_the_same_by_its_own_name_and_by_that_of_sglang(bench: Bench) -> None:
    """The chart rewrites both its name and its alias to base:adapter."""
    (rewrite,) = (
        each for each in bench.said.objects[REWRITES]["items"] if each["spec"]["poolRef"]["name"] == "pool-new"
    )
    (base,) = (each["id"] for each in bench.said.models("pool-new") if not each.get("parent"))
    own = {"matches": [{"model": {"value": "food-review-1"}}], "targets": [{"modelRewrite": "food-review-1"}]}
    rewrite["spec"]["rules"].append(own)
    for rule in rewrite["spec"]["rules"]:
        rule["targets"] = [{"modelRewrite": f"{base}:food-review-1"}]
    assert bench.failed() == {}


def test_a_model_of_the_probe_that_no_pool_serves_fails(bench: Bench) -> None:
    bench.plan = altered(bench.plan, probe=altered(bench.plan.probe, models=("food-revue",)))
    assert "food-revue in pool-new" in bench.failed()["models"].why


def test_a_picker_that_stands_by_is_no_fault(bench: Bench) -> None:
    """Of several EPP replicas only the leader is ready."""
    pods = bench.said.objects[PODS]["items"]
    leader = bench.said.pod("pool-new", "epp")
    standby = {**leader, "metadata": {**leader["metadata"], "name": "standby"}, "status": {"conditions": []}}
    pods.append(standby)
    assert bench.failed() == {}
    assert bench.checks()["endpoint picker of pool-new"].why == "1 of 2 ready"


def test_a_gateway_that_does_not_answer_well_fails(bench: Bench) -> None:
    with serving(error_500) as gateway:
        bench.plan = altered(bench.plan, gateway=altered(bench.plan.gateway, url=gateway.url))
        assert "out of cheese" in bench.failed()["gateway, food-review"].why


def test_a_pool_that_loses_some_requests_is_reached_and_the_row_counts_them(bench: Bench) -> None:
    """Whether they are too many is for the steps to judge, with error probabilities."""
    answered, turns = by(bench.said, "pool-old"), iter([error_500, error_500])

    async def answered_at_third(request: web.Request) -> web.StreamResponse:
        return await next(turns, answered)(request)

    with serving(answered_at_third) as gateway:
        bench.plan = altered(bench.plan, gateway=altered(bench.plan.gateway, url=gateway.url))
        row = bench.checks()["gateway, food-review"]
    assert row.ok
    assert row.why == "answered by pool-old; 2 requests lost"


def test_a_prometheus_that_does_not_answer_fails(bench: Bench) -> None:
    query = Query(name="users' errors", query="up", unit=Unit.SHARE, accept=0.01)
    bench.plan = altered(bench.plan, prometheus=Prometheus(url="http://127.0.0.1:1", queries=(query,)))
    assert "does not answer" in bench.failed()["prometheus, users' errors"].why


@pytest.mark.parametrize(
    ("peak", "percent", "short"),
    [
        (20, 100, []),
        (20.1, 50, ["capacity of pool-old"]),
        (40, 50, ["capacity of pool-old"]),
        (40, 100, ["capacity of pool-new", "capacity of pool-old"]),
    ],
)
def test_the_new_pool_has_to_carry_the_next_share_and_the_old_one_everything(
    bench: Bench, tmp_path: Path, peak: float, percent: int, short: list[str]
) -> None:
    """One replica of either pool, which serves 20 requests/s."""
    capacity = plan_of(tmp_path).capacity
    assert capacity
    bench.plan = altered(bench.plan, capacity=altered(capacity, peak=peak))
    failed = bench.failed(percent)
    assert sorted(failed) == short
    assert all(f"to {replicas(peak, 20)} replicas" in check.remedy for check in failed.values())


def test_without_a_cluster_it_is_told_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    with pytest.raises(Failure, match="no cluster to work with: .*; set KUBECONFIG"):
        Client()


@pytest.mark.parametrize(("need", "each", "enough"), [(0, 20, 1), (20, 20, 1), (20.1, 20, 2), (40, 20, 2), (1, 0.3, 4)])
def test_replicas_are_the_fewest_that_suffice(need: float, each: float, enough: int) -> None:
    assert replicas(need, each) == enough
    assert enough * each >= need
