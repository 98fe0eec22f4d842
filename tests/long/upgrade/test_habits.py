"""An upgrade from a release loses no request, whatever people type: it is made, or refused with the way."""

from __future__ import annotations

import pytest
import yaml

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.statistics import multinomial_p
from kit.charts import CHARTS
from long.upgrade.habit import CHART_OF, HABITS, PERCENT, REQUESTS, Upgrade, upgraded
from long.upgrade.page import HELMS, Page

ALPHA = 0.001 / (len(HABITS) * len(HELMS))
"""The chance that right splits fail this file is 0.001. With REQUESTS a share that is off by 9 percent points is found
with a power of 0.9."""
ADDS_NO_DEFAULTS = "--reuse-values"


@pytest.fixture(scope="module", params=HELMS)
def helm(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module", params=HABITS)
def habit(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def upgrade(cluster: Cluster, helm: str, habit: str, page: Page, tmp_path_factory: pytest.TempPathFactory) -> Upgrade:
    made = upgraded(cluster, helm, habit, tmp_path_factory.mktemp("values"))
    page.add(habit, helm, made)
    return made


def test_no_request_is_lost(upgrade: Upgrade) -> None:
    assert upgrade.lost == 0, {kind: answers.causes() for kind, answers in upgrade.during.items()}
    assert upgrade.sent > 500


def test_every_release_is_upgraded_or_keeps_its_chart_and_its_operator_learns_the_way(
    upgrade: Upgrade, habit: str
) -> None:
    for release, chart in CHART_OF.items():
        version = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())["version"]
        said = upgrade.refused[release]
        assert (upgrade.charts[release] == f"{chart}-{version}") is not bool(said)
        assert bool(said) is (habit == ADDS_NO_DEFAULTS)
        if said:
            assert "values are missing: " in said
            assert "write --reset-then-reuse-values in the place of --reuse-values" in said


def test_the_split_is_as_before(upgrade: Upgrade) -> None:
    counts = [upgrade.shares.get("pool-old", 0), upgrade.shares.get("pool-new", 0)]
    assert sum(counts) == REQUESTS
    assert multinomial_p(counts, [100 - PERCENT, PERCENT]) > ALPHA, counts


def test_an_upgrade_replaces_all_pods_and_a_refusal_none(upgrade: Upgrade, habit: str) -> None:
    assert upgrade.replaced == ("0 of 6" if habit == ADDS_NO_DEFAULTS else "6 of 6")
