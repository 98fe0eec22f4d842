"""The API server takes every object of every scenario, in a server-side dry run."""

from __future__ import annotations

from pathlib import Path

import pytest

from dry_run import SCENARIOS, scenario_taken
from inferencepool_lab.cluster.handle import Cluster


@pytest.mark.parametrize(("chart", "values"), SCENARIOS, ids=lambda value: getattr(value, "stem", value))
def test_the_api_server_takes_every_object(cluster: Cluster, chart: str, values: Path) -> None:
    assert scenario_taken(cluster, chart, values)
