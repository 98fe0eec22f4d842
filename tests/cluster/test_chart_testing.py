"""ct install: one scenario of each chart installs, and upgrades from the version before; tests/long has all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.chart_testing import installed_and_upgraded, scenarios_for


@pytest.mark.parametrize("chart", ["inferencepool", "rollout-route"])
def test_ct_installs_a_scenario_and_upgrades_the_version_before(cluster: Cluster, tmp_path: Path, chart: str) -> None:
    installed_and_upgraded(cluster, tmp_path, chart, scenarios_for(cluster, chart)[:1])
