"""The guide's rollout, stage by stage: what was asked is what was answered and picked, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.demo import STAGES
from inferencepool_lab.stage import Stage, run_stage
from kit.demo import REQUESTS, demo_pools


@pytest.fixture(scope="module")
def pools(cluster: Cluster) -> Iterator[Cluster]:
    with demo_pools(cluster) as ready:
        yield ready


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name.replace(" ", "-"))
def test_a_stage_splits_as_asked_and_loses_nothing(pools: Cluster, stage: Stage) -> None:
    seen = run_stage(pools, stage, REQUESTS)
    assert seen.verdict.findings == ()
    assert seen.lost == 0
