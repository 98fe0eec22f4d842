"""A pool that `rollout import` takes over keeps its pods' labels and ports, and its policies fit them."""

from __future__ import annotations

import json
from typing import Any

from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit.charts import Manifest, only, render
from kit.pod_network import pods
from kit.pools import PARENTS, TESTERS, start
from kit.scenarios import KIND_POOL
from kit.two_pools import TwoPools
from kit.wait import wait_until
from long.network_policy.scene import POLICIES, Scene


def test_an_adopted_pool_whose_ports_have_other_names_or_none_serves_and_is_closed_to_others(
    pools: TwoPools, scene: Scene
) -> None:
    release = "adopted"
    namespace = pools.namespace
    values = {
        **POLICIES,
        "adopt": adopted(release, namespace.name),
        "preview": {"enabled": True, "parentRefs": PARENTS},
        "modelServer.preset": "simulator",
        "pool.failureMode": "FailClose",
    }
    start(namespace, release, values)
    namespace.rolled_out(release, f"{release}-epp")
    request = Completion("food-review-1", headers={TESTERS: f"{namespace.name}/{release}"})
    url = pools.gateway_url
    wait_until(lambda: not send(url, request, Plan(count=1)).lost, "the gateway serves it")
    assert send(url, request, Plan(count=100)).lost == 0
    server, epp = (pods(namespace, f"app={release}-{component}")[0] for component in ("model-server", "epp"))
    ports = ((server, 8000), (epp, 9002), (epp, 9090))
    wait_until(lambda: scene.others["the gateway"].reached(*ports) == set(ports[:2]), "open to the gateway")
    assert not scene.others["a pod of another namespace"].reached(*ports)
    namespace.helm("uninstall", release, "--wait")


def adopted(release: str, namespace: str) -> dict[str, Any]:
    """Values of `adopt` for pods of other labels than the chart's, whose ports have other names or none."""
    manifests = render("inferencepool", release, files=[KIND_POOL], namespace=namespace)
    return {
        "modelServer": adopted_part(only(manifests, "Deployment", release), f"{release}-model-server"),
        "epp": {
            **adopted_part(only(manifests, "Deployment", f"{release}-epp"), f"{release}-epp"),
            "configMap": f"{release}-epp",
            "servicePorts": [{"port": 9002, "appProtocol": "http2"}],
        },
    }


def adopted_part(deployment: Manifest, app: str) -> dict[str, Any]:
    labels = {"app": app}
    template = json.loads(json.dumps(deployment["spec"]["template"]).replace('"http"', '"web"'))
    for container in template["spec"]["containers"]:
        container["ports"] = [
            {k: v for k, v in port.items() if v == "web" or k != "name"} for port in container["ports"]
        ]
    return {"selector": labels, "template": {**template, "metadata": {"labels": labels}}}
