"""The demo's Gateway takes routes of labelled namespaces alone, so that no other team's route takes their requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.gateways.gateway import chosen
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit.charts import Manifest
from kit.namespace import Namespace, new_namespace
from kit.pools import PARENTS, install
from kit.route import Release
from kit.wait import FOLLOWED_SECONDS, wait_until

(LABEL,) = chosen().routes_from


@pytest.fixture(scope="module")
def team(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace with a pool behind a route, whose host name is the namespace's."""
    with new_namespace(cluster, "team") as namespace:
        install(namespace, "pool-old", {"modelServer.replicas": 1})
        Release(namespace).install(f"--set=hostnames[0]={namespace.host}", *_parents())
        yield namespace


@pytest.fixture
def stranger(team: Namespace) -> Iterator[Namespace]:
    """A namespace without the label, whose route would take every completion of the team by its more exact path."""
    with new_namespace(team.cluster, "stranger") as namespace:
        namespace.kubectl("label", "namespace", namespace.name, f"{LABEL}-")
        namespace.apply(_taking(team.host))
        yield namespace


def test_a_route_of_an_unlabelled_namespace_is_not_accepted(stranger: Namespace) -> None:
    wait_until(lambda: "NotAllowedByListeners" in _reasons(stranger), "the Gateway has refused the route")


def test_a_route_of_an_unlabelled_namespace_takes_no_request(team: Namespace, stranger: Namespace) -> None:
    wait_until(lambda: bool(_reasons(stranger)), "the Gateway has seen the route")
    wait_until(lambda: len(_answers(team).causes()) == 0, "the gateway has followed", pause=FOLLOWED_SECONDS)
    answers = _answers(team)
    assert answers.lost == 0, answers.causes()


def test_the_label_is_what_lets_the_same_route_take_them(team: Namespace, stranger: Namespace) -> None:
    stranger.kubectl("label", "namespace", stranger.name, f"{LABEL}={chosen().routes_from[LABEL]}")
    wait_until(lambda: "Accepted" in _reasons(stranger), "the Gateway has accepted the route")
    wait_until(lambda: _answers(team).lost == 40, "the route with the more exact path wins")


def _parents() -> list[str]:
    return [f"--set=parentRefs[0].{key}={value}" for key, value in PARENTS[0].items()]


def _answers(team: Namespace) -> Answers:
    completion = Completion("food-review", max_tokens=4, headers={"Host": team.host})
    return send(team.cluster.gateway_url, completion, Plan(count=40))


def _reasons(namespace: Namespace) -> set[str]:
    """Reasons of the conditions that the Gateway has written on the namespace's route."""
    parents = namespace.get("httproute/taking").get("status", {}).get("parents", [])
    return {condition["reason"] for parent in parents for condition in parent["conditions"]}


def _taking(host: str) -> Manifest:
    """A route that answers with a redirect, which no completion is."""
    redirect = {"type": "RequestRedirect", "requestRedirect": {"hostname": "example.org", "statusCode": 302}}
    match = {"path": {"type": "Exact", "value": "/v1/completions"}, "method": "POST"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "taking"},
        "spec": {"parentRefs": PARENTS, "hostnames": [host], "rules": [{"matches": [match], "filters": [redirect]}]},
    }
