"""The API server takes every object of every scenario, in a server-side dry run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from charts import CHARTS, VALUES, render
from inferencepool_rollout.cluster.kind import Cluster

SCENARIOS = sorted(
    [(path.parents[1].name, path) for path in CHARTS.glob("*/ci/*-values.yaml")]
    + [("inferencepool", path) for path in VALUES.glob("kind/pool*.yaml")]
    + [("rollout-route", path) for path in VALUES.glob("route*.yaml")]
)


@pytest.mark.parametrize(("chart", "values"), SCENARIOS, ids=lambda value: getattr(value, "stem", value))
def test_the_api_server_takes_every_object(cluster: Cluster, chart: str, values: Path) -> None:
    manifests = render(chart, "dry-run", files=[values], arguments=["--api-versions", "networking.istio.io/v1"])
    manifests = [m for m in manifests if m["kind"] != "Pod"]  # its account has to be there; helm test runs it for real
    taken = cluster.kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-",
        stdin=yaml.safe_dump_all(manifests),
    )  # fmt: skip
    assert len(taken.splitlines()) == len(manifests)
