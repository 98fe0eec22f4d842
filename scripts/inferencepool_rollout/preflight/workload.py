"""The servers take the longest request of the plan's workload."""

from __future__ import annotations

from collections.abc import Iterator

from inferencepool_rollout.evidence.probe import workload
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import Facts

SHORTER = (
    "lower probe.workload's promptTokens.most, answerTokens.most or turns.most, or leave such rows out of its trace"
)


def checks(facts: Facts) -> Iterator[Check]:
    """Yield a row where the plan has a workload."""
    try:
        asked = workload(facts.plan, 0)
    except Failure as failure:
        yield Check("workload", str(failure), "correct probe.workload.trace")
        return
    if asked is None:
        return
    contexts = {
        name: min((each.context for each in pool.models.values() if each.context), default=None)
        for name, pool in facts.snapshot.pools.items()
        if pool
    }
    long = f"{asked.longest} tokens in its longest request"
    short = [f"{name} takes {context}" for name, context in contexts.items() if context and context < asked.longest]
    if short:
        yield Check("workload", f"{long}, and {' and '.join(short)}", SHORTER)
    elif not all(contexts.values()):
        yield Check("workload", f"{long}; servers do not list how many they take (max_model_len)")
    else:
        yield Check("workload", f"{long}, which every server takes")
