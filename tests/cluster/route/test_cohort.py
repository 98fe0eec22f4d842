"""The guards hold for a route that splits by ids as they do for one that splits by weights alone."""

from __future__ import annotations

import pytest

from kit.namespace import Refused
from kit.route import Release

KEEP = "--reset-then-reuse-values"
COHORT = "cohort.header=x-user-hash"


def test_ids_are_turned_on_without_moving_weight_or_not_at_all(release: Release) -> None:
    release.install("--set", "weights.new=10")
    with pytest.raises(Refused, match=r"cohort.header: \(unset\) -> x-user-hash"):
        release.upgrade(KEEP, "--set", f"{COHORT},weights.new=20")
    release.upgrade(KEEP, "--set", COHORT)
    release.upgrade(KEEP, "--set", "weights.new=20")
    assert release.split() == {"pool-old": 80, "pool-new": 20}


def test_a_bare_upgrade_that_would_turn_ids_off_is_refused(release: Release) -> None:
    release.install("--set", COHORT)
    with pytest.raises(Refused, match=r"cohort.header: x-user-hash -> \(unset\)"):
        release.upgrade("--set", "weights.new=10")


def test_a_step_is_counted_once_with_ids(release: Release) -> None:
    release.install("--set", COHORT)
    with pytest.raises(Refused, match="moves 51 percent points at once"):
        release.upgrade(KEEP, "--set", "weights.new=51")
    release.upgrade(KEEP, "--set", "weights.new=50")


def test_ids_moved_by_hand_are_drift(release: Release) -> None:
    release.install("--set", f"{COHORT},weights.new=10")
    live = release.live()["spec"]["rules"]
    moved = next(number for number, rule in enumerate(live) if rule["name"].endswith(".cohort-new"))
    path = f"/spec/rules/{moved}/matches/0/headers/0/value"
    release.edit_by_hand({"op": "replace", "path": path, "value": "^.*([0-7][0-9a-fA-F]{2})$"})
    with pytest.raises(Refused, match=r"rules\[1\]\.matches\[0\]\.headers\[0\]\.value"):
        release.upgrade(KEEP, "--set", "weights.new=20")


def test_the_live_route_is_the_rendered_one_at_every_step(release: Release) -> None:
    release.install("--set", COHORT)
    for percent in (10, 50, 100):
        release.upgrade(KEEP, "--set", f"weights.new={percent}")
        assert release.live()["spec"] == release.rendered()["spec"]
    release.rollback(1)
    assert release.live()["spec"] == release.rendered()["spec"]
