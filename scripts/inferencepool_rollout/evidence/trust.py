"""Whether a step's answers can be trusted to show what they are judged by: the split, and who gave them."""

from __future__ import annotations

from inferencepool_rollout.evidence.observed import Observed
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.traffic.sequential import anytime_p

SPLIT_ALPHA = 0.001
"""Probability that a right split is taken for a wrong one, over a whole step."""
UNATTRIBUTED_SHARE, UNATTRIBUTED_FEWEST = 0.05, 100
"""A step is held once more than this share of at least so many good answers name neither pool nor pod."""


def distrust(step: Step, observed: Observed) -> str:
    """Return why a step is held whatever its objectives show; empty if nothing speaks against its answers."""
    return _contradicted(observed) or _unattributed(observed) or wrong_split(step, observed)


def wrong_split(step: Step, observed: Observed) -> str:
    """Return why the answers do not follow the step's weight, with SPLIT_ALPHA as probability of a false alarm."""
    answered = observed.answered()
    strays = {who: count for who, count in answered.items() if who not in ("old", "new")}
    if strays:
        return f"answers came from neither pool: {', '.join(f'{count} from {who}' for who, count in strays.items())}"
    counts = [answered.get("old", 0), answered.get("new", 0)]
    if sum(counts) and anytime_p(counts, [100 - step.percent, step.percent]) <= SPLIT_ALPHA:
        return f"the gateway does not split as asked: old {counts[0]}, new {counts[1]}, asked {step.percent} % new"
    return ""


def _contradicted(observed: Observed) -> str:
    if not observed.contradictions:
        return ""
    return (
        f"{observed.contradictions} answers came from a pod of another pool than the one that the route chose: one "
        "endpoint picker serves both pools (istio#61594), or both pools select the same pods"
    )


def _unattributed(observed: Observed) -> str:
    good = observed.requests - observed.lost
    if good < UNATTRIBUTED_FEWEST or observed.unattributed_share <= UNATTRIBUTED_SHARE:
        return ""
    return (
        f"{observed.unattributed} of {good} answers name neither their pool nor their pod, so nothing can be judged by "
        "them; let the route mark its answers (charts/rollout-route, poolHeader)"
    )
