"""The weights that a rollout goes through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from inferencepool_rollout.plan.values import DURATION, Duration, Part


class StepReplicas(Part):
    """How many replicas both pools have before the weight of a step moves."""

    old: int = Field(ge=0, description="Of the old pool.")
    new: int = Field(ge=0, description="Of the new pool.")


class Step(Part):
    """A weight of the new pool, and how long it is observed."""

    percent: int = Field(
        ge=0,
        le=100,
        description="Percent of all requests that go to the new pool. 0, for the first step only: it is tried by the "
        "probe alone, at rates that rise up to capacity.peak, and its capacity is measured.",
    )
    burn_in: Duration = Field(gt=0, description="Shortest observation window of this step.")
    requests: int = Field(default=0, ge=0, description="Fewest probe requests of this step.")
    longest: Duration = Field(
        default=0.0, description="Time after which an undecided step is held. Default: three times burnIn."
    )

    replicas: StepReplicas | None = Field(
        default=None,
        description="Replicas at this step, for a plan with `capacity.scaling`. Default: what `peak` and `surge` give.",
    )
    approve: bool = Field(
        default=False,
        description="Move to this step only once somebody has approved it with `rollout promote`. Until then the step "
        "before goes on being observed.",
    )

    @model_validator(mode="before")
    @classmethod
    def _three_burn_ins(cls, data: Any) -> Any:
        burn_in = DURATION.fullmatch(str(data.get("burnIn"))) if isinstance(data, Mapping) else None
        if burn_in and "longest" not in data:
            return {**data, "longest": f"{3 * float(burn_in[1]):g}{burn_in[2]}"}
        return data
