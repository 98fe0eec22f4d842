"""Helm's releases are deployed, and the route's values name the plan's pools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import Facts


def checks(facts: Facts) -> Iterator[Check]:
    """Yield a row for each release, and one for the route's backends."""
    for release, last in (facts.releases or {}).items():
        why = f"revision {last.number} is {last.status}" if last else "not installed"
        remedy = f"helm status {release} shows the cause; install it, repair it or roll it back first"
        yield Check(f"release {release}", why, "" if last and last.status == "deployed" else remedy)
    if facts.values:
        yield _backends(facts)


def _backends(facts: Facts) -> Check:
    """The plan's old pool is the first backend of the route, and its new pool is the backend `route.backend`."""
    plan = facts.plan
    listed = facts.values.get("backends")
    backends: Sequence[Mapping[str, Any]] = listed if isinstance(listed, list) else []
    by_name = {str(each.get("name")): str(each.get("pool")) for each in backends}
    first = str(backends[0].get("pool")) if backends else "none"
    new = by_name.get(plan.route.backend)
    wrong = []
    if first != plan.old:
        wrong.append(
            f"the first of the route's backends, which takes the rest, is {first}, and pools.old is {plan.old}"
        )
    if new != plan.new:
        wrong.append(
            f"backend {plan.route.backend} is {new}, and pools.new is {plan.new}"
            if new
            else f"the route has no backend {plan.route.backend}; it has {', '.join(by_name)}"
        )
    remedy = "correct pools.old, pools.new or route.backend in the plan, or `backends` in the route's values"
    return Check("backends", "; ".join(wrong) or f"{first} and {new}, as the plan names them", remedy if wrong else "")
