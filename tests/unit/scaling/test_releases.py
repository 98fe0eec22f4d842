"""A pool is scaled by its release alone: replicas or an autoscaler's bounds, and nothing that restarts a pod."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import pytest
import yaml

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.helm import Helm, Revision
from inferencepool_rollout.scaling.releases import DESCRIPTION, Releases
from kit.charts import render

HPA = {"autoscaling": {"type": "hpa", "minReplicas": 2, "maxReplicas": 6}}


@dataclass
class Recorder:
    """A helm that has two revisions, the second one a rollout's, and remembers the upgrades that it is asked for.

    A dry run renders the chart with `after`, in place of `before`.
    """

    values_by_revision: dict[int, dict[str, Any]]
    before: tuple[str, ...] = ("--set=modelServer.replicas=3",)
    after: tuple[str, ...] = ("--set=modelServer.replicas=1",)
    upgrades: list[tuple[str, ...]] = field(default_factory=list)

    def command(self, *words: str) -> list[str]:
        return ["helm", *words]

    def major(self) -> int:
        return 4

    def overwrite(self) -> tuple[str, ...]:
        return ("--force-conflicts",)

    def history(self, release: str) -> list[Revision]:
        return [
            Revision(1, "superseded", "Install complete", "2026-11-25T02:29:15Z"),
            Revision(2, "deployed", DESCRIPTION, "2026-11-25T03:29:15Z"),
        ]

    def values(self, release: str, revision: int) -> dict[str, Any]:
        return self.values_by_revision[revision]

    def run(self, *words: str) -> str:
        if words[:2] == ("get", "manifest"):
            return manifest(*self.before)
        if "--dry-run=server" in words:
            return json.dumps({"manifest": manifest(*self.after)})
        self.upgrades.append(words)
        return ""


def manifest(*arguments: str) -> str:
    """What the pool's chart renders with these words."""
    return yaml.safe_dump_all(
        render("inferencepool", "pool", arguments=[*arguments, "--set=modelServer.preset=simulator"])
    )


def releases(helm: Recorder) -> Releases:
    return Releases(cast(Helm, helm), "charts/inferencepool")


def settings(words: tuple[str, ...]) -> list[str]:
    """What an upgrade sets."""
    return [after for word, after in pairwise(words) if word == "--set"]


def test_replicas_are_set_where_there_is_no_autoscaler() -> None:
    helm = Recorder({1: {}, 2: {}})
    releases(helm).scale("pool", 1)
    (upgrade,) = helm.upgrades
    assert upgrade[:3] == ("upgrade", "pool", "charts/inferencepool")
    assert settings(upgrade) == ["modelServer.replicas=1"]


def test_an_autoscaler_gets_equal_bounds_and_those_before_the_rollout_back() -> None:
    moved = {"autoscaling": {**HPA["autoscaling"], "minReplicas": 1, "maxReplicas": 1}}
    helm = Recorder({1: HPA, 2: moved})
    releases(helm).scale("pool", 3)
    releases(helm).put_back("pool")
    scaled, back = map(settings, helm.upgrades)
    assert scaled == [
        "autoscaling.type=hpa", "autoscaling.minReplicas=3", "autoscaling.maxReplicas=3", "modelServer.replicas=null"
    ]  # fmt: skip
    assert back == [
        "autoscaling.type=hpa", "autoscaling.minReplicas=2", "autoscaling.maxReplicas=6", "modelServer.replicas=null"
    ]  # fmt: skip


def test_a_pool_without_replicas_has_no_autoscaler() -> None:
    helm = Recorder({1: HPA, 2: HPA})
    releases(helm).scale("pool", 0)
    assert settings(helm.upgrades[0]) == ["autoscaling.type=", "modelServer.replicas=0"]


def test_nothing_is_put_back_where_there_was_no_autoscaler() -> None:
    helm = Recorder({1: {}, 2: {}})
    assert releases(helm).put_back("pool") == []
    assert not helm.upgrades


@pytest.mark.parametrize(
    ("after", "differs"),
    [
        ("--set=modelServer.extraArgs={--mode,echo}", "Deployment pool"),
        ("--set=epp.verbosity=5", "Deployment pool-epp"),
    ],
)
def test_an_upgrade_that_changes_more_is_refused_and_not_run(after: str, differs: str) -> None:
    helm = Recorder({1: {}, 2: {}}, after=("--set=modelServer.replicas=1", after))
    with pytest.raises(Failure, match=f"would change more than its replicas: {differs}"):
        releases(helm).scale("pool", 1)
    assert not helm.upgrades


def test_the_longest_response_is_what_the_release_says() -> None:
    helm = Recorder({1: {}, 2: {"modelServer": {"drain": {"longestGenerationSeconds": 100}}}})
    assert releases(helm).longest_generation("pool") == 100
