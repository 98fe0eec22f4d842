"""What the Job's ServiceAccount may do: the rights of every rollout, and those to be watched from elsewhere.

RBAC cannot limit `create` and `list` to names, nor know the names of the Secrets that Helm keeps a release in.
"""

from __future__ import annotations

from inferencepool_rollout.in_cluster.log_store import MOST, chunk_name
from inferencepool_rollout.kube.apis import CONFIG_MAPS, EVENTS
from inferencepool_rollout.kube.client import Manifest
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.preflight.needs import Need, needs


def rules(plan: Plan) -> list[Manifest]:
    """Return the rules of the Role: the least that a Job needs for a plan."""
    log = [chunk_name(plan, number) for number in range(MOST)]
    of_job = [
        Need(EVENTS, ("create",)),
        Need(CONFIG_MAPS, ("create",)),
        Need(CONFIG_MAPS, ("get", "update"), names=log),
    ]
    return [_rule(need) for need in (*needs(plan, with_helm=True), *of_job)]


def _rule(need: Need) -> Manifest:
    names = {"resourceNames": list(need.names)} if need.names else {}
    return {"apiGroups": [need.api.group], "resources": [need.resource], "verbs": list(need.verbs), **names}
