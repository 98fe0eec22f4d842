"""Each check of preflight is a pure function of facts: here made by hand, one fault a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inferencepool_rollout.kube.helm import Revision
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.kube.snapshot import Models, Pod, Pool, Snapshot
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.preflight import preflight
from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import Asked, Facts, Right, unlocked
from kit.plans import altered, plan_of
from kit.vllm_server import BASE, vllm_server
from unit.rollout.live_routes import GATEWAY, GROUP, route, rule

ADAPTERS = Models(frozenset({"base"}), frozenset({"food-review"}))
BACKENDS = [{"name": "old", "pool": "pool-old"}, {"name": "new", "pool": "pool-new"}]
HEADER = {"name": "x-inferencepool", "type": "Exact"}


def pool(name: str, *pods: str, models: Models = ADAPTERS, ready: bool = True) -> Pool:
    """A pool whose model servers are `pods`, all alike."""
    servers = tuple(Pod(pod, f"uid-of-{pod}", {}, ready, leaving=False) for pod in pods or (f"{name}-1",))
    parents = [{"parentRef": {"name": GATEWAY}, "conditions": [{"type": "Accepted", "status": "True"}]}]
    manifest = {
        "apiVersion": f"{GROUP}/v1", "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"pool": name}}, "targetPorts": [{"number": 8000}]},
        "status": {"parents": parents},
    }  # fmt: skip
    picker = Pod(f"{name}-epp", f"uid-of-{name}-epp", {}, ready=True, leaving=False)
    return Pool(manifest, servers, (picker,), models={pod.name: models for pod in servers})


def preview(name: str, hostnames: tuple[str, ...] = ()) -> Route:
    """The route by which a pool's own release leads to it alone."""
    header = {**HEADER, "value": f"default/{name}"}
    made = rule({name: 1}, name=f"default.{name}.preview", headers=[header])
    return route(made, name=f"{name}-preview", release=name, hostnames=hostnames)


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    """Facts in which nothing is wrong, before the step of 10 %."""
    plan = altered(plan_of(tmp_path), capacity=None)
    live = route(rule({"pool-old": 100}), release="route")
    routes = (live, preview("pool-old"), preview("pool-new"))
    pools = {name: pool(name) for name in (plan.old, plan.new)}
    revision = Revision(1, "deployed", "Install complete", "2026-11-25T02:29:15Z")
    return Facts(
        plan, Snapshot("default", live, pools, routes), plan.steps[0],
        releases=dict.fromkeys(("route", plan.old, plan.new), revision), rendered=live, values={"backends": BACKENDS},
        rights=[Right("get", "httproutes", allowed=True)], asked=[Asked("food-review", "", "old")],
    )  # fmt: skip


def failed(facts: Facts) -> dict[str, Check]:
    return {check.name: check for check in preflight(facts) if not check.ok}


def with_plan(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, plan=altered(facts.plan, **changes))


def with_cluster(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, snapshot=replace(facts.snapshot, **changes))


def plan_with_headers(plan: Plan, host: str = "") -> Plan:
    """The plan whose probe sends requests to each pool by its preview's header, for a host."""
    headers = {name: {"x-inferencepool": f"default/{name}"} for name in (plan.old, plan.new)}
    probe = altered(plan.probe, to_old=headers[plan.old], to_new=headers[plan.new])
    return altered(plan, probe=probe, gateway=altered(plan.gateway, headers={"Host": host} if host else {}))


def test_nothing_wrong_passes(facts: Facts) -> None:
    assert failed(facts) == {}


def test_pools_that_share_a_pod_are_refused(facts: Facts) -> None:
    pools = {"pool-old": pool("pool-old", "a", "b"), "pool-new": pool("pool-new", "b")}
    found = failed(with_cluster(facts, pools=pools))
    assert list(found) == ["pods"]
    assert found["pods"].why == "b is selected by both pool-old and pool-new"


@pytest.mark.parametrize(
    ("pools", "backend", "why"),
    [
        ({"old": "pool-old", "new": "pool-x"}, "new", "backend new is pool-new, and pools.new is pool-x"),
        ({"old": "pool-new", "new": "pool-old"}, "new", "takes the rest, is pool-old, and pools.old is pool-new"),
        ({"old": "pool-old", "new": "pool-new"}, "candidate", "the route has no backend candidate; it has old, new"),
    ],
)
def test_a_plan_whose_pools_are_not_the_routes_is_refused(
    facts: Facts, pools: dict[str, str], backend: str, why: str
) -> None:
    plan = facts.plan
    named = altered(plan, pools=altered(plan.pools, **pools), route=altered(plan.route, backend=backend))
    there = {name: pool(name) for name in pools.values()}
    found = failed(replace(with_cluster(facts, pools=there), plan=named))
    assert why in found["backends"].why


@pytest.mark.parametrize("key", ["rules", "parentRefs", "hostnames"])
def test_a_hand_edit_of_any_part_of_the_spec_is_seen(facts: Facts, key: str) -> None:
    live = facts.snapshot.route
    assert live
    changed = {"rules": [rule({"pool-old": 88, "pool-new": 12})], "parentRefs": [], "hostnames": ["a.example.com"]}
    rendered = Route({**live.manifest, "spec": {**live.spec, key: changed[key]}})
    found = failed(replace(facts, rendered=rendered))
    assert f"somebody changed {key}" in found["drift"].why


def test_another_namespaces_route_that_would_take_the_requests_is_named(facts: Facts) -> None:
    theirs = route(rule({"pool-x": 100}, path={"type": "PathPrefix", "value": "/v1"}), name="other", namespace="team-b")
    found = failed(with_cluster(facts, routes=(*facts.snapshot.routes, theirs)))
    assert "HTTPRoute team-b/other takes" in found["precedence"].why
    assert "allowedRoutes" in found["precedence"].remedy


def test_a_preview_that_the_main_route_shadows_is_refused(facts: Facts) -> None:
    """A main route with hostnames wins before the preview's header is compared."""
    main = route(rule({"pool-old": 100}), hostnames=["llm.example.com"], release="route")
    shadowed = (main, preview("pool-old"), preview("pool-new"))
    asking = replace(facts, plan=plan_with_headers(facts.plan, "llm.example.com"), rendered=main)
    found = failed(with_cluster(asking, route=main, routes=shadowed))
    assert "requests with the headers of probe.toNew meet HTTPRoute default/route" in found["precedence"].why
    reached = (main, *(preview(name, ("llm.example.com",)) for name in ("pool-old", "pool-new")))
    assert failed(with_cluster(asking, route=main, routes=reached)) == {}


def test_a_preview_with_a_hostname_that_the_main_route_lacks_is_refused(facts: Facts) -> None:
    """The gateway answers users of that host with 404, since only the preview has it."""
    main = route(rule({"pool-old": 100}), release="route")
    previews = [preview(name, ("llm.example.com",)) for name in ("pool-old", "pool-new")]
    asking = replace(facts, plan=plan_with_headers(facts.plan, "llm.example.com"), rendered=main)
    found = failed(with_cluster(asking, route=main, routes=(main, *previews)))
    assert "no route answers llm.example.com/v1/completions" in found["precedence"].why
    assert "HTTPRoute default/pool-old-preview alone answer" in found["precedence"].why


def test_a_probe_whose_requests_carry_an_id_is_refused(facts: Facts) -> None:
    ids = {"name": "x-user-hash", "type": "RegularExpression", "value": "^.*([0-9a-fA-F]{3})$"}
    path = {"type": "PathPrefix", "value": "/"}
    live = route(
        rule({"pool-old": 1}, name="default.route.all.cohort-old", path=path, headers=[ids]),
        rule({"pool-old": 100}),
        release="route",
    )
    facts = with_cluster(replace(facts, rendered=live), route=live, routes=(live, *facts.snapshot.routes[1:]))
    assert failed(facts) == {}
    headers = altered(facts.plan.gateway, headers={"X-User-Hash": "5d41402a"})
    found = failed(with_plan(facts, gateway=headers))
    assert "carry an id in the header x-user-hash" in found["precedence"].why


def test_requests_to_a_pool_that_another_one_answers_are_refused(facts: Facts) -> None:
    found = failed(replace(facts, asked=[Asked("food-review, to the new pool", "new", "old")]))
    assert found["gateway, food-review, to the new pool"].why == "sent to pool-new, and answered by pool-old"


def test_an_answer_of_a_stranger_is_refused(facts: Facts) -> None:
    assert (
        "nginx-1, which is of neither pool"
        in failed(replace(facts, asked=[Asked("m", "", "nginx-1")]))["gateway, m"].why
    )


def test_an_answer_that_names_nobody_is_said_and_proves_nothing(facts: Facts) -> None:
    checks = {check.name: check for check in preflight(replace(facts, asked=[Asked("m", "new", "")]))}
    assert checks["gateway, m"].ok
    assert "nothing proves that pool-new gave it" in checks["gateway, m"].why


def test_a_missing_adapter_is_named_with_its_pod(facts: Facts) -> None:
    even = pool("pool-new", "a", "b")
    lacking = replace(even, models={"a": ADAPTERS, "b": Models(frozenset({"base"}))})
    found = failed(with_cluster(facts, pools={"pool-old": pool("pool-old"), "pool-new": lacking}))
    assert "food-review is missing on b of pool-new" in found["models"].why


def test_every_right_that_is_missing_is_named(facts: Facts) -> None:
    rights = [Right("create", "leases", allowed=False), Right("get", "pods/proxy", allowed=False)]
    assert failed(replace(facts, rights=rights))["rights"].why == "you may not create leases, get pods/proxy"


def test_a_release_that_is_not_deployed_is_refused(facts: Facts) -> None:
    pending = Revision(2, "pending-upgrade", "Preparing upgrade", "")
    found = failed(replace(facts, releases={"route": pending, "pool-old": None}))
    assert "revision 2 is pending-upgrade" in found["release route"].why
    assert "not installed" in found["release pool-old"].why


LOCKED = Models(fault="pod a asks for an API key, which the API server's proxy does not pass on", locked=True)


def with_locked_pools(facts: Facts, url: str, headers: dict[str, str]) -> Facts:
    """Facts of two pools whose servers ask for a key, behind a gateway at `url` that is sent `headers`."""
    pools = {name: pool(name, models=LOCKED) for name in (facts.plan.old, facts.plan.new)}
    gateway = altered(facts.plan.gateway, url=url, headers=headers)
    probe = altered(facts.plan.probe, models=(BASE,))
    return with_cluster(with_plan(facts, gateway=gateway, probe=probe), pools=pools)


def test_servers_with_an_api_key_are_asked_for_their_models_through_the_gateway(facts: Facts) -> None:
    with vllm_server(api_key="secret") as server:
        url = f"http://127.0.0.1:{server.port}"
        locked = with_locked_pools(facts, url, {"Authorization": "Bearer secret"})
        asked = replace(locked, snapshot=unlocked(locked.plan, locked.snapshot))
    assert [list(each.models) for each in asked.snapshot.pools.values() if each] == [["the gateway"]] * 2
    assert "models" not in failed(asked)


@pytest.mark.parametrize(
    ("headers", "why"),
    [({}, "pod a asks for an API key"), ({"authorization": "Bearer another"}, "/v1/models is answered with 401")],
)
def test_a_key_that_the_plan_lacks_is_named_and_not_printed(facts: Facts, headers: dict[str, str], why: str) -> None:
    with vllm_server(api_key="secret") as server:
        locked = with_locked_pools(facts, f"http://127.0.0.1:{server.port}", headers)
        found = failed(replace(locked, snapshot=unlocked(locked.plan, locked.snapshot)))["models"]
    assert why in found.why
    assert "set gateway.headers.Authorization" in found.remedy
    assert "another" not in f"{found.why}{found.remedy}"


def loading(facts: Facts, **models: tuple[tuple[str, str], ...]) -> Check:
    """The row about weights where the pods of each pool load these models at these revisions."""
    pools = {}
    for name, loaded in models.items():
        made = pool(f"pool-{name}", *(f"{name}-{n}" for n in range(len(loaded))))
        servers = tuple(
            replace(pod, model=model, revision=revision)
            for pod, (model, revision) in zip(made.servers, loaded, strict=True)
        )
        pools[f"pool-{name}"] = replace(made, servers=servers)
    changed = replace(facts, snapshot=replace(facts.snapshot, pools=pools))
    return next(check for check in preflight(changed) if check.name == "weights")


def test_what_each_pool_loads_is_told_and_a_missing_pin_too(facts: Facts) -> None:
    row = loading(facts, old=(("llama", "abc"),), new=(("llama", ""),))
    assert row.ok
    assert row.why == "pool-old loads llama at revision abc; pool-new loads llama, no revision pinned"


def test_pods_of_one_pool_that_load_different_weights_are_refused(facts: Facts) -> None:
    row = loading(facts, old=(("llama", "abc"),), new=(("llama", "abc"), ("llama", "def")))
    assert not row.ok
    assert "pool-new" in row.remedy
