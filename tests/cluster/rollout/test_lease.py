"""One driver a route: a Lease of a real API server keeps the second one away, and outlives no dead one."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from inferencepool_rollout.drive.lease import LASTS_SECONDS, Lease
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.apis import LEASES, ROUTES
from inferencepool_rollout.kube.client import Client
from kit.namespace import Namespace
from kit.wait import wait_until

SECONDS = 60


@pytest.fixture
def api(namespace: Namespace) -> Client:
    """A client of a cluster that has the route whose Lease it is."""
    spec = {"parentRefs": [{"name": "none"}], "rules": [{"backendRefs": [{"name": "none", "port": 80}]}]}
    head = {"apiVersion": ROUTES.api_version, "kind": ROUTES.kind, "metadata": {"name": "route"}}
    client = namespace.cluster.client()
    client.create(ROUTES, namespace.name, {**head, "spec": spec})
    return client


@pytest.fixture
def lease(api: Client, namespace: Namespace) -> Callable[[], Lease]:
    """Another driver's view of the same route's Lease."""
    return lambda: Lease(api, namespace.name, "route")


def taken_by(api: Client, namespace: Namespace, holder: str) -> None:
    """Let somebody hold the Lease who never renews it."""
    api.patch(LEASES, namespace.name, "rollout-route", {"spec": {"holderIdentity": holder}})


def test_a_second_driver_is_refused_and_the_first_is_not_disturbed(lease: Callable[[], Lease]) -> None:
    first, second = lease(), lease()
    with first.held():
        with pytest.raises(Failure, match="drives this rollout already") as refusal, second.held():
            pass
        assert refusal.value.code == ExitCode.BUSY
        first.require()
        assert second.holder() == first.me
    assert second.holder() == ""


def test_a_lease_that_was_given_back_is_taken_at_once(lease: Callable[[], Lease]) -> None:
    with lease().held():
        pass
    began = time.monotonic()
    with lease().held():
        assert time.monotonic() - began < LASTS_SECONDS


def test_a_dead_drivers_lease_is_taken_over_once_it_has_run_out(
    lease: Callable[[], Lease], api: Client, namespace: Namespace
) -> None:
    lease().hold("by hand")
    lease().hold("")
    taken_by(api, namespace, "dead@elsewhere pid 1")
    began, heir = time.monotonic(), lease()
    with heir.held():
        assert time.monotonic() - began >= LASTS_SECONDS
        assert heir.holder() == heir.me


def test_a_driver_that_lost_its_lease_moves_nothing_more_and_leaves_it_to_its_heir(
    lease: Callable[[], Lease], api: Client, namespace: Namespace
) -> None:
    loser = lease()
    with loser.held():
        taken_by(api, namespace, "heir@elsewhere pid 1")
        until = time.monotonic() + SECONDS
        with pytest.raises(Failure, match="was lost to heir@elsewhere pid 1") as loss:
            while time.monotonic() < until:
                loser.require()
                time.sleep(0.2)
        assert loss.value.code == ExitCode.BUSY
    assert loser.holder() == "heir@elsewhere pid 1"


def test_a_hold_is_seen_by_all_and_takes_the_lease_from_nobody(lease: Callable[[], Lease]) -> None:
    driver, person = lease(), lease()
    assert driver.on_hold() == ""
    with driver.held():
        person.hold("the night shift is alone")
        assert driver.on_hold() == "the night shift is alone"
        time.sleep(2 * LASTS_SECONDS / 5)  # in which the driver renews its Lease
        driver.require()
        assert person.holder() == driver.me
        person.hold("")
        assert driver.on_hold() == ""


def test_a_hold_goes_with_its_route(lease: Callable[[], Lease], api: Client, namespace: Namespace) -> None:
    lease().hold("by hand")
    namespace.kubectl("delete", "httproute", "route")
    wait_until(lambda: api.get(LEASES, namespace.name, "rollout-route") is None, "the Lease is gone", SECONDS)


def test_a_dead_driver_is_not_shown_as_the_driver(
    lease: Callable[[], Lease], api: Client, namespace: Namespace
) -> None:
    lease().hold("by hand")
    taken_by(api, namespace, "dead@elsewhere pid 1")
    assert lease().holder() == "dead@elsewhere pid 1"
    assert lease().living_holder() == ""


def test_a_living_driver_is_shown(lease: Callable[[], Lease]) -> None:
    driver = lease()
    with driver.held():
        assert lease().living_holder() == driver.me
