"""Where a rollout happens: the route, the two pools, the gateway."""

from __future__ import annotations

from pydantic import Field

from inferencepool_rollout.plan.values import Headers, Name, Namespace, Part, Text, Url

CHART_MAX_STEP = 50
"""The default of the route chart's guards.maxStep."""


class Route(Part):
    """The release of charts/rollout-route whose weight moves."""

    release: Name = Field(default="route", description="Name of the release, which is the name of its HTTPRoute.")
    namespace: Namespace = Field(default="default", description="Namespace of the route and of both pools.")
    chart: Text = Field(description="charts/rollout-route: a folder, relative to the plan, or oci://...")
    backend: Name = Field(default="new", description="The new pool's `name` in the chart's `backends`.")


class Pools(Part):
    """The releases of charts/inferencepool; a release has the name of its InferencePool."""

    old: Name = Field(description="The pool that serves today, and that a rollback returns to.")
    new: Name = Field(description="The pool that replaces it.")


class Gateway(Part):
    """Where the probe sends its requests."""

    url: Url = Field(description="Base URL of the gateway, as the driver reaches it.")
    in_cluster_url: Url | None = Field(
        default=None,
        description="Base URL of the gateway as the pod of `rollout run --in-cluster` reaches it, for example that of "
        "its Service. Default: `url`.",
    )
    headers: Headers = Field(
        default={}, description="Headers of every request; `Host` too, for a route with hostnames."
    )
