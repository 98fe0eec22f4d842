"""What the driver makes of a route that splits users by their ids: where it stands, what it holds or refuses."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inferencepool_rollout.drive.cohort import wrong_ids
from inferencepool_rollout.drive.movers.helm import HelmMover
from inferencepool_rollout.drive.position import Next, Record, position
from inferencepool_rollout.drive.verify import Gateway
from inferencepool_rollout.drive.way_back import WayBack
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.matching import Request, met
from inferencepool_rollout.kube.route import PoolRef, Route
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.traffic import load
from inferencepool_rollout.traffic.answers import Answer, Answers, Cause
from inferencepool_rollout.traffic.request import Completion
from kit.plans import plan_of
from unit.rollout.fake_cluster import FakeClient, FakeCluster, FakeHelm, gives_all_to_old
from unit.rollout.live_routes import GATEWAY, route, rule

HALF = {"pool-old": "^.*([8-9a-fA-F]..)$", "pool-new": "^.*([0-7]..)$"}
WEIGHTED = rule({"pool-old": 50, "pool-new": 50})
OLD = PoolRef("default", "pool-old")


def cohort_rule(pool: str, ids: str) -> dict[str, Any]:
    """A rule of the chart that leads the ids of a pattern to a pool."""
    header = {"name": "x-user-hash", "type": "RegularExpression", "value": ids}
    name = f"default.route.all.cohort-{pool.removeprefix('pool-')}"
    return rule({pool: 1}, name, path={"type": "PathPrefix", "value": "/"}, headers=[header])


def split_in_half(weighted: dict[str, Any] = WEIGHTED, **ids: str) -> Route:
    patterns = {**HALF, **{f"pool-{name}": pattern for name, pattern in ids.items()}}
    return route(*(cohort_rule(pool, pattern) for pool, pattern in patterns.items()), weighted)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path)


Send = Callable[[str, Completion, load.Plan], Answers]


def gateway(leads: Callable[[Request], str]) -> Send:
    """A gateway that marks its answer with the pool that `leads` names for a request."""

    def send(url: str, request: Completion, bound: load.Plan) -> Answers:
        asked = Request("llm.example.com", "/v1/completions", request.headers)
        marks = [f"default/{pool}" if (pool := leads(asked)) else "" for _ in range(bound.count or 0)]
        return Answers.of([Answer(0, 0.1, 0.05, 200, Cause.NONE, "", 1, "", mark) for mark in marks])

    return send


def by_the_route(live: Route) -> Send:
    def leads(request: Request) -> str:
        found = met(request, [live], [("default", GATEWAY)])
        return str(found.rule["backendRefs"][0]["name"]) if found else ""

    return gateway(leads)


def test_a_step_is_where_weights_and_ids_agree(plan: Plan) -> None:
    at = position(plan, split_in_half(), Record(50, "revision 3 of release route"))
    assert (at.next, at.percent) == (Next.JUDGE, 50)


def test_ids_that_were_moved_by_hand_are_a_change(plan: Plan) -> None:
    live = split_in_half(old="^.*([9a-fA-F]..)$", new="^.*([0-8]..)$")
    at = position(plan, live, Record(50, "revision 3 of release route"))
    assert (at.next, at.why.endswith("its rules differ")) == (Next.CHANGED, True)


def test_a_pool_has_everything_only_if_it_has_every_id() -> None:
    weighted = rule({"pool-old": 100})
    assert not split_in_half(weighted).gives_all_to(OLD)
    assert route(cohort_rule("pool-old", "^.*([0-9a-fA-F]{3})$"), weighted).gives_all_to(OLD)


def test_a_gateway_that_follows_the_ids_passes(plan: Plan) -> None:
    live = split_in_half()
    assert wrong_ids(plan, live, {}, by_the_route(live)) == ""


@pytest.mark.parametrize("always", ["pool-old", "pool-new"])
def test_a_gateway_that_takes_any_value_for_a_regular_expression_is_seen(plan: Plan, always: str) -> None:
    other = {"pool-old": "pool-new", "pool-new": "pool-old"}[always]
    wrong = wrong_ids(plan, split_in_half(), {}, gateway(lambda _: always))
    assert f"was answered by {always} and belongs to {other}" in wrong


def test_a_gateway_that_splits_ids_by_the_weights_is_seen(plan: Plan) -> None:
    turns = itertools.cycle(["pool-old", "pool-new"])
    wrong = wrong_ids(plan, split_in_half(), {}, gateway(lambda _: next(turns)))
    assert "was answered by pool-new and pool-old and belongs to pool-old" in wrong


def test_a_gateway_that_knows_no_capitals_is_seen(plan: Plan) -> None:
    live = split_in_half()
    small = split_in_half(old="^.*([89a-f]..)$")
    assert "FFF was answered by pool-new" in wrong_ids(plan, live, {}, by_the_route_else_new(small))


def by_the_route_else_new(live: Route) -> Send:
    """As by_the_route, but what fits no cohort rule goes to the new pool."""

    def leads(request: Request) -> str:
        found = met(request, [live], [("default", GATEWAY)])
        assert found
        refs = found.rule["backendRefs"]
        return str(refs[-1]["name"])

    return gateway(leads)


def test_a_pool_that_fails_is_for_the_step_to_judge(plan: Plan) -> None:
    """A hold would keep users on it, where the step's objectives take the weight back."""

    def send(url: str, request: Completion, bound: load.Plan) -> Answers:
        return Answers.of([Answer(0, 0.1, 0.05, 0, Cause.TIMEOUT, "", 1, "") for _ in range(bound.count or 0)])

    assert wrong_ids(plan, split_in_half(), {}, send) == ""


def test_answers_that_name_no_pool_prove_nothing(plan: Plan) -> None:
    assert wrong_ids(plan, split_in_half(), {}, gateway(lambda _: "")) == ""


def test_a_step_whose_ids_go_astray_is_held_with_what_to_do(plan: Plan) -> None:
    checked = Gateway(plan, FakeClient(FakeCluster(plan)), verify=0, poll=0, send=gateway(lambda _: "pool-old"))
    with pytest.raises(Failure, match="supports the header match RegularExpression, or take `cohort` out of"):
        checked.verify_cohort(split_in_half())
    checked.verify_cohort(route(WEIGHTED))


@pytest.mark.parametrize("version", [3, 4])
def test_the_way_back_takes_the_ids_too(plan: Plan, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where helm fails, and only the API server is left."""

    def fail(mover: HelmMover) -> None:
        raise Failure("helm does not start")

    cluster = FakeCluster(plan)
    client, helm = FakeClient(cluster), FakeHelm(cluster, version)
    for pool in (plan.old, plan.new):
        cluster.pool(pool)
    helm.install()
    cluster.write(dict(split_in_half().spec), "kubectl-patch")
    monkeypatch.setattr(HelmMover, "back", fail)
    checked = Gateway(plan, client, follow=0.05, verify=0.05, poll=0, send=cluster.send)
    WayBack(plan, client, HelmMover(plan, helm), checked).go()
    assert gives_all_to_old(cluster)
    live = cluster.route()
    assert live
    assert [len(rule["backendRefs"]) for rule in live.weighted] == [1, 1, 1]
