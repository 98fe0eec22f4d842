"""Whatever the pool's chart renders of drawn values, a real API server takes in a server-side dry run."""

from __future__ import annotations

from typing import Any

import jsonschema
import yaml
from hypothesis import HealthCheck, given, settings

from any_values import SCHEMA, rendered, values
from inferencepool_rollout.cluster.kind import Cluster

DRAWS = 1000
UNSERVED = ("inference.networking.x-k8s.io/v1alpha2 InferencePool", "InferenceModel", "llm-d.ai/")  # no CRDs here
SETTINGS = settings(max_examples=DRAWS, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def test_whatever_is_rendered_is_taken_by_the_api_server(cluster: Cluster) -> None:
    taken = 0

    @SETTINGS
    @given(values().filter(jsonschema.Draft7Validator(SCHEMA).is_valid))
    def draw(drawn: dict[str, Any]) -> None:
        nonlocal taken
        manifests = rendered(drawn) or []
        served = [m for m in manifests if not f"{m['apiVersion']} {m['kind']}".endswith(UNSERVED[:2])]
        served = [m for m in served if not m["apiVersion"].startswith(UNSERVED[2])]
        served = [m for m in served if m["kind"] != "Pod"]  # its account has to be there; helm test runs it for real
        if served:
            cluster.kubectl(
                "apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-",
                stdin=yaml.safe_dump_all(served),
            )  # fmt: skip
            taken += 1

    draw()
    assert taken > DRAWS / 20
