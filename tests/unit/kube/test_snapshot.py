"""A pool's pods and ports are what the pool and its Service say, whatever labels and numbers others use."""

from __future__ import annotations

from typing import Any

import pytest

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.apis import MODELS, PODS, POOLS, REWRITES, ROUTES, SERVICES, Api
from inferencepool_rollout.kube.client import Client, Manifest
from inferencepool_rollout.kube.snapshot import read_snapshot
from inferencepool_rollout.traffic.attribution import PICKS, SERVED, picks_of, served_of

PICKED = f"# TYPE x counter\n{PICKS.samples[0]} 7\n"
SERVED_PAGE = f"# TYPE y counter\n{SERVED.samples[0]} 5\n"


class Recorded(Client):
    """A client of objects in memory; `pages` has what pods answer, by pod and port."""

    def __init__(self, objects: dict[str, Manifest], pages: dict[tuple[str, int], str]) -> None:
        self.objects, self.pages, self.patience = objects, pages, 0.0

    def get(self, api: Api, namespace: str, name: str) -> Manifest | None:
        return self.objects.get(api.path(namespace, name))

    def list(self, api: Api, namespace: str | None = None) -> list[Manifest]:
        below = f"{api.path(namespace or 'team')}/"
        return [each for path, each in self.objects.items() if path.startswith(below)]

    def proxy(self, namespace: str, pod: str, port: int, path: str) -> bytes:
        return self.pages[pod, port].encode()


def pod(name: str, labels: dict[str, str], *ports: tuple[str, int]) -> Manifest:
    named = [{"name": port, "containerPort": number} for port, number in ports]
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"containers": [{"ports": named}]}, "status": status}


def imported(service_ports: list[dict[str, Any]], *container_ports: tuple[str, int]) -> Recorded:
    """A pool that another chart made: labels, names and ports of its own."""
    spec = {"selector": {"matchLabels": {"app": "vllm"}}, "targetPorts": [{"number": 9999}]}
    pool = {
        "apiVersion": POOLS[0].api_version, "metadata": {"name": "llama", "namespace": "team"},
        "spec": {**spec, "endpointPickerRef": {"name": "picker", "port": {"number": 9002}}},
    }  # fmt: skip
    objects: dict[str, Manifest] = {
        POOLS[0].path("team", "llama"): pool,
        SERVICES.path("team", "picker"): {"spec": {"selector": {"app": "epp"}, "ports": service_ports}},
        PODS.path("team", "vllm-a"): pod("vllm-a", {"app": "vllm"}),
        PODS.path("team", "epp-a"): pod("epp-a", {"app": "epp"}, *container_ports),
        PODS.path("team", "other"): pod("other", {"app": "other"}),
    }
    return Recorded(objects, {("epp-a", 9190): PICKED, ("vllm-a", 9999): SERVED_PAGE})


@pytest.mark.parametrize(
    ("service", "container"),
    [
        ([{"name": "http-metrics", "port": 80, "targetPort": 9190}], []),
        ([{"name": "http-metrics", "port": 80, "targetPort": "prom"}], [("prom", 9190)]),
        ([{"name": "grpc", "port": 9002}], [("metrics", 9190)]),
    ],
)
def test_picks_and_answers_of_an_imported_pool_are_counted(
    service: list[dict[str, Any]], container: list[tuple[str, int]]
) -> None:
    client = imported(service, *container)
    pool = read_snapshot(client, "team", "route", ["llama"]).pools["llama"]
    assert pool
    assert [each.name for each in pool.servers] == ["vllm-a"]
    assert (picks_of(client, pool), served_of(client, pool)) == (7, 5)


def test_picks_that_are_not_known_say_why() -> None:
    client = imported([{"name": "grpc", "port": 9002}])
    pool = read_snapshot(client, "team", "route", ["llama"]).pools["llama"]
    assert pool
    with pytest.raises(Failure, match="neither its Service nor pod epp-a names a port for metrics"):
        picks_of(client, pool)


@pytest.mark.parametrize("api", [*REWRITES, MODELS], ids=lambda api: api.api_version)
def test_aliases_of_every_api_version_are_read(api: Api) -> None:
    client = imported([])
    rule = {"matches": [{"model": {"value": "food-review"}}], "targets": [{"modelRewrite": "food-review-1"}]}
    model = {"modelName": "food-review", "targetModels": [{"name": "food-review-1"}]}
    spec = {"poolRef": {"name": "llama"}, **(model if api is MODELS else {"rules": [rule]})}
    client.objects[api.path("team", "alias")] = {"spec": spec}
    pool = read_snapshot(client, "team", "route", ["llama"]).pools["llama"]
    assert pool
    assert pool.aliases == {"food-review": "food-review-1"}


def test_routes_of_other_namespaces_that_refer_to_a_pool_are_found() -> None:
    client = imported([])
    ref = {"group": POOLS[0].group, "kind": "InferencePool", "name": "llama", "namespace": "team"}
    spec = {"rules": [{"backendRefs": [ref]}]}
    client.objects[ROUTES.path("team", "x")] = {"metadata": {"name": "x", "namespace": "elsewhere"}, "spec": spec}
    snapshot = read_snapshot(client, "team", "route", ["llama"], routes=True)
    pool = snapshot.pools["llama"]
    assert pool
    assert [(route.namespace, route.name) for route in snapshot.others_to(pool.ref)] == [("elsewhere", "x")]
