"""The API server takes every object of every scenario, in a server-side dry run."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.dry_run import scenario_taken
from kit.scenarios import OF_KIND


@pytest.mark.parametrize(("chart", "values"), OF_KIND, ids=lambda value: getattr(value, "stem", value))
def test_the_api_server_takes_every_object(cluster: Cluster, chart: str, values: Path) -> None:
    assert scenario_taken(cluster, chart, values)
