"""Weight goes only where it can be served, and never too far at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kit.namespace import Refused
from kit.route import Release

TRUE_CONDITIONS = {"Accepted": "True", "ResolvedRefs": "True"}


def judge(release: Release, name: str, conditions: dict[str, str], gateway: str = "inference-gateway") -> None:
    """Write what a gateway's controller writes of a pool."""
    parent = {
        "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway},
        "conditions": _conditions(conditions, 1),
    }
    _write_status(release, "inferencepool", name, {"parents": [parent]})


def see_route(release: Release, generation: int) -> None:
    """Write what a gateway's controller writes of the route when it has accepted that generation of it."""
    parent = {
        "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "inference-gateway"},
        "controllerName": "example.com/gateway-controller",
        "conditions": _conditions(TRUE_CONDITIONS, generation),
    }
    _write_status(release, "httproute", "route", {"parents": [parent]})


def _write_status(release: Release, kind: str, name: str, status: dict[str, Any]) -> None:
    patch = json.dumps({"status": status})
    release.namespace.kubectl("patch", kind, name, "--subresource=status", "--type=merge", f"--patch={patch}")


def _conditions(conditions: dict[str, str], generation: int) -> list[dict[str, Any]]:
    common = {"message": "as the test says", "reason": "AsTold", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return [{"type": k, "status": v, "observedGeneration": generation, **common} for k, v in conditions.items()]


def test_a_jump_over_max_step_needs_force(release: Release) -> None:
    release.install()
    with pytest.raises(Refused) as refused:
        release.upgrade("--set", "weights.new=51")
    assert "moves 51 percent points at once, and guards.maxStep is 50" in str(refused.value)
    assert release.split() == {"pool-old": 100}
    release.upgrade("--set", "weights.new=51,guards.force=true")
    assert release.split() == {"pool-old": 49, "pool-new": 51}


def test_a_jump_back_over_max_step_needs_force_too(release: Release) -> None:
    release.install("--set", "weights.new=100")
    with pytest.raises(Refused, match=r"pool-new: 100 % -> 0 %"):
        release.upgrade("--set", "weights.new=0")
    release.upgrade("--set", "weights.new=0,guards.force=true")


def test_a_rollback_goes_back_any_distance(release: Release) -> None:
    release.install()
    release.upgrade("--set", "weights.new=100,guards.force=true")
    release.rollback(1)
    assert release.split() == {"pool-old": 100}
    assert release.live()["spec"] == release.rendered()["spec"]


def test_a_pool_that_is_not_there_gets_no_weight(release: Release) -> None:
    release.install()
    release.namespace.kubectl("delete", "inferencepool", "pool-new")
    with pytest.raises(Refused, match=r"there is no InferencePool route-[0-9a-f]+/pool-new"):
        release.upgrade("--set", "weights.new=10")
    assert release.split() == {"pool-old": 100}


def test_nothing_is_installed_to_a_pool_that_is_not_there(release: Release) -> None:
    release.namespace.kubectl("delete", "inferencepool", "pool-old")
    with pytest.raises(Refused, match=r"install it first \(helm install pool-old charts/inferencepool"):
        release.install()


def test_weight_leaves_a_pool_that_is_gone(release: Release) -> None:
    release.install("--set", "weights.new=50")
    release.namespace.kubectl("delete", "inferencepool", "pool-new")
    release.upgrade("--set", "weights.new=0")
    assert release.split() == {"pool-old": 100}


@pytest.mark.parametrize("condition", ["Accepted", "ResolvedRefs"])
def test_a_pool_that_its_gateway_refuses_gets_no_weight(release: Release, condition: str) -> None:
    release.install()
    judge(release, "pool-new", {**TRUE_CONDITIONS, condition: "False"})
    with pytest.raises(Refused, match=rf"calls InferencePool \S+ not {condition} \(AsTold: as the test says\)"):
        release.upgrade("--set", "weights.new=10")
    judge(release, "pool-new", TRUE_CONDITIONS)
    release.upgrade("--set", "weights.new=10")


def test_what_another_gateway_says_of_a_pool_does_not_count(release: Release) -> None:
    release.install()
    judge(release, "pool-new", {"Accepted": "False", "ResolvedRefs": "False"}, gateway="another")
    release.upgrade("--set", "weights.new=10")


def test_the_first_shift_to_a_pool_that_nothing_judged_is_free(release: Release) -> None:
    release.install()
    see_route(release, 1)
    release.upgrade("--set", "weights.new=1")
    assert release.split() == {"pool-old": 99, "pool-new": 1}


def test_a_routed_pool_that_the_gateway_stays_silent_about_gets_no_more(release: Release) -> None:
    release.install("--set", "weights.new=1")
    see_route(release, 1)
    with pytest.raises(Refused, match=r"Gateway inference-gateway serves the route .* says nothing of the pool"):
        release.upgrade("--set", "weights.new=10")
    judge(release, "pool-new", TRUE_CONDITIONS)
    release.upgrade("--set", "weights.new=10")


def test_a_pool_without_its_endpoint_picker_gets_no_first_weight(release: Release) -> None:
    release.install()
    release.namespace.kubectl("delete", "service", "pool-new-epp")
    with pytest.raises(Refused, match=r"names the endpoint picker pool-new-epp, and there is no such Service"):
        release.upgrade("--set", "weights.new=10")


@pytest.mark.parametrize(
    "values",
    [
        '{"canary": [{"backend": "new", "headers": [{"name": "x-tester", "value": "1"}]}]}',
        '{"mirror": {"backend": "new", "percent": 5}}',
    ],
)
def test_canaries_and_mirrors_need_their_pool_too(release: Release, values: str) -> None:
    release.namespace.kubectl("delete", "inferencepool", "pool-new")
    key, value = next(iter(json.loads(values).items()))
    with pytest.raises(Refused, match=r"there is no InferencePool \S+/pool-new"):
        release.install("--set-json", f"{key}={json.dumps(value)}")
    release.add_pool("pool-new")
    release.install("--set-json", f"{key}={json.dumps(value)}")


def test_the_guards_can_be_left_out(release: Release) -> None:
    release.namespace.kubectl("delete", "inferencepool", "pool-new")
    assert "guards.pools is false" in release.install("--set", "weights.new=10,guards.pools=false")
    assert "guards.enabled is false" in release.upgrade("--set", "weights.new=100,guards.enabled=false")


def test_the_notes_say_of_a_pool_without_requests_that_it_may_still_answer(release: Release) -> None:
    release.install("--set", "weights.new=50")
    assert "under way" not in release.upgrade("--set", "weights.new=60")
    notes = release.upgrade("--set", "weights.new=100")
    (remark,) = (line for line in notes.splitlines() if "under way" in line)
    assert "pool-old" in remark
    assert "pool-new" not in remark


def test_the_notes_show_both_splits_and_the_way_back(release: Release) -> None:
    release.install()
    notes = release.upgrade("--set", "weights.new=10").splitlines()
    rows = {row[0]: row[1:] for row in map(str.split, notes) if row and row[0] in ("backend", "old", "new")}
    assert rows == {
        "backend": ["pool", "percent", "before"],
        "old": [f"{release.namespace.name}/pool-old", "90", "100"],
        "new": [f"{release.namespace.name}/pool-new", "10", "0"],
    }
    assert f"Back to revision 1: helm rollback route 1 --namespace {release.namespace.name}" in notes
