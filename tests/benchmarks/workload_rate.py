"""How many requests of a workload one core makes in a second, as the bytes that are sent."""

from __future__ import annotations

import itertools
import time
from typing import Any

from benchmarks.result import Result
from inferencepool_rollout.plan.probe import Workload as Spec
from inferencepool_rollout.traffic.load import Plan
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.workload.requests import Workload

CHAT: dict[str, Any] = {
    "promptTokens": {"mean": 600, "spread": 1.0, "most": 8000},
    "answerTokens": {"mean": 200, "spread": 1.0, "most": 2000},
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "prompts of 40 tokens": {"promptTokens": {"mean": 40}, "answerTokens": {"mean": 16}},
    "prompts of 600 tokens, spread": CHAT,
    "the same with shared prefixes and conversations": {
        **CHAT, "sharedPrefix": {"tokens": 200, "groups": 8}, "turns": {"mean": 4, "most": 10},
    },
}  # fmt: skip


def measure(requests: int) -> Result:
    """Make `requests` of each kind."""
    rows = []
    for name, spec in KINDS.items():
        plan = Plan(rate=1e9, seconds=1e9, varied=Workload(Spec.model_validate(spec)))
        began = time.process_time()
        sizes = [len(body) for _, _, body in itertools.islice(plan.due(Completion("food-review")), requests)]
        took = time.process_time() - began
        rows.append((name, f"{len(sizes) / took:,.0f}", f"{sum(sizes) / len(sizes):,.0f}"))
    return Result(
        "How fast a workload is made",
        f"{requests:,} requests of each kind, made on one core and not sent.",
        ("workload", "requests/s", "bytes a request"),
        rows,
    )
