"""The guide's rollout, stage by stage: what was asked is what was answered and picked, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inferencepool_rollout.cluster.kind import Cluster
from inferencepool_rollout.demo import STAGES, install_pools
from inferencepool_rollout.stage import Stage, run_stage

REQUESTS = 1000  # with alpha = 0.001 a true 16 % in place of 10 % is refused with a power of 0.98


@pytest.fixture(scope="module")
def pools(cluster: Cluster) -> Iterator[Cluster]:
    """pool-old and pool-new, ready and without a route, in the namespace of the Gateway."""
    install_pools(cluster)
    yield cluster
    cluster.helm("uninstall", "route", "pool-old", "pool-new", "--ignore-not-found", "--wait")


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name.replace(" ", "-"))
def test_a_stage_splits_as_asked_and_loses_nothing(pools: Cluster, stage: Stage) -> None:
    seen = run_stage(pools, stage, REQUESTS)
    assert seen.verdict.findings == ()
    assert seen.lost == 0
