"""The end of a rollout: whether the old release may be deleted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from inferencepool_rollout.drive.movers import Mover
from inferencepool_rollout.drive.position import Next, pool_refs, position
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.helm import Helm
from inferencepool_rollout.kube.snapshot import Snapshot, read_snapshot
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.values import written


@dataclass(frozen=True)
class Finish:
    """Deletes the old release once nothing needs it."""

    plan: Plan
    client: Client
    mover: Mover
    helm: Helm

    def check(self) -> None:
        """Raise Failure, with code HELD, while anything may still need the old pool."""
        plan = self.plan
        snapshot = read_snapshot(
            self.client, plan.route.namespace, plan.route.release, (plan.old, plan.new), routes=True
        )
        if reason := self._needed(snapshot):
            raise Failure(reason, ExitCode.HELD)
        if reason := self._soaking():
            raise Failure(reason, ExitCode.HELD)

    def command(self) -> list[str]:
        """Return the command that deletes the old release, as a person would type it."""
        return self.helm.command(*self._words())

    def go(self) -> None:
        """Delete the old release and wait until it is gone."""
        self.helm.run(*self._words())

    def _words(self) -> tuple[str, ...]:
        return ("uninstall", self.plan.old, "--wait")

    def _needed(self, snapshot: Snapshot) -> str:
        """Why the old pool is still needed by what the cluster serves; empty if it is not."""
        plan, route = self.plan, snapshot.route
        if route is None:
            return f"there is no HTTPRoute {plan.route.release}, so nothing shows that {plan.new} serves"
        at = position(plan, route, self.mover.record())
        old, new = pool_refs(plan, route)
        if at.next is not Next.JUDGE or not route.gives_all_to(new):
            why = at.why or f"the live route gives {route.split()}"
            return f"{plan.old} may still serve: {why}; `rollout run` first"
        if not route.followed:
            return f"the gateway has not accepted the route yet: {'; '.join(route.complaints())}"
        pool = snapshot.pools[plan.new]
        if pool is None or not pool.can_serve:
            return f"{plan.new} has no ready model server or endpoint picker, so {plan.old} is the only way back"
        if shared := snapshot.shared_pods():
            return f"{plan.new} selects pods of {plan.old} ({', '.join(shared)}): deleting {plan.old} would delete them"
        if others := snapshot.others_to(old):
            names = ", ".join(f"{each.namespace}/{each.name}" for each in others)
            return f"other routes still refer to {plan.old}: {names}; take it out of them first"
        if not snapshot.everywhere:
            return (
                f"routes of other namespaces may not be read, and may refer to {plan.old}: let somebody finish who may "
                f"list HTTPRoutes of all namespaces, or look yourself and then: {' '.join(self.command())}"
            )
        return ""

    def _soaking(self) -> str:
        revision = self.helm.history(self.plan.route.release)[-1]
        age = time.time() - datetime.fromisoformat(revision.updated).timestamp()
        if age >= self.plan.soak:
            return ""
        return f"{self.plan.new} has had 100 % for {age:.0f} s of {written(self.plan.soak)} (soak)"
