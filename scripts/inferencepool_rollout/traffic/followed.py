"""When the gateway began to follow a change of weights, told by the answers to a load that ran through it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.answers import Answers


def followed_after(
    answers: Answers, pools: Mapping[str, str], before: Mapping[str, float], after: Mapping[str, float], since: float
) -> float:
    """Return the seconds from `since` (Unix time) until the answers follow the change from `before` to `after`.

    `answers` is a load that ran from before the change to well after it, `pools` maps pods to pools, `before` and
    `after` are weights by pool. The change is seen in the last answer of a pool that lost its whole weight and in
    the first answer of a pool that had none; by the latter it is overestimated by the few requests that the pool's
    share lets pass (at 10 % and 200 requests/s about 0.05 s). Raises Failure if no pool gained its first or lost
    its last weight, or if one that gained it never answered.
    """
    by = np.array([pools.get(pod, "") for pod in answers.pod.tolist()])
    seen: list[float] = []
    for pool in after:
        started = answers.started[answers.good & (by == pool) & (answers.started >= since)]
        if before.get(pool) and not after[pool]:
            seen.append(float(started.max()) if started.size else since)
        if after[pool] and not before.get(pool):
            if not started.size:
                raise Failure(
                    f"{pool} was given weight {after[pool]:g} and did not answer one of {len(answers)} requests"
                )
            seen.append(float(started.min()))
    if not seen:
        raise Failure("the change is not visible in single answers: no pool gained its first or lost its last weight")
    return max(seen) - since
