"""Where a rollout stands: by what the live route serves, beside what the last revision asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inferencepool_rollout.kube.route import PoolRef, Route
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step


class Next(StrEnum):
    """What comes next."""

    START = "start"  # the new pool has no weight yet
    JUDGE = "judge"  # the new pool has the weight of a step, which is judged, anew if it was before
    WAIT = "wait"  # the last change is not in the cluster yet: helm is at work or was killed, or GitOps has to sync
    STOPPED = "stopped"  # the last revision took the weight back
    CHANGED = "changed"  # the live route is not what the last revision asked for


@dataclass(frozen=True)
class Record:
    """What the owner of the route's values asked for last: helm's history, or a values file.

    `asked` is the new pool's percent in the last revision that was written whole, None if there is none; `pending` says
    why a later one is not in the cluster yet, and `taken_back` whether the last one took weight from the new pool.
    """

    asked: int | None
    source: str
    pending: str = ""
    taken_back: bool = False


@dataclass(frozen=True)
class Position:
    """Where a rollout stands: the new pool's live percent, the index of the step with that percent (-1: none), and why
    it is not START or JUDGE."""

    next: Next
    percent: float
    step: int
    why: str = ""


def position(plan: Plan, route: Route, record: Record) -> Position:
    """Tell where a rollout stands by its live route; what was asked for only shows whether somebody changed it."""
    old, new = pool_refs(plan, route)
    percent = route.percent(new)
    percents = [float(step.percent) for step in plan.steps]
    step = percents.index(percent) if percent in percents else -1
    if record.pending:
        return Position(Next.WAIT, percent, step, record.pending)
    if why := _changed(plan, route, record, old, new):
        return Position(Next.CHANGED, percent, step, why)
    if record.taken_back:
        return Position(Next.STOPPED, percent, step, f"{record.source} took weight back from {plan.new}")
    return Position(Next.JUDGE if percent else Next.START, percent, step)


def pool_refs(plan: Plan, route: Route) -> tuple[PoolRef, PoolRef]:
    """Return the old and the new pool as the route refers to them, of the API group that it names."""
    named = {ref for shares in route.shares() for ref in shares}

    def of(name: str) -> PoolRef:
        plain = PoolRef(plan.route.namespace, name)
        return next((ref for ref in named if (ref.namespace, ref.name) == (plain.namespace, name)), plain)

    return of(plan.old), of(plan.new)


def following(plan: Plan, at: Position) -> Step | None:
    """The first step above the live percent; None at the last."""
    return next((step for step in plan.steps if step.percent > at.percent), None)


def _changed(plan: Plan, route: Route, record: Record, old: PoolRef, new: PoolRef) -> str:
    """Why the live route is not what was asked for; empty if it is."""
    live = f"the live route gives {route.split()}"
    if record.asked is None:
        return f"{live}, and no revision of release {plan.route.release} asked for it"
    others = {ref for shares in route.shares() for ref, share in shares.items() if share and ref not in (old, new)}
    if others:
        return f"{live}: {', '.join(map(str, others))} is none of the plan's pools"
    if route.percent(new) != route.least(new):
        return f"{live}: its rules differ"
    if not any(route.shares()):
        return f"{live}, so it answers nothing"
    if route.percent(new) != record.asked:
        return f"{live}, and {record.source} asked for {record.asked} % to {plan.new}: somebody changed it"
    if record.asked and record.asked not in [step.percent for step in plan.steps]:
        percents = ", ".join(str(step.percent) for step in plan.steps)
        return f"{live}, and {record.asked} % is not a step of the plan ({percents}); add it to the plan"
    return ""
