"""What the pools have to carry, and within how many accelerators."""

from __future__ import annotations

from pydantic import Field

from inferencepool_rollout.plan.values import Duration, Part


class PerReplica(Part):
    """Requests/s that one replica serves within its objectives."""

    old: float = Field(gt=0, description="Of the old pool.")
    new: float = Field(gt=0, description="Of the new pool.")


class Both(Part):
    """A number for each pool."""

    old: int = Field(ge=1, le=100_000, description="Of the old pool.")
    new: int = Field(ge=1, le=100_000, description="Of the new pool.")


class Surge(Part):
    """What may run beyond the old pool's full size: either replicas or accelerators."""

    replicas: int | None = Field(
        default=None, ge=0, description="Replicas of both pools together, beyond `replicas.old`."
    )
    accelerators: int | None = Field(
        default=None, ge=0, description="Accelerators of both pools together, beyond those of `replicas.old`."
    )


class Scaling(Part):
    """The driver scales both pools as the weight moves, so that a rollout needs no second set of accelerators."""

    surge: Surge = Field(description="What may run beyond the old pool's full size.")
    replicas: Both | None = Field(
        default=None,
        description="Replicas of each pool while it serves alone. Default: what `peak` takes by `perReplica`.",
    )
    accelerators: Both = Field(default=Both(old=1, new=1), description="Accelerators of one replica.")
    keep_old: int = Field(
        default=0,
        ge=0,
        description="Replicas that the old pool keeps until the last step is passed, for a fast way back.",
    )
    chart: str = Field(
        min_length=1,
        description="charts/inferencepool, of the version that both pools were installed with: a folder, relative to "
        "the plan, or oci://...",
    )
    ready: Duration = Field(
        default=1800.0, gt=0, description="Time within which added replicas have to be ready; then the rollout is held."
    )


class Capacity(Part):
    """What the pools have to carry; preflight refuses a step that they cannot carry."""

    peak: float = Field(gt=0, description="Most requests/s that the route has to serve, the probe's included.")
    per_replica: PerReplica = Field(description="What one replica of each pool serves.")
    scaling: Scaling | None = Field(
        default=None, description="Scale both pools as the weight moves. Default: the driver scales nothing."
    )
