"""Whatever the pool's chart renders of drawn values, a real API server takes in a server-side dry run."""

from __future__ import annotations

from typing import Any

import jsonschema
from hypothesis import HealthCheck, given, settings

from inferencepool_lab.cluster.handle import Cluster
from kit.any_values import SCHEMA, rendered, values
from kit.charts import Manifest, documents

DRAWS = 1000
WITHOUT_CRDS = {"keda.sh", "leaderworkerset.x-k8s.io", "llm-d.ai", "monitoring.coreos.com", "networking.gke.io"}
OLD_KINDS = {
    "inference.networking.x-k8s.io/v1alpha2 InferencePool",
    "inference.networking.x-k8s.io/v1alpha2 InferenceModel",
}
SETTINGS = settings(max_examples=DRAWS, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def is_served(manifest: Manifest) -> bool:
    """Whether the tests' cluster has the kind. A Pod's account would have to be there; helm test runs it for real."""
    group, kind = manifest["apiVersion"].split("/")[0], manifest["kind"]
    return group not in WITHOUT_CRDS and f"{manifest['apiVersion']} {kind}" not in OLD_KINDS and kind != "Pod"


def test_whatever_is_rendered_is_taken_by_the_api_server(cluster: Cluster) -> None:
    taken = 0

    @SETTINGS
    @given(values().filter(jsonschema.Draft7Validator(SCHEMA).is_valid))
    def draw(drawn: dict[str, Any]) -> None:
        nonlocal taken
        manifests = rendered(drawn) or []
        served = [manifest for manifest in manifests if is_served(manifest)]
        if served:
            cluster.kubectl(
                "apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-",
                stdin=documents(served),
            )  # fmt: skip
            taken += 1

    draw()
    assert taken > DRAWS / 20
