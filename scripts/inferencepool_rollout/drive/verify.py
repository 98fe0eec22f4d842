"""Whether the gateway does what the live route says: by its conditions, and by who answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from inferencepool_rollout.drive.cohort import wrong_ids
from inferencepool_rollout.drive.position import pool_refs
from inferencepool_rollout.evidence.observed import observe
from inferencepool_rollout.evidence.probe import completion, marks, pods_by_side
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.cohort import is_cohort
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.kube.snapshot import live_route, read_snapshot
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.traffic import load
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.request import Completion

FOLLOW_SECONDS = 60.0
VERIFY_SECONDS = 30.0
REQUESTS = 20
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Verified:
    """The live route as its gateways accepted it, and what was seen of the answers, in words."""

    route: Route
    why: str


@dataclass(frozen=True)
class Gateway:
    """The gateway of a plan, as it is checked: by the conditions that it writes, and by requests.

    `follow` and `verify` are how many seconds it has to accept a route and to serve as the route says, `poll` the
    seconds between two readings; `send` is traffic.load.send.
    """

    plan: Plan
    client: Client
    follow: float = FOLLOW_SECONDS
    verify: float = VERIFY_SECONDS
    poll: float = POLL_SECONDS
    send: Callable[[str, Completion, load.Plan], Answers] = load.send

    def await_followed(self, arrived: Callable[[Route], bool]) -> Route:
        """Wait until the live route is as `arrived` wants it and every gateway has accepted it; return it.

        Raises Failure with what the gateways say after `follow` seconds.
        """
        until = time.monotonic() + self.follow
        while True:
            route = live_route(self.client, self.plan.route.namespace, self.plan.route.release)
            if arrived(route) and route.followed:
                return route
            if time.monotonic() > until:
                reasons = route.complaints() or ([] if route.parents else ["no gateway has taken up the route"])
                raise Failure(
                    f"the gateway did not follow within {self.follow:.0f} s: the live route gives {route.split()}"
                    + "".join(f"; {reason}" for reason in reasons)
                )
            time.sleep(self.poll)

    def verify_all_to_old(self) -> Verified:
        """Prove that the old pool has all requests: by the live route, its gateways' conditions, and requests.

        Requests are sent through the weighted rules until REQUESTS in a row were answered well and none by another
        pool. Raises Failure with what was seen instead after `verify` seconds.
        """
        plan = self.plan
        until = time.monotonic() + self.verify
        while True:
            route = self.await_followed(lambda live: live.gives_all_to(pool_refs(plan, live)[0]))
            why, wrong = self._answered()
            wrong = wrong or self._wrong_ids(route)
            if not wrong:
                return Verified(route, why)
            if time.monotonic() > until:
                raise Failure(
                    f"the live route gives all requests to {plan.old} and its gateway accepted it, but {wrong}; "
                    f"ask {plan.gateway.url} yourself, and see `rollout preflight`"
                )
            time.sleep(self.poll)

    def verify_cohort(self, route: Route) -> None:
        """Prove that each id goes where the route says; nothing to prove for a route without cohort rules.

        Raises Failure with the ids that went elsewhere after `verify` seconds.
        """
        until = time.monotonic() + self.verify
        while wrong := self._wrong_ids(route):
            if time.monotonic() > until:
                raise Failure(
                    f"the gateway does not split by the ids of the route's cohort rules: {wrong}; see whether it "
                    "supports the header match RegularExpression, or take `cohort` out of the route's values"
                )
            time.sleep(self.poll)

    def _wrong_ids(self, route: Route) -> str:
        if not any(is_cohort(rule) for rule in route.weighted):
            return ""
        plan = self.plan
        snapshot = read_snapshot(self.client, plan.route.namespace, plan.route.release, (plan.old, plan.new))
        return wrong_ids(plan, route, snapshot.pools, self.send)

    def _answered(self) -> tuple[str, str]:
        """Send REQUESTS through the weighted rules: what the answers show, and what is wrong with them."""
        plan = self.plan
        bound = load.Plan(count=REQUESTS, workers=4, timeout=plan.probe.timeout)
        answers = self.send(plan.gateway.url, completion(plan, plan.probe.models[0], {}), bound)
        if answers.lost:
            causes = ", ".join(f"{count} by {cause}" for cause, count in answers.causes().items())
            return "", f"{answers.lost} of {len(answers)} requests had no good answer ({causes})"
        snapshot = read_snapshot(self.client, plan.route.namespace, plan.route.release, (plan.old, plan.new))
        seen = observe([(answers, "")], pods_by_side(plan, snapshot.pools), marks(plan)).answered()
        others = {who: count for who, count in seen.items() if who != "old"}
        if others:
            sources = ", ".join(f"{count} from {_name(plan, who)}" for who, count in others.items())
            return "", f"of {len(answers)} answers came {sources}"
        if not seen:
            return "its answers do not name their pool, so the gateway's conditions are the only proof", ""
        return f"{seen['old']} of {len(answers)} requests were answered, all by {plan.old}", ""


def _name(plan: Plan, who: str) -> str:
    return {"old": plan.old, "new": plan.new}.get(who, f"pod {who}, which is none of the plan's")
