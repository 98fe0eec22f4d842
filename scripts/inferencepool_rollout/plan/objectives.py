"""What the new pool has to keep, and how surely it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from inferencepool_rollout.plan.values import Duration, Part, Several, written


class Share(Part):
    """A share of the new pool's requests that may not be large."""

    accept: float = Field(gt=0, lt=1, description="Largest share that is fine.")
    detect: float = Field(gt=0, lt=1, description="Smallest share that must not pass.")
    burst: float = Field(
        default=20,
        ge=1,
        description="Mean number of failures of one cause. Failures are judged by their clusters; as long as few have "
        "been seen, they are expected to be of this size. 1 where failures are independent.",
    )


class ErrorRate(Share):
    """Share of the new pool's requests without a good answer."""

    name: ClassVar[str] = "error rate"


class Goodput(Share):
    """Share of the new pool's requests that are lost, or beyond one of the limits."""

    ttft: Duration | None = Field(default=None, gt=0, description="Longest time to first token.")
    tpot: Duration | None = Field(default=None, gt=0, description="Longest time per output token.")
    e2e: Duration | None = Field(default=None, gt=0, alias="e2e", description="Longest response time.")

    @property
    def limits(self) -> Mapping[str, float]:
        """The limits (s) by latency."""
        return {metric: limit for metric in ("ttft", "tpot", "e2e") if (limit := getattr(self, metric)) is not None}

    @property
    def name(self) -> str:
        """The objective's name in reports."""
        return f"beyond {' or '.join(f'{metric.upper()} {written(limit)}' for metric, limit in self.limits.items())}"


class Latency(Part):
    """A percentile of the new pool's latency, as ratio to the old pool's."""

    metric: Literal["ttft", "tpot", "itl", "e2e"] = Field(
        description="Time to first token (ttft), time per output token (tpot), the longest inter-token latency of an "
        "answer (itl: its worst stall), or the whole response time (e2e)."
    )
    percentile: float = Field(ge=1, le=99.9, description="Which percentile.")
    accept: float = Field(gt=0, le=100, description="Largest ratio that is fine.")
    detect: float = Field(gt=0, le=100, description="Smallest ratio that must not pass.")

    @property
    def name(self) -> str:
        """The objective's name in reports."""
        return f"{self.metric.upper()} p{self.percentile:g} new/old"


class Drop(Part):
    """How much worse the new pool's answers may be, as a share of all prompts."""

    accept: float = Field(ge=0, lt=1, description="Largest share that is fine.")
    detect: float = Field(gt=0, le=1, description="Smallest share that must not pass.")


class LengthRatio(Part):
    """Tokens of the new pool's answers to those of the old pool's, in either direction."""

    accept: float = Field(ge=1, le=10, description="Largest ratio that is fine; 1.1 also allows 1/1.1.")
    detect: float = Field(gt=1, le=10, description="Smallest ratio that must not pass.")


class AnswerObjectives(Part):
    """What the new pool's answers have to keep, beside the old pool's answers to the same prompts."""

    pass_rate: Drop | None = Field(
        default=None, description="Share of prompts whose expectation the old pool's answer meets, less the new pool's."
    )
    agreement: Drop | None = Field(
        default=None,
        description="Share of prompts that the new pool answers otherwise than the old one, less the share that the "
        "old pool answers otherwise when it is asked again.",
    )
    length_ratio: LengthRatio | None = Field(default=None, description="How much longer or shorter answers may be.")
    judged: Drop | None = Field(default=None, description="The judge's score of the old answers, less the new ones'.")
    adapter_effect: Drop | None = Field(
        default=None,
        description="Share of prompts whose answer an adapter changes in the old pool, less the same in the new one.",
    )

    @property
    def given(self) -> Mapping[str, Drop | LengthRatio]:
        """The objectives that the plan names, by their keys."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class Objectives(Part):
    """What the new pool has to keep.

    A pool at or below `accept` is rolled back with probability `decision.alpha` at most; a pool at or above `detect`
    passes a step with probability 1 - `decision.power` at most. A rate in between may pass or be rolled back.
    """

    error_rate: ErrorRate = Field(description="Objective for answers that are lost.")
    latency: Annotated[tuple[Latency, ...], Several] = Field(default=(), description="Objectives for latency.")
    quality: AnswerObjectives | None = Field(default=None, description="Objectives for what the answers say.")
    goodput: Goodput | None = Field(
        default=None,
        description="Limits of latency in absolute numbers. A p95 of at most 500 ms, for example, is "
        "`{ttft: 500ms, accept: 0.05, detect: 0.1}`. Judged by the probe's requests, also at 100 %.",
    )


class Decision(Part):
    """The error probabilities of the verdict."""

    alpha: float = Field(
        default=0.01,
        gt=0,
        le=0.2,
        description="Probability that a rollout whose pool keeps every objective is rolled back, over all steps.",
    )
    power: float = Field(
        default=0.95,
        ge=0.5,
        lt=1,
        description="Probability that a step does not pass a pool that is as bad as one `detect`.",
    )
    earliest: Duration = Field(
        default=100.0,
        description="Latency is not judged before this time, nor before three times as long where pools drift apart on "
        "their own: a shorter window cannot show how long the memory of latencies is. Only a pool that is several "
        "times too slow is rolled back before.",
    )
