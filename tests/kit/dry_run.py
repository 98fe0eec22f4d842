"""Server-side dry runs: what a cluster takes as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.gateways.gateway import chosen
from kit.charts import Manifest, documents, render


def scenario_taken(cluster: Cluster, chart: str, values: Path) -> int:
    """Render a scenario for the cluster and return how many objects it has; fails unless the API server takes each."""
    arguments = ["--kube-version", versions().kubernetes]
    arguments += [word for version in chosen().api_versions for word in ("--api-versions", version)]
    return taken(cluster, render(chart, "dry-run", files=[values], arguments=arguments, helm=cluster.helm_tool))


def taken(cluster: Cluster, manifests: Sequence[Manifest]) -> int:
    """Return how many objects are put to the API server; fails unless it takes each."""
    manifests = [m for m in manifests if m["kind"] != "Pod"]  # its account has to be there; helm test runs it for real
    answered = cluster.kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-",
        stdin=documents(manifests),
    )  # fmt: skip
    assert len(answered.splitlines()) == len(manifests)
    return len(manifests)
