"""What the pools have to carry."""

from __future__ import annotations

from pydantic import Field

from inferencepool_rollout.plan.values import Part


class PerReplica(Part):
    """Requests/s that one replica serves within its objectives."""

    old: float = Field(gt=0, description="Of the old pool.")
    new: float = Field(gt=0, description="Of the new pool.")


class Capacity(Part):
    """What the pools have to carry; preflight refuses a step that they cannot carry."""

    peak: float = Field(gt=0, description="Most requests/s that the route has to serve, the probe's included.")
    per_replica: PerReplica = Field(description="What one replica of each pool serves.")
