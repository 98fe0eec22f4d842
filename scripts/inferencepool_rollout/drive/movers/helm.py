"""Moving weight by `helm upgrade` of the route's release, and back by `helm rollback`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from inferencepool_rollout.drive.position import Record
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.helm import PENDING, SERVED, Helm, Revision
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.plan.places import CHART_MAX_STEP
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.progress import say

FREE_SECONDS = 30.0
EMERGENCY_SECONDS = 60.0
POLL_SECONDS = 1.0


def upgrade(plan: Plan, percent: int) -> Sequence[str]:
    """Return the words of the helm command that gives the new pool `percent`."""
    route, limit = plan.route, []
    if plan.max_step != CHART_MAX_STEP:
        # the chart takes a change of its limit together with weight only by permission, which counts for one revision
        limit = ["--set", f"guards.maxStep={plan.max_step}", "--set", "guards.allowChanges=true"]
    weight = f"weights.{route.backend}={percent}"
    return ("upgrade", route.release, route.chart, "--reset-then-reuse-values", "--set", weight, *limit)


@dataclass(frozen=True)
class HelmMover:
    """Moves weight by helm."""

    plan: Plan
    helm: Helm
    applies: bool = True

    def record(self) -> Record:
        """Return what the last revision that was written whole asked for."""
        history = self.helm.history(self.plan.route.release)
        served = [revision for revision in history if revision.status in SERVED]
        if not served:
            raise Failure(
                f"release {self.plan.route.release} is not deployed; install it first: helm install "
                f"{self.plan.route.release} {self.plan.route.chart}"
            )
        last = served[-1]
        asked = self._weight(last)
        source = f"revision {last.number} of release {self.plan.route.release}"
        pending = ""
        if history[-1].status in PENDING:
            pending = f"revision {history[-1].number} is {history[-1].status}: helm is at work, or was killed"
        taken = last.is_rollback and len(served) > 1 and self._weight(served[-2]) > asked
        return Record(asked, source, pending, taken)

    def asked(self) -> Route:
        """Return the route in the manifest of the last revision."""
        return self.helm.route(self.plan.route.release)

    def command(self, percent: int) -> Sequence[str]:
        """Return the upgrade as a person would type it."""
        return self.helm.command(*upgrade(self.plan, percent))

    def move(self, percent: int) -> None:
        """Upgrade the release."""
        self.helm.run(*upgrade(self.plan, percent))

    def back_command(self) -> Sequence[str]:
        """Return the rollback as a person would type it."""
        return self.helm.command(*self._back())

    def back(self) -> None:
        """Roll the release back to the last revision that gave the old pool everything, overwriting hand edits."""
        self.helm.run(*self._back(), timeout=EMERGENCY_SECONDS)

    def free(self) -> None:
        """Wait for a helm that outlived its driver; end what a dead one left pending by a rollback."""
        release, until = self.plan.route.release, time.monotonic() + FREE_SECONDS
        while (history := self.helm.history(release)) and history[-1].status in PENDING:
            if time.monotonic() > until:
                deployed = next(each.number for each in reversed(history) if each.status in SERVED)
                words = ("rollback", release, str(deployed), *self.helm.overwrite())
                say(f"release {release} was left {history[-1].status}: {' '.join(self.helm.command(*words))}")
                self.helm.run(*words)
                return
            time.sleep(POLL_SECONDS)

    def _back(self) -> list[str]:
        """The rollback to the last revision that gave the old pool everything; without one, an upgrade to weight 0."""
        release, force = self.plan.route.release, self.helm.overwrite()
        history = [each for each in self.helm.history(release) if each.status in SERVED]
        for revision in reversed(history):
            if self._weight(revision) == 0 and self._gives_all_to_old(revision):
                return ["rollback", release, str(revision.number), *force]
        return [*upgrade(self.plan, 0), "--set", "guards.force=true", "--set", "guards.drift=overwrite", *force]

    def _weight(self, revision: Revision) -> int:
        return self.helm.weight(self.plan.route.release, revision.number, self.plan.route.backend)

    def _gives_all_to_old(self, revision: Revision) -> bool:
        route = self.helm.route(self.plan.route.release, revision.number)
        shares = route.shares()
        names = {(ref.namespace, ref.name) for each in shares for ref, share in each.items() if share}
        return all(shares) and names == {(self.plan.route.namespace, self.plan.old)}
