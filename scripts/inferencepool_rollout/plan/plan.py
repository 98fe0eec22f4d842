"""The plan of a rollout as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from inferencepool_rollout.plan.answers import Quality
from inferencepool_rollout.plan.capacity import Capacity
from inferencepool_rollout.plan.hooks import Hooks
from inferencepool_rollout.plan.objectives import Decision, Drop, ErrorRate, Goodput, Latency, LengthRatio, Objectives
from inferencepool_rollout.plan.places import CHART_MAX_STEP, Gateway, Pools, Route
from inferencepool_rollout.plan.probe import Probe
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.plan.users import Prometheus, Users
from inferencepool_rollout.plan.values import Duration, Part, Several

HIDDEN = "not recorded"


class Plan(Part):
    """The plan of a rollout."""

    route: Route = Field(description="The release of charts/rollout-route whose weight moves.")
    pools: Pools = Field(description="The two releases of charts/inferencepool.")
    gateway: Gateway = Field(description="Where the probe sends its requests.")
    probe: Probe = Field(description="The requests that the rollout is judged by, beside the users' own.")
    steps: Annotated[tuple[Step, ...], Several, Field(min_length=1)] = Field(
        description="The new pool's weights, in rising order."
    )
    objectives: Objectives = Field(description="What the new pool has to keep.")
    decision: Decision = Field(default=Decision(), description="The error probabilities of the verdict.")
    prometheus: Prometheus | None = Field(default=None, description="Objectives about the users' own requests.")
    users: Users | None = Field(
        default=None,
        description="Judge everybody's requests too, by the metrics of both pools; `{}` is enough. No Prometheus is "
        "needed.",
    )
    quality: Quality | None = Field(default=None, description="Prompts for `objectives.quality`.")
    capacity: Capacity | None = Field(default=None, description="What the pools have to carry.")
    max_step: int = Field(
        default=CHART_MAX_STEP,
        ge=1,
        le=100,
        description="Percent points that one step may move; the route chart's guards.maxStep.",
    )
    hooks: Hooks = Field(default=Hooks(), description="URLs and programs that are asked or told while it runs.")
    soak: Duration = Field(default=0.0, description="Time at 100 % before `rollout finish` deletes the old release.")

    def recorded(self) -> dict[str, Any]:
        """Return the plan as a run log keeps it: headers but Host without their values, which may be secrets."""
        dumped = self.model_dump(mode="json", by_alias=True)
        for part in (dumped["gateway"], dumped["prometheus"] or {}):
            part["headers"] = {
                name: value if name.lower() == "host" else HIDDEN for name, value in part.get("headers", {}).items()
            }
        return dumped

    @property
    def old(self) -> str:
        """The old pool's name."""
        return self.pools.old

    @property
    def new(self) -> str:
        """The new pool's name."""
        return self.pools.new

    @property
    def error_rate(self) -> ErrorRate:
        """The objective for lost answers."""
        return self.objectives.error_rate

    @property
    def latency(self) -> tuple[Latency, ...]:
        """The objectives for latency."""
        return self.objectives.latency

    @property
    def goodput(self) -> Goodput | None:
        """The objective for limits of latency."""
        return self.objectives.goodput

    @property
    def alpha(self) -> float:
        """Probability that a rollout whose pool keeps every objective is rolled back."""
        return self.decision.alpha

    @property
    def power(self) -> float:
        """Probability that a step does not pass a pool that is as bad as one `detect`."""
        return self.decision.power

    @property
    def level(self) -> float:
        """Alpha of one objective at one step: the plan's alpha in equal shares (Bonferroni)."""
        of_traffic = len(self.latency) + bool(self.goodput)
        return level_of(self.alpha, len(self.steps), of_traffic, len(self.answers)) / self.kinds_of_requests

    @property
    def answers(self) -> Mapping[str, Drop | LengthRatio]:
        """The objectives for what the answers say, by their keys."""
        return self.objectives.quality.given if self.objectives.quality else {}

    @property
    def miss(self) -> float:
        """Probability that one objective passes a pool that is as bad as its `detect`."""
        return (1 - self.power) / self.kinds_of_requests

    @property
    def kinds_of_requests(self) -> int:
        """How many kinds of requests each objective is judged by: the probe's, and everybody's."""
        return 2 if self.users else 1


def level_of(alpha: float, steps: int, latencies: int, answers: int = 0) -> float:
    """Return the alpha of one objective at one step, of which each has the error rate and `latencies` others.

    Those of the answers are judged once more, before the first step.
    """
    return alpha / (steps * (1 + latencies) + (steps + 1) * answers)
