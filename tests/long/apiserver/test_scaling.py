"""Autoscaling is switched on, kept and switched off without a pod less, by Helm 3 and by Helm 4."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from kit.api_server import ApiServer
from kit.charts import CHARTS

Upgrade = Callable[..., int]


@pytest.fixture(params=["helm3", "helm4"])
def upgrade(server: ApiServer, request: pytest.FixtureRequest) -> Upgrade:
    """Upgrade (or install) the pool's release with further settings and return the number of its pods."""
    namespace = f"{request.param}-{request.node.originalname.replace('_', '-')[:40].strip('-')}"
    server.kubectl("create", "namespace", namespace)

    def upgraded(*settings: str) -> int:
        words = [word for setting in settings for word in ("--set", setting)]
        server.helm(
            request.param, "upgrade", "--install", "pool", CHARTS / "inferencepool", "--namespace", namespace,
            "--set=modelServer.preset=simulator,lora.mode=none", *words,
        )  # fmt: skip
        return replicas(server, namespace)

    return upgraded


def replicas(server: ApiServer, namespace: str) -> int:
    live = json.loads(server.kubectl("get", "deployment/pool", "--namespace", namespace, "--output=json"))
    number: int = live["spec"]["replicas"]
    return number


def scaled(server: ApiServer, upgrade: Upgrade, number: int, request: pytest.FixtureRequest) -> None:
    """What the HorizontalPodAutoscaler does: the subresource `scale`, as kube-controller-manager."""
    helm = request.node.callspec.params["upgrade"]
    namespace = f"{helm}-{request.node.originalname.replace('_', '-')[:40].strip('-')}"
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/pool/scale?fieldManager=kube-controller-manager"
    scale = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "pool", "namespace": namespace},
        "spec": {"replicas": number},
    }
    server.kubectl("replace", f"--raw={path}", "--filename=-", stdin=json.dumps(scale))


HPA = ("autoscaling.type=hpa", "autoscaling.maxReplicas=9")


def test_switched_on_a_pool_keeps_its_pods(upgrade: Upgrade) -> None:
    assert upgrade("modelServer.replicas=2") == 2
    assert upgrade(*HPA) == 2
    assert upgrade(*HPA, "modelServer.startupSeconds=700") == 2


def test_switched_on_a_pool_has_the_fewest_that_it_may_have(upgrade: Upgrade) -> None:
    assert upgrade("modelServer.replicas=2") == 2
    assert upgrade(*HPA, "autoscaling.minReplicas=3") == 3


def test_what_the_autoscaler_set_stays(server: ApiServer, upgrade: Upgrade, request: pytest.FixtureRequest) -> None:
    upgrade("modelServer.replicas=2")
    upgrade(*HPA)
    scaled(server, upgrade, 5, request)
    assert upgrade(*HPA, "modelServer.startupSeconds=700") == 5
    assert upgrade(*HPA, "modelServer.startupSeconds=800") == 5


def test_a_pool_that_was_always_scaled_keeps_its_pods(
    server: ApiServer, upgrade: Upgrade, request: pytest.FixtureRequest
) -> None:
    upgrade(*HPA)
    scaled(server, upgrade, 5, request)
    assert upgrade(*HPA, "modelServer.startupSeconds=700") == 5
    scaled(server, upgrade, 6, request)
    assert upgrade(*HPA, "modelServer.startupSeconds=800") == 6


def test_switched_off_a_pool_keeps_its_pods(
    server: ApiServer, upgrade: Upgrade, request: pytest.FixtureRequest
) -> None:
    upgrade(*HPA)
    scaled(server, upgrade, 5, request)
    upgrade(*HPA)
    assert upgrade() == 5
    assert upgrade("modelServer.startupSeconds=700") == 5
