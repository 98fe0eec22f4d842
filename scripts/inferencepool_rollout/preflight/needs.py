"""What a rollout does with the cluster: the rights that preflight checks, and that a Job's account gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inferencepool_rollout.kube.apis import (
    LEASES,
    MODELS,
    NAMESPACES,
    PODS,
    POOLS,
    REWRITES,
    ROUTES,
    SECRETS,
    SERVICES,
    Api,
)
from inferencepool_rollout.plan.plan import Plan


@dataclass(frozen=True)
class Need:
    """Verbs on a kind, or on a subresource of it: on all of its objects, or on those of some names."""

    api: Api
    verbs: Sequence[str]
    sub: str = ""
    names: Sequence[str] = ()

    @property
    def resource(self) -> str:
        """The resource as RBAC names it."""
        return f"{self.api.plural}/{self.sub}" if self.sub else self.api.plural


def needs(plan: Plan, *, with_helm: bool) -> list[Need]:
    """Return the rights that a rollout needs in the route's namespace; those of helm where that moves the weight."""
    route, namespace = plan.route.release, plan.route.namespace
    of_helm = [
        Need(SECRETS, ("get", "list", "create", "update", "delete")),
        # by which the route's chart tells a cluster from an offline rendering
        Need(NAMESPACES, ("get",), names=[namespace]),
    ]
    return [
        Need(ROUTES, ("list",)),
        Need(ROUTES, ("get", "patch"), names=[route]),
        *(Need(api, ("get",)) for api in POOLS),
        *(Need(api, ("list",)) for api in (*REWRITES, MODELS)),
        Need(PODS, ("list",)),
        Need(PODS, ("get",), "proxy"),
        Need(SERVICES, ("get",)),
        Need(LEASES, ("create",)),
        Need(LEASES, ("get", "update", "patch"), names=[f"rollout-{route}"]),
        *(of_helm if with_helm else ()),
    ]
