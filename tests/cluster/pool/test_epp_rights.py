"""The EPP runs with the rights that the chart gives it, and misses each one that is taken away."""

from __future__ import annotations

import copy
import time

import pytest

from charts import Manifest, only
from cluster.pool.pools import Pools

ONE_REPLICA = ["pods", "inferencepools", "inferenceobjectives", "inferencemodelrewrites"]
ELECTING = ["leases", "events"]
MISSED_SECONDS = 60


def without(manifests: list[Manifest], resource: str) -> list[Manifest]:
    changed = copy.deepcopy(manifests)
    rules = only(changed, "Role")["rules"]
    assert any(resource in rule["resources"] for rule in rules)
    for rule in rules:
        rule["resources"] = [name for name in rule["resources"] if name != resource] or ["nothing"]
    return changed


@pytest.fixture(scope="module")
def epps(pools: Pools) -> Pools:
    """An EPP with all rights that elects a leader, and one without each right, with pools that have no model server."""
    alone = {"modelServer": {"replicas": 0}, "lora": {"mode": "none", "adapters": []}, "aliases": [], "objectives": []}
    pools.apply(pools.rendered("all", {**alone, "epp": {"replicas": 2}}))
    for resource in ONE_REPLICA + ELECTING:
        replicas = 2 if resource in ELECTING else 1
        manifests = pools.rendered(f"no-{resource}", {**alone, "epp": {"replicas": replicas}})
        pools.apply(without(manifests, resource))
    return pools


def test_with_its_rights_it_leads_and_nothing_is_forbidden_to_it(epps: Pools) -> None:
    epps.kubectl("wait", "deployment/all-epp", "--for=jsonpath={.status.readyReplicas}=1", "--timeout=90s")
    assert "forbidden" not in epps.log("all-epp")


@pytest.mark.parametrize("resource", ONE_REPLICA + ELECTING)
def test_without_one_right_it_says_which_it_misses(epps: Pools, resource: str) -> None:
    until = time.monotonic() + MISSED_SECONDS
    while time.monotonic() < until and f'resource \\"{resource}\\"' not in epps.log(f"no-{resource}-epp"):
        time.sleep(1)
    log = epps.log(f"no-{resource}-epp").replace("\\", "")
    assert f'resource "{resource}"' in log and "forbidden" in log


@pytest.mark.parametrize("resource", ["pods", "inferencepools", "leases"])
def test_without_it_no_epp_gets_ready(epps: Pools, resource: str) -> None:
    ready = epps.kubectl("get", "deployment", f"no-{resource}-epp", "--output=jsonpath={.status.readyReplicas}")
    assert ready in ("", "0")
