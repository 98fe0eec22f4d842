"""ct install --upgrade over every scenario that a node without accelerators can schedule."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.chart_testing import installed_and_upgraded, scenarios_for
from kit.scenarios import alone


@pytest.mark.parametrize("chart", ["inferencepool", "rollout-route"])
def test_ct_installs_all_scenarios_and_upgrades_the_version_before(
    cluster: Cluster, tmp_path: Path, chart: str
) -> None:
    installed_and_upgraded(cluster, tmp_path, chart, scenarios_for(cluster, chart))


def test_no_scenario_of_the_route_is_left_out(cluster: Cluster) -> None:
    """A scenario of the route has no pods: all of them are installed."""
    assert scenarios_for(cluster, "rollout-route") == alone("rollout-route")
