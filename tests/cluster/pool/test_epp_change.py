"""A changed EPP takes over under load, with a pool that fails closed: every pick is an EPP's."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from inferencepool_rollout.traffic.attribution import picks
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.request import Completion
from kit.namespace import Namespace
from kit.pools import PARENTS, install, part
from kit.wait import wait_until

POOL = "changing"
HOST = "epp-change.test"
FOOD_REVIEW = Completion("food-review", headers={"Host": HOST})
GATEWAY_SECONDS = 3  # until the gateway asks the new EPP alone; the old one stays for 5 s at least
VALUES = {
    "pool.failureMode": "FailClose",
    "modelServer.extraArgs": ["--inter-token-latency=40ms", "--max-num-seqs=256"],
}
LONG_GRACE = {"epp.terminationGracePeriodSeconds": 75}  # 45 s until SIGTERM, and 30 s more
ESSAY = Completion("food-review", max_tokens=1000, stream=True, headers={"Host": HOST}, ignore_eos=True)
ESSAY_SECONDS = 40  # 1000 x 40 ms: longer than an EPP lives that is told to end at once


@pytest.fixture(scope="module")
def served(shared: Namespace) -> Iterator[Namespace]:
    """A pool behind the shared gateway, under a hostname of its own."""
    install(shared, POOL, {**VALUES, **LONG_GRACE})
    backend = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": POOL}
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": POOL},
        "spec": {
            "parentRefs": PARENTS,
            "hostnames": [HOST],
            "rules": [{"name": f"{shared.name}.{POOL}", "backendRefs": [backend]}],
        },
    }
    shared.apply(route)
    wait_until_served(shared)
    yield shared
    shared.kubectl("delete", "httproute", POOL)


def wait_until_served(namespace: Namespace) -> None:
    url, plan = namespace.cluster.gateway_url, Plan(workers=1, count=1)
    wait_until(lambda: not send(url, FOOD_REVIEW, plan).lost, "the gateway serves the route")


def epp_pods(namespace: Namespace) -> set[str]:
    return {pod["metadata"]["name"] for pod in namespace.pods(part("epp", POOL), ending=True)}


def wait_until_gone(namespace: Namespace, pods: set[str]) -> None:
    namespace.kubectl("wait", "--for=delete", *(f"pod/{pod}" for pod in pods), "--timeout=120s")


def test_a_changed_plugin_config_starts_a_new_epp_and_loses_no_answer_however_long(served: Namespace) -> None:
    before, url = epp_pods(served), served.cluster.gateway_url
    with (
        background(url, FOOD_REVIEW, Plan(rate=20, seconds=180)) as short,
        background(url, ESSAY, Plan(rate=1, seconds=180, workers=200, timeout=4 * ESSAY_SECONDS)) as long,
    ):
        time.sleep(2)
        install(served, POOL, {**VALUES, "epp.plugins.preset": "lora-affinity"})
        wait_until_gone(served, before)
        time.sleep(1)
    for answers in (short.answers(), long.answers()):
        assert answers.lost == 0, answers.causes()
    assert len(short.answers()) > 200
    assert float(long.answers().latency.min()) > ESSAY_SECONDS
    assert not before & epp_pods(served)


def test_an_epp_on_its_way_out_does_not_count(served: Namespace) -> None:
    leaving = epp_pods(served)
    install(served, POOL, VALUES)
    time.sleep(GATEWAY_SECONDS)
    before = picks(served.cluster.client(), served.name, POOL)
    answers = send(served.cluster.gateway_url, FOOD_REVIEW, Plan(count=100))
    wait_until_gone(served, leaving)
    assert answers.lost == 0
    assert picks(served.cluster.client(), served.name, POOL) - before == 100


def test_over_tls_every_request_is_picked(served: Namespace) -> None:
    leaving = epp_pods(served)
    install(served, POOL, {**VALUES, "epp.tls": True})
    wait_until_gone(served, leaving)
    wait_until_served(served)
    before = picks(served.cluster.client(), served.name, POOL)
    answers = send(served.cluster.gateway_url, FOOD_REVIEW, Plan(count=100))
    assert answers.lost == 0
    assert picks(served.cluster.client(), served.name, POOL) - before == 100
