"""The way back: give the old pool all requests again, whatever happened, and prove it or fail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from inferencepool_rollout.drive.movers import Mover
from inferencepool_rollout.drive.position import pool_refs
from inferencepool_rollout.drive.verify import Gateway, Verified
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import ApiFault, Client
from inferencepool_rollout.kube.route import PoolRef, Route
from inferencepool_rollout.kube.snapshot import Snapshot, live_route, read_snapshot
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.progress import say

FIELD_MANAGER = "helm"
"""Helm 4 applies as this field manager: what is written in its name is never in conflict with it later."""


@dataclass(frozen=True)
class WayBack:
    """Takes all weight from the new pool."""

    plan: Plan
    client: Client
    mover: Mover
    gateway: Gateway

    def check(self) -> Snapshot:
        """Return the cluster as it is; raises Failure if there is nothing to go back to."""
        plan = self.plan
        snapshot = read_snapshot(self.client, plan.route.namespace, plan.route.release, (plan.old, plan.new))
        if snapshot.route is None:
            raise Failure(
                f"there is no HTTPRoute {plan.route.namespace}/{plan.route.release}, so there is nothing to roll back",
                ExitCode.REFUSED,
            )
        old = snapshot.pools[plan.old]
        if old is None:
            raise Failure(
                f"{plan.old} is gone, so it cannot take requests back. Get it back first: helm install {plan.old} "
                f"charts/inferencepool -f YOUR-VALUES --namespace {plan.route.namespace} --wait; then "
                "`rollout rollback`",
                ExitCode.REFUSED,
            )
        if not old.can_serve:
            raise Failure(
                f"{plan.old} cannot take requests back: {len(old.serving)} of {len(old.staying)} model servers and "
                f"{sum(pod.serving for pod in old.pickers)} of {len(old.staying_pickers)} endpoint pickers are ready. "
                f"Repair it first: kubectl --namespace {plan.route.namespace} describe inferencepool,pods; then "
                "`rollout rollback`",
                ExitCode.REFUSED,
            )
        return snapshot

    def go(self, others_end: Callable[[], None] = lambda: None) -> Verified:
        """Give the old pool everything: at once through the API server, then in the release's history.

        The API server comes first because it is the fastest way and works in whatever state the release is. Then
        `others_end` waits for a driver that may still be moving weight. Returns what the gateway shows; raises Failure
        if the old pool does not have all requests in the end.
        """
        self.check()
        if self.mover.applies:
            self._by_api()
            others_end()
            self._by_mover()
            self._by_api()
        elif not self._is_back():
            raise Failure(f"{self.mover.record().source} has to be applied before {self.plan.old} has all requests")
        return self.gateway.verify_all_to_old()

    def _by_api(self) -> None:
        """Write the old pool as the only backend of every weighted rule of the live route, unless it is already."""
        route = self._live()
        old, _ = pool_refs(self.plan, route)
        if not route.gives_all_to(old):
            say(f"writing {old} as the only backend of HTTPRoute {route.namespace}/{route.name}")
            self.client.apply(_all_to(route, old), FIELD_MANAGER)

    def _by_mover(self) -> None:
        """Let the owner of the weights take them back too, so that its history says what the cluster serves."""
        try:
            say(" ".join(self.mover.back_command()))
            self.mover.back()
        except Failure as failure:
            say(
                f"release {self.plan.route.release} does not know that the weight was taken back ({failure}); "
                f"repair it before the next move: {' '.join(self.mover.command(0))}"
            )

    def _is_back(self) -> bool:
        try:
            route = self._live()
        except ApiFault:
            return False
        return route.gives_all_to(pool_refs(self.plan, route)[0])

    def _live(self) -> Route:
        return live_route(self.client, self.plan.route.namespace, self.plan.route.release)


def _all_to(route: Route, pool: PoolRef) -> dict[str, object]:
    """The route's manifest to apply: as it is live, but every weighted rule leads to one pool alone."""
    spec = copy.deepcopy(route.manifest["spec"])
    weighted = Route({**route.manifest, "spec": spec}).weighted
    for rule in weighted:
        refs = rule.get("backendRefs") or []
        same = next((ref for ref in refs if route.reference(ref) == pool), None)
        elsewhere = {"namespace": pool.namespace} if pool.namespace != route.namespace else {}
        plain = {"group": pool.group, "kind": "InferencePool", "name": pool.name, **elsewhere}
        rule["backendRefs"] = [{**(same or plain), "weight": 100}]
    kept = ("name", "namespace", "labels", "annotations")
    metadata = {key: value for key, value in route.manifest["metadata"].items() if key in kept}
    head = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}
    return {**head, "metadata": metadata, "spec": spec}
