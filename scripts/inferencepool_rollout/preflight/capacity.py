"""The pools can carry the next step, and the old one can take everything back."""

from __future__ import annotations

from collections.abc import Iterator

from inferencepool_rollout.drive.position import pool_refs
from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import Facts


def checks(facts: Facts) -> Iterator[Check]:
    """Yield a row for each pool, where the plan has a capacity and a step is next."""
    plan, step = facts.plan, facts.step
    if step is None or plan.capacity is None:
        return
    each_of = plan.capacity.per_replica
    new, source = (each_of.new, "") if facts.measured is None else (facts.measured, ", as measured at step 0")
    back, why_back = 1.0, "to take everything back"
    if plan.capacity.scaling and facts.snapshot.route:  # the way back scales it up first
        served = facts.snapshot.route.percent(pool_refs(plan, facts.snapshot.route)[1])
        back, why_back = 1 - served / 100, f"while it serves {100 - served:g} %"
    for name, share, each, when in (
        (plan.new, step.percent / 100, new, f"at {step.percent} %{source}"),
        (plan.old, back, each_of.old, why_back),
    ):
        pool = facts.snapshot.pools[name]
        ready = len(pool.serving) if pool else 0
        need = share * plan.capacity.peak
        why = f"{ready} x {each:g} = {ready * each:g} requests/s, needed {need:g} {when}"
        remedy = "" if ready * each >= need else f"scale {name} to {replicas(need, each)} replicas"
        yield Check(f"capacity of {name}", why, remedy)


def replicas(need: float, each: float) -> int:
    """Return how many replicas that serve `each` requests/s it takes for `need` requests/s."""
    return max(1, int(-(-need // each))) if each else 1
