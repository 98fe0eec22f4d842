"""The EPP runs with the rights that the chart gives it, and misses each one that is taken away."""

from __future__ import annotations

import copy

import pytest

from kit.charts import Manifest, only
from kit.namespace import Namespace
from kit.pools import NO_SERVERS, epp_log, rendered
from kit.wait import wait_until

ONE_REPLICA = ["pods", "inferencepools", "inferenceobjectives", "inferencemodelrewrites"]
ELECTING = ["leases", "events"]


def without(manifests: list[Manifest], resource: str) -> list[Manifest]:
    changed = copy.deepcopy(manifests)
    rules = only(changed, "Role")["rules"]
    assert any(resource in rule["resources"] for rule in rules)
    for rule in rules:
        rule["resources"] = [name for name in rule["resources"] if name != resource] or ["nothing"]
    return changed


@pytest.fixture(scope="module")
def epps(shared: Namespace) -> Namespace:
    """An EPP with all rights that elects a leader, and one without each right, with pools that have no model server."""
    shared.apply(*rendered(shared, "all", {**NO_SERVERS, "epp.replicas": 2}))
    for resource in ONE_REPLICA + ELECTING:
        replicas = 2 if resource in ELECTING else 1
        manifests = rendered(shared, f"no-{resource}", {**NO_SERVERS, "epp.replicas": replicas})
        shared.apply(*without(manifests, resource))
    return shared


def test_with_its_rights_it_leads_and_nothing_is_forbidden_to_it(epps: Namespace) -> None:
    epps.kubectl("wait", "deployment/all-epp", "--for=jsonpath={.status.readyReplicas}=1", "--timeout=90s")
    assert "forbidden" not in epp_log(epps, "all")


@pytest.mark.parametrize("resource", ONE_REPLICA + ELECTING)
def test_without_one_right_it_says_which_it_misses(epps: Namespace, resource: str) -> None:
    missed = f'resource "{resource}"'

    def log() -> str:
        return epp_log(epps, f"no-{resource}").replace("\\", "")

    wait_until(lambda: missed in log(), f"the EPP misses {missed}", pause=1)
    assert "forbidden" in log()


@pytest.mark.parametrize("resource", ["pods", "inferencepools", "leases"])
def test_without_it_no_epp_gets_ready(epps: Namespace, resource: str) -> None:
    ready = epps.kubectl("get", "deployment", f"no-{resource}-epp", "--output=jsonpath={.status.readyReplicas}")
    assert ready in ("", "0")
