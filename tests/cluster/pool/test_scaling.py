"""Autoscaling is switched on, acts and is switched off, and no pod is lost: with Kubernetes' controller, by both helms.

The cluster has no metrics, as a new pool has none at first: the controller then keeps to minReplicas and maxReplicas.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit import pools
from kit.namespace import Namespace, Refused, new_namespace
from kit.wait import wait_until

SYNCS_SECONDS = 40
"""More than two periods of the controller: --horizontal-pod-autoscaler-sync-period is 15 s."""
ON = {"modelServer.replicas": None, "autoscaling.type": "hpa", "autoscaling.maxReplicas": 4}
OFF = {"modelServer.replicas": None, "autoscaling.type": ""}
OVERWRITE = {"helm3": (), "helm4": ("--server-side=true", "--force-conflicts")}


@pytest.fixture(scope="module", params=["helm3", "helm4"])
def scaled(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace with a pool of two servers, worked with by one of the helms; the tests change it in their order."""
    with new_namespace(cluster, "scaling") as made:
        namespace = made.by(request.param)
        pools.install(namespace, "pool", {"modelServer.replicas": 2})
        yield namespace


def servers(namespace: Namespace) -> set[str]:
    """UIDs of the model servers that are not ending."""
    return {pod["metadata"]["uid"] for pod in namespace.pods(pools.part("model-server", "pool"))}


def asked(namespace: Namespace) -> int:
    """How many servers the Deployment asks for."""
    number: int = namespace.get("deployment/pool")["spec"]["replicas"]
    return number


def conditions(namespace: Namespace) -> dict[str, str]:
    """Status of each condition that the controller has written."""
    found = namespace.get("horizontalpodautoscaler/pool").get("status", {}).get("conditions", [])
    return {each["type"]: each["status"] for each in found}


@contextmanager
def nothing_lost(namespace: Namespace) -> Iterator[None]:
    """Watch the pool while the block runs: none of its servers goes, and the Deployment never asks for fewer."""
    before, least, ended, faults = servers(namespace), asked(namespace), threading.Event(), list[str]()

    def watch() -> None:
        while not ended.wait(0.5):
            if gone := before - servers(namespace):
                faults.append(f"{len(gone)} of {len(before)} servers went")
            if asked(namespace) < least:
                faults.append(f"{asked(namespace)} servers were asked for in place of {least}")

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    assert faults == []


def test_switched_on_it_loses_no_server_though_nothing_is_known_of_the_load(scaled: Namespace) -> None:
    with nothing_lost(scaled):
        pools.change(scaled, "pool", ON)
        wait_until(lambda: conditions(scaled).get("ScalingActive") == "False", "the controller knows no metric", 120)
        time.sleep(SYNCS_SECONDS)
    assert conditions(scaled)["AbleToScale"] == "True"
    assert asked(scaled) == 2


def test_what_the_controller_sets_outlives_upgrades(scaled: Namespace) -> None:
    with nothing_lost(scaled):
        fewest = '--patch={"spec": {"minReplicas": 3}}'
        scaled.kubectl("patch", "horizontalpodautoscaler", "pool", "--type=merge", fewest)
        wait_until(lambda: asked(scaled) == 3, "the controller has scaled the pool", 120)
        scaled.rolled_out("pool")
        pools.change(scaled, "pool", {"autoscaling.minReplicas": 3})
        pools.change(scaled, "pool", {"autoscaling.maxReplicas": 5})
    assert asked(scaled) == 3


def test_switched_off_it_loses_no_server(scaled: Namespace) -> None:
    with nothing_lost(scaled):
        pools.change(scaled, "pool", OFF)
        pools.change(scaled, "pool", {"autoscaling.maxReplicas": 6})
    assert "horizontalpodautoscaler" not in scaled.kubectl("get", "horizontalpodautoscalers", "--output=name")
    assert asked(scaled) == 3


def test_switched_on_again_it_loses_no_server(scaled: Namespace) -> None:
    with nothing_lost(scaled):
        pools.change(scaled, "pool", ON)
    assert asked(scaled) == 3


def test_a_rollback_sets_the_number_of_its_revision_or_is_refused(scaled: Namespace) -> None:
    """Revision 1 has 2 servers: what Helm 3 sets; Helm 4 leaves the number to its owner unless it is told to force."""
    try:
        scaled.helm("rollback", "pool", "1", "--wait", "--timeout=3m")
    except Refused as refusal:
        assert scaled.cluster.helm_tool == "helm4"
        assert ".spec.replicas" in str(refusal)
        assert asked(scaled) == 3
        scaled.helm("rollback", "pool", "1", *OVERWRITE["helm4"], "--wait", "--timeout=3m")
    assert asked(scaled) == 2
    scaled.rolled_out("pool")
    assert len(servers(scaled)) == 2
