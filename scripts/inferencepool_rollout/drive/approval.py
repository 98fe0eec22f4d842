"""A person's approval of a step, as an annotation of the rollout's Lease.

It counts for one percent and for the live route as it was when it was given: after any write of the route it has to be
given again, so that none is left over from an earlier rollout.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import ASKED_SECONDS, ApiFault, Client
from inferencepool_rollout.kube.snapshot import live_route
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step

APPROVED = "rollout/approved"


@dataclass(frozen=True)
class Approval:
    """Who approved which percent, and when (ISO 8601); of the route with that uid and generation."""

    percent: int
    by: str
    at: str
    uid: str
    generation: int


@dataclass(frozen=True)
class Approvals:
    """The approvals of a rollout."""

    plan: Plan
    client: Client
    lease: Lease

    def give(self, step: Step) -> Approval:
        """Approve a step in the user's name; raises ApiFault if it cannot be written."""
        made = self.make(step)
        self.lease.write_note(APPROVED, json.dumps(asdict(made)))
        return made

    def make(self, step: Step) -> Approval:
        """Return an approval of the live route's next step, written nowhere."""
        route = live_route(self.client, self.plan.route.namespace, self.plan.route.release)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return Approval(step.percent, self._me(), at, route.uid, route.generation)

    def of(self, step: Step) -> Approval | None:
        """Return the approval of a step, None while there is none that counts."""
        client = self.client.with_patience(0, ASKED_SECONDS)
        text = self.lease.note(APPROVED)
        if not text:
            return None
        route = live_route(client, self.plan.route.namespace, self.plan.route.release)
        try:
            found = Approval(**json.loads(text))
        except (ValueError, TypeError):
            raise Failure(
                f"the annotation {APPROVED} of Lease {self.lease.name} is no approval; give it again with "
                "`rollout promote`"
            ) from None
        counts = (found.percent, found.uid, found.generation) == (step.percent, route.uid, route.generation)
        return found if counts else None

    def _me(self) -> str:
        """The user as the API server knows him, and as his machine does."""
        try:
            name = self.client.whoami()
        except ApiFault:
            name = ""
        return f"{name} ({self.lease.me})" if name else self.lease.me
