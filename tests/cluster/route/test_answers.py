"""Through the gateway: every answer names its pool, and no administrative path of a model server is reached."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.attribution import picks, served
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit.namespace import Namespace, new_namespace
from kit.pools import PARENTS, TESTERS, part, set_json, start, wait_until_ready
from kit.route import CHART
from kit.wait import FOLLOWED_SECONDS, wait_until

POOLS = ("pool-old", "pool-new")
ADMINISTRATIVE = ("/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/metrics", "/health", "/")


@pytest.fixture(scope="module")
def routed(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace with two real pools and the route at 50/50."""
    with new_namespace(cluster, "answers") as namespace:
        for name in POOLS:
            start(namespace, name, {"preview.parentRefs": PARENTS, "preview.hostnames": [namespace.host]})
        for name in POOLS:
            wait_until_ready(namespace, name)
        values = {"parentRefs": PARENTS, "hostnames": [namespace.host], "weights.new": 50}
        namespace.helm("install", "route", CHART, *set_json(values))
        time.sleep(FOLLOWED_SECONDS)
        yield namespace


def asked(namespace: Namespace, method: str, path: str, **headers: str) -> int:
    """The status by which the gateway, or what is behind it, answers."""
    request = urllib.request.Request(f"{namespace.cluster.gateway_url}{path}", method=method)
    for name, value in {"Host": namespace.host, **headers}.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, data=b"{}" if method == "POST" else None, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_every_answer_names_the_pool_that_gave_it(routed: Namespace) -> None:
    request = Completion("food-review", max_tokens=2, headers={"Host": routed.host})
    answers = send(routed.cluster.gateway_url, request, Plan(count=200, workers=8))
    assert answers.lost == 0, answers.causes()
    pods = {pod["metadata"]["name"]: name for name in POOLS for pod in routed.pods(part("model-server", name))}
    marks = Counter(zip((str(pool) for pool in answers.pool), (pods[str(pod)] for pod in answers.pod), strict=True))
    assert set(marks) == {(f"{routed.name}/{name}", name) for name in POOLS}


def test_a_refusal_names_its_pool_too(routed: Namespace) -> None:
    request = Completion("no-such-model", headers={"Host": routed.host})
    answers = send(routed.cluster.gateway_url, request, Plan(count=40, workers=8))
    assert answers.lost == 40
    assert {str(pool) for pool in answers.pool} == {f"{routed.name}/{name}" for name in POOLS}


@pytest.mark.parametrize("name", POOLS)
def test_the_preview_leads_to_its_pool_and_says_so(routed: Namespace, name: str) -> None:
    headers = {"Host": routed.host, TESTERS: f"{routed.name}/{name}"}
    answers = send(routed.cluster.gateway_url, Completion("food-review", headers=headers), Plan(count=20))
    assert {str(pool) for pool in answers.pool} == {f"{routed.name}/{name}"}


def test_the_names_of_the_models_are_served(routed: Namespace) -> None:
    assert asked(routed, "GET", "/v1/models") == 200


@pytest.mark.parametrize("path", ADMINISTRATIVE)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_administrative_path_is_routed(routed: Namespace, method: str, path: str) -> None:
    assert asked(routed, method, path) == 404
    assert asked(routed, method, path, **{TESTERS: f"{routed.name}/pool-new"}) == 404
    pod = routed.pods(part("model-server", "pool-new"))[0]["metadata"]["name"]
    served = json.loads(routed.page(pod, 8000, "v1/models"))
    assert "food-review-1" in {model["id"] for model in served["data"]}


def test_no_picker_is_asked_for_a_mirrored_request(routed: Namespace) -> None:
    """Why a rollout's plan has no mirrored share: who gets it is the gateway's own choice (docs/how-to/step-0.md)."""
    client, count = routed.cluster.client(), 60
    for values in ({"weights.new": 0}, {"mirror": {"backend": "new", "percent": 100}}):
        routed.helm("upgrade", "route", CHART, "--reset-then-reuse-values", *set_json(values))
    time.sleep(FOLLOWED_SECONDS)

    def counted() -> tuple[int, int, int]:
        picked = {pool: picks(client, routed.name, pool) for pool in POOLS}
        return picked["pool-old"], picked["pool-new"], served(client, routed.name, "pool-new")

    before = counted()
    request = Completion("food-review", max_tokens=2, headers={"Host": routed.host})
    answers = send(routed.cluster.gateway_url, request, Plan(count=count, workers=4))
    assert answers.lost == 0, answers.causes()
    assert set(answers.pool) == {f"{routed.name}/pool-old"}
    gained = (count, 0, count)
    wait_until(
        lambda: tuple(now - then for now, then in zip(counted(), before, strict=True)) == gained,
        "pool-new's servers have all mirrored requests, its endpoint picker none",
    )
