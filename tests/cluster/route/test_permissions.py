"""What a guard refuses can be allowed once: the guards are recorded, and no permission outlives its revision."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from inferencepool_rollout.drive.movers.helm import upgrade
from kit.namespace import Refused
from kit.plans import altered, plan_of
from kit.route import Release

KEEP = "--reset-then-reuse-values"
OVERWRITE = {"helm3": ("--force",), "helm4": ("--server-side=true", "--force-conflicts")}


def edit(release: Release, weight: int) -> None:
    release.edit_by_hand({"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": weight})


def flag(refused: pytest.ExceptionInfo[Refused], name: str) -> str:
    """The permission that a refusal prints, as the argument of --set."""
    found = re.findall(rf"--set (guards.{name}=\S+)", str(refused.value))
    assert found, refused.value
    return str(found[-1])


def test_a_guard_is_not_reset_silently_while_weight_moves(release: Release) -> None:
    release.install("--set", "guards.maxStep=10")
    with pytest.raises(Refused, match=r"guards.maxStep: 10 -> 50"):
        release.upgrade("--set", "weights.new=50")
    with pytest.raises(Refused, match=r"guards.maxStep is 10"):
        release.upgrade(KEEP, "--set", "weights.new=50")
    release.upgrade(KEEP, "--set", "weights.new=10")
    assert release.split() == {"pool-old": 90, "pool-new": 10}


def test_a_permission_is_no_change_by_itself(release: Release) -> None:
    release.install()
    release.upgrade("--set", "weights.new=60,guards.force=true")
    release.upgrade("--set", "weights.new=70")
    assert release.split() == {"pool-old": 30, "pool-new": 70}


def test_force_counts_for_one_revision(release: Release) -> None:
    release.install()
    assert "counts for this revision alone" in release.upgrade("--set", "weights.new=100,guards.force=true")
    with pytest.raises(Refused, match=r"guards.force=true is not in force: the last revision had it") as refused:
        release.upgrade(KEEP, "--set", "weights.new=0")
    release.upgrade(KEEP, "--set", "weights.new=0", "--set", flag(refused, "force"))
    assert release.split() == {"pool-old": 100}
    with pytest.raises(Refused, match=r"true-\d+ is not in force: it is bound to another generation of the live route"):
        release.upgrade(KEEP, "--set", "weights.new=100")


def test_the_tool_raises_the_limit_with_its_first_move_and_goes_on(release: Release, tmp_path: Path) -> None:
    release.install()
    plan = altered(plan_of(tmp_path), max_step=100)
    for percent in (70, 0, 100):
        release.upgrade(*upgrade(plan, percent)[3:])
    assert release.split() == {"pool-new": 100}


def test_allow_changes_counts_for_one_revision(release: Release) -> None:
    release.install()
    release.upgrade("--set", "weights.new=10,hostnames={a.example.com},guards.allowChanges=true")
    with pytest.raises(Refused, match=r"guards.allowChanges=true is not in force") as refused:
        release.upgrade(KEEP, "--set", "weights.new=20,hostnames={b.example.com}")
    release.upgrade(KEEP, "--set", "weights.new=20,hostnames={b.example.com}", "--set", flag(refused, "allowChanges"))
    assert release.live()["spec"]["hostnames"] == ["b.example.com"]


def test_overwrite_does_not_bury_the_next_hand_edit(release: Release) -> None:
    release.install("--set", "weights.new=10")
    edit(release, 33)
    release.upgrade("--set", "weights.new=10,guards.drift=overwrite", *OVERWRITE[release.tool])
    assert release.split() == {"pool-old": 90, "pool-new": 10}
    edit(release, 44)
    with pytest.raises(Refused, match=r"guards.drift=overwrite is not in force: the last revision had it") as refused:
        release.upgrade(KEEP, "--set", "weights.new=20", *OVERWRITE[release.tool])
    assert release.split()["pool-new"] == 44
    release.upgrade(KEEP, "--set", "weights.new=20", "--set", flag(refused, "drift"), *OVERWRITE[release.tool])
    assert release.split() == {"pool-old": 80, "pool-new": 20}


def test_an_overwrite_is_bound_to_the_hand_edit_that_was_seen(release: Release) -> None:
    release.install("--set", "weights.new=10")
    edit(release, 33)
    with pytest.raises(Refused) as refused:
        release.upgrade("--set", "weights.new=20")
    edit(release, 44)
    with pytest.raises(Refused, match=r"it is bound to another generation of the live route"):
        release.upgrade("--set", "weights.new=20", "--set", flag(refused, "drift"), *OVERWRITE[release.tool])
    assert release.split()["pool-new"] == 44


def test_a_release_of_an_older_chart_recorded_no_guards_and_goes_on(release: Release) -> None:
    release.install()
    recorded = json.loads(release.live()["metadata"]["annotations"]["rollout-route/values"])
    values = json.dumps({key: value for key, value in recorded.items() if key != "guards"})
    release.namespace.kubectl(
        "annotate", "httproute", "route", "--overwrite", "rollout-route/revision=1", f"rollout-route/values={values}"
    )
    release.upgrade("--set", "weights.new=10", *OVERWRITE[release.tool])
    assert release.split() == {"pool-old": 90, "pool-new": 10}


def test_an_upgrade_without_a_change_renders_the_same(release: Release) -> None:
    release.install("--set", "weights.new=10")
    first = release.namespace.helm("get", "manifest", "route")
    release.upgrade(KEEP)
    assert release.namespace.helm("get", "manifest", "route") == first
