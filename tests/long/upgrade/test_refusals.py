"""What an upgrade from a release is refused for, and that the way of the upgrade page works, by both helms."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.charts import CHARTS
from kit.namespace import Refused, new_namespace
from kit.released import released
from kit.route import Release
from long.upgrade.habit import VERSION
from long.upgrade.page import HELMS

KEEP = "--reset-then-reuse-values"
POOL = CHARTS / "inferencepool"


@pytest.mark.parametrize("helm", HELMS)
def test_a_stored_value_that_was_renamed_is_refused_and_can_be_replaced(cluster: Cluster, helm: str) -> None:
    old = released(VERSION)
    with new_namespace(cluster, "renamed", uninstall=True) as made:
        namespace = made.by(helm)
        values: list[str | Path] = [
            "--values",
            old / "values/kind/pool.yaml",
            "--set",
            "api.generation=v1,modelServer.replicas=0",
        ]
        namespace.helm("install", "pool-old", old / "charts/inferencepool", *values)
        upgrade: list[str | Path] = ["upgrade", "pool-old", POOL, KEEP]
        with pytest.raises(Refused, match="api.generation is now called api.version; rename the key in your values"):
            namespace.helm(*upgrade)
        namespace.helm(*upgrade, "--set", "api.generation=null", "--set", "api.version=v1")
        assert "generation" not in namespace.helm("get", "values", "pool-old")


@pytest.mark.parametrize("helm", HELMS)
def test_new_defaults_of_the_route_and_a_move_of_weight_take_two_revisions(cluster: Cluster, helm: str) -> None:
    with new_namespace(cluster, "defaults", uninstall=True) as namespace:
        release = Release(namespace).by(helm)
        for pool in ("pool-old", "pool-new"):
            release.add_pool(pool)
        release.namespace.helm("install", "route", released(VERSION) / "charts/rollout-route")
        with pytest.raises(Refused, match=r"rules\[0\].matches"):
            release.upgrade(KEEP, "--set", "weights.new=10")
        assert release.split() == {"pool-old": 100}
        release.upgrade(KEEP)
        release.upgrade(KEEP, "--set", "weights.new=10")
        assert release.split() == {"pool-old": 90, "pool-new": 10}
