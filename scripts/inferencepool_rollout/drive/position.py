"""Where a rollout stands, told by Helm's history and the live route alone, and so what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.helm import PENDING, Revision
from inferencepool_rollout.plan import Plan, Step


class Next(StrEnum):
    """What comes next."""

    START = "start"  # the new pool has no weight yet
    JUDGE = "judge"  # it has the weight of a step, whose check may or may not have been done: it is done
    FREE = "free the release"  # a helm was killed in the middle of a revision
    STOPPED = "stopped"  # the last revision took the weight back


@dataclass(frozen=True)
class Position:
    """Where a rollout stands.

    `percent` is the new pool's share in the last deployed revision, `step` the index of the step that asks for it
    (-1 before the first), `deployed` that revision, and `start` the last revision before the rollout, to go back to.
    """

    next: Next
    percent: int
    step: int
    deployed: int
    start: int | None


def position(plan: Plan, history: Sequence[Revision], weight: Callable[[int], int]) -> Position:
    """Tell where a rollout stands; `weight` returns the new pool's percent of a revision.

    Raises Failure if the route was never deployed, or stands at a weight that no step asks for.
    """
    served = [revision for revision in history if revision.status in ("deployed", "superseded")]
    if not served:
        raise Failure(f"the release {plan.route.release} is not deployed; helm install it first, with weight 0")
    last = served[-1]
    percent = weight(last.number)
    start = next((each.number for each in reversed(served) if weight(each.number) == 0), None)
    percents = [step.percent for step in plan.steps]
    if percent and percent not in percents:
        raise Failure(
            f"the route gives the new pool {percent} %, which is no step of the plan ({percents}); "
            "add it to the plan, or go back with `rollout rollback`"
        )
    step = percents.index(percent) if percent else -1
    if history[-1].status in PENDING:
        return Position(Next.FREE, percent, step, last.number, start)
    if last.is_rollback and len(served) > 1 and weight(served[-2].number) > percent:
        return Position(Next.STOPPED, percent, step, last.number, start)
    return Position(Next.JUDGE if percent else Next.START, percent, step, last.number, start)


def following(plan: Plan, at: Position) -> Step | None:
    """The step after the one at which the rollout stands; None at the last."""
    return plan.steps[at.step + 1] if at.step + 1 < len(plan.steps) else None
