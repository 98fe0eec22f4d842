"""HTTPRoutes as a cluster would have them, for tests that build what the tool reads by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inferencepool_rollout.kube.route import Route

GROUP = "inference.networking.k8s.io"
GATEWAY = "inference-gateway"


def backend(pool: str, weight: int, group: str = GROUP) -> dict[str, Any]:
    """A backendRef of a route."""
    return {"group": group, "kind": "InferencePool", "name": pool, "weight": weight}


def rule(weights: Mapping[str, int], name: str = "default.route.all", **match: Any) -> dict[str, Any]:
    """A rule that splits requests by weight, for all requests or for those of `match`."""
    matches = [match or {"path": {"type": "PathPrefix", "value": "/"}}]
    return {
        "name": name,
        "matches": matches,
        "backendRefs": [backend(pool, weight) for pool, weight in weights.items()],
    }


def route(
    *rules: dict[str, Any], name: str = "route", namespace: str = "default", hostnames: Sequence[str] = (),
    release: str = "", made: str = "2026-11-01T00:00:00Z", followed: bool = True, gateway: str = GATEWAY,
) -> Route:  # fmt: skip
    """A live route; its gateway has accepted it unless it is not `followed`."""
    conditions = [
        {"type": kind, "status": "True", "observedGeneration": 3 if followed else 2, "message": "Route was valid"}
        for kind in ("Accepted", "ResolvedRefs")
    ]
    annotations = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace} if release else {}
    return Route(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {
                "name": name, "namespace": namespace, "uid": f"uid-of-{namespace}-{name}", "generation": 3,
                "creationTimestamp": made, "annotations": annotations,
            },
            "spec": {
                "parentRefs": [{"kind": "Gateway", "name": gateway, "namespace": "default"}],
                "hostnames": list(hostnames),
                "rules": list(rules),
            },
            "status": {"parents": [{"parentRef": {"name": gateway}, "conditions": conditions}]},
        }
    )  # fmt: skip
