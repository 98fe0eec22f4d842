"""Whether the gateway does what the live route says: by its conditions, and by who answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from inferencepool_rollout.drive.position import pool_refs
from inferencepool_rollout.evidence.observed import observe
from inferencepool_rollout.evidence.probe import completion
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.kube.snapshot import Snapshot, read_snapshot
from inferencepool_rollout.plan import Plan
from inferencepool_rollout.traffic import load
from inferencepool_rollout.traffic.load import send

FOLLOW_SECONDS = 60.0
VERIFY_SECONDS = 30.0
REQUESTS = 20
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Verified:
    """The live route as its gateways accepted it, and what was seen of the answers, in words."""

    route: Route
    why: str


def await_followed(
    client: Client, plan: Plan, arrived: Callable[[Route], bool], seconds: float = FOLLOW_SECONDS
) -> Route:
    """Wait until the live route is as `arrived` wants it and every gateway has accepted it; return it.

    Raises Failure with what the gateways say after `seconds`.
    """
    until = time.monotonic() + seconds
    while True:
        route = _route(client, plan)
        if arrived(route) and route.followed:
            return route
        if time.monotonic() > until:
            reasons = route.complaints() or ([] if route.parents else ["no gateway has taken up the route"])
            why = "; ".join(reasons)
            raise Failure(
                f"the gateway did not follow within {seconds:.0f} s: the live route gives {route.split()}"
                + (f"; {why}" if why else "")
            )
        time.sleep(POLL_SECONDS)


def verify_all_to_old(client: Client, plan: Plan) -> Verified:
    """Prove that the old pool has all requests: by the live route, its gateways' conditions, and requests.

    Requests are sent through the weighted rules until REQUESTS in a row were answered well and none by another pool.
    Raises Failure with what was seen instead after VERIFY_SECONDS.
    """
    route = await_followed(client, plan, lambda live: live.gives_all_to(pool_refs(plan, live)[0]))
    until = time.monotonic() + VERIFY_SECONDS
    while True:
        why, wrong = _answered(client, plan)
        if not wrong:
            return Verified(route, why)
        if time.monotonic() > until:
            raise Failure(
                f"the live route gives all requests to {plan.old} and its gateway accepted it, but {wrong}; "
                f"ask {plan.gateway.url} yourself, and see `rollout preflight`"
            )


def _answered(client: Client, plan: Plan) -> tuple[str, str]:
    """Send REQUESTS through the weighted rules: what the answers show, and what is wrong with them."""
    bound = load.Plan(count=REQUESTS, workers=4, timeout=plan.probe.timeout)
    answers = send(plan.gateway.url, completion(plan, plan.probe.models[0], {}), bound)
    if answers.lost:
        causes = ", ".join(f"{count} by {cause}" for cause, count in answers.causes().items())
        return "", f"{answers.lost} of {len(answers)} requests had no good answer ({causes})"
    seen = observe([(answers, "", True)], pods(_snapshot(client, plan), plan)).answered()
    others = {who: count for who, count in seen.items() if who != "old"}
    if others:
        sources = ", ".join(f"{count} from {_name(plan, who)}" for who, count in others.items())
        return "", f"of {len(answers)} answers came {sources}"
    if not seen:
        return "its answers do not name their pool, so the gateway's conditions are the only proof", ""
    return f"{seen['old']} of {len(answers)} requests were answered, all by {plan.old}", ""


def pods(snapshot: Snapshot, plan: Plan) -> dict[str, str]:
    """Return the side, old or new, of each model server's pod."""
    sides = {plan.old: "old", plan.new: "new"}
    return {
        pod.name: sides[name] for name, pool in snapshot.pools.items() if pool and name in sides for pod in pool.servers
    }


def _name(plan: Plan, who: str) -> str:
    return {"old": plan.old, "new": plan.new}.get(who, f"pod {who}, which is none of the plan's")


def _snapshot(client: Client, plan: Plan) -> Snapshot:
    return read_snapshot(client, plan.route.namespace, plan.route.release, (plan.old, plan.new))


def _route(client: Client, plan: Plan) -> Route:
    snapshot = read_snapshot(client, plan.route.namespace, plan.route.release, ())
    if snapshot.route is None:
        raise Failure(f"there is no HTTPRoute {plan.route.namespace}/{plan.route.release}")
    return snapshot.route
