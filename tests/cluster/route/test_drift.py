"""After a hand edit of the live route: repaired or refused loudly, by helm 3 and by helm 4, never kept silently."""

from __future__ import annotations

import re

import pytest

from kit.namespace import Refused
from kit.route import Release

OVERWRITE = {"helm3": ("--force",), "helm4": ("--server-side=true", "--force-conflicts")}
ALL_BY_HAND = ({"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 33},)


@pytest.fixture
def at_10(release: Release) -> Release:
    """The release with 10 % on the new pool."""
    release.install("--set", "weights.new=10")
    return release


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        (ALL_BY_HAND[0], "rules[0].backendRefs[1].weight: 10 -> 33"),
        (
            {"op": "replace", "path": "/spec/hostnames", "value": ["a.example.com"]},
            "hostnames[0]: (unset) -> a.example.com",
        ),
        (
            {"op": "add", "path": "/spec/rules/0/timeouts", "value": {"request": "1s"}},
            "rules[0].timeouts.request: (unset) -> 1s",
        ),
        ({"op": "remove", "path": "/spec/rules/0/backendRefs/1"}, "rules[0].backendRefs[1].name: pool-new -> (unset)"),
        (
            {"op": "replace", "path": "/spec/parentRefs/0/name", "value": "other"},
            "parentRefs[0].name: inference-gateway -> other",
        ),
    ],
)
def test_an_upgrade_refuses_to_bury_a_hand_edit(at_10: Release, operation: dict[str, object], line: str) -> None:
    at_10.edit_by_hand(operation)
    before = at_10.live()
    with pytest.raises(Refused) as refused:
        at_10.upgrade("--reset-then-reuse-values", "--set", "weights.new=20")
    assert line in str(refused.value)
    assert at_10.live() == before
    assert at_10.status() == "deployed"


def test_the_commands_of_the_refusal_overwrite_the_hand_edit(at_10: Release) -> None:
    at_10.edit_by_hand(*ALL_BY_HAND, {"op": "replace", "path": "/spec/hostnames", "value": ["a.example.com"]})
    with pytest.raises(Refused) as refused:
        at_10.upgrade("--set", "weights.new=10")
    command = str(refused.value).splitlines()[-1].split()
    assert command[:4] == ["helm", "upgrade", "route", "charts/rollout-route"]
    assert command[-len(OVERWRITE[at_10.tool]) :] == list(OVERWRITE[at_10.tool])
    at_10.upgrade(*command[4:])
    assert at_10.live()["spec"] == at_10.rendered()["spec"]
    assert at_10.split() == {"pool-old": 90, "pool-new": 10}


def test_upgrades_go_on_after_the_overwrite(at_10: Release) -> None:
    at_10.edit_by_hand(*ALL_BY_HAND)
    at_10.upgrade("--set", "weights.new=10,guards.drift=overwrite", *OVERWRITE[at_10.tool])
    at_10.upgrade("--set", "weights.new=20")
    assert at_10.split() == {"pool-old": 80, "pool-new": 20}


def test_asking_for_the_hand_edited_state_adopts_it(at_10: Release) -> None:
    at_10.edit_by_hand(
        {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 67},
        {"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 33},
    )
    at_10.upgrade("--set", "weights.new=33")
    assert at_10.live()["spec"] == at_10.rendered()["spec"]
    assert at_10.split() == {"pool-old": 67, "pool-new": 33}


def test_after_adopting_helm_4_shares_the_field_until_it_is_forced_once(at_10: Release) -> None:
    at_10.edit_by_hand(
        {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 67},
        {"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 33},
    )
    at_10.upgrade("--set", "weights.new=33")
    if at_10.tool == "helm4":
        with pytest.raises(Refused, match=r'conflict with "kubectl-edit"'):
            at_10.upgrade("--set", "weights.new=40")
        at_10.upgrade("--set", "weights.new=40", "--force-conflicts")
    at_10.upgrade("--set", "weights.new=50")
    assert at_10.split() == {"pool-old": 50, "pool-new": 50}


def test_overwriting_without_helms_own_force_is_never_silent(at_10: Release) -> None:
    """Helm 3 sends what changed between two manifests, here nothing, and the notes say so; helm 4 refuses."""
    at_10.edit_by_hand(*ALL_BY_HAND)
    overwrite = ("--set", "weights.new=10,guards.drift=overwrite")
    if at_10.tool == "helm3":
        notes = at_10.upgrade(*overwrite)
        assert "DRIFT: the live route was changed by hand" in notes
        assert re.search(r"only with --set guards.drift=overwrite-\d+ --force", notes)
    else:
        with pytest.raises(Refused, match=r'conflict with "kubectl-edit"'):
            at_10.upgrade(*overwrite)
    with pytest.raises(Refused, match="is not what its last revision asked for"):
        at_10.upgrade("--set", "weights.new=10,guards.drift=refuse")


def test_a_rollback_to_the_same_weights_leaves_a_hand_edit_that_the_next_upgrade_refuses(at_10: Release) -> None:
    """A rollback renders nothing, so no guard runs: helm 3 leaves the edit, helm 4 refuses it by itself."""
    at_10.edit_by_hand(*ALL_BY_HAND)
    if at_10.tool == "helm3":
        at_10.rollback(1)
        assert at_10.split()["pool-new"] == 33
    else:
        with pytest.raises(Refused, match=r'conflict with "kubectl-edit"'):
            at_10.rollback(1)
    with pytest.raises(Refused, match="is not what its last revision asked for"):
        at_10.upgrade("--set", "weights.new=10")


def test_a_rollback_to_other_weights_repairs_a_hand_edit_or_refuses_it(at_10: Release) -> None:
    at_10.upgrade("--set", "weights.new=20")
    at_10.edit_by_hand(*ALL_BY_HAND)
    if at_10.tool == "helm3":
        at_10.rollback(1)
    else:
        with pytest.raises(Refused, match=r'conflict with "kubectl-edit"'):
            at_10.rollback(1)
        at_10.rollback(1, "--server-side=true", "--force-conflicts")
    assert at_10.split() == {"pool-old": 90, "pool-new": 10}
    assert at_10.live()["spec"] == at_10.rendered()["spec"]


def test_a_forced_rollback_repairs_a_hand_edit(at_10: Release) -> None:
    at_10.edit_by_hand(*ALL_BY_HAND)
    at_10.rollback(1, *OVERWRITE[at_10.tool])
    assert at_10.live()["spec"] == at_10.rendered()["spec"]
    at_10.upgrade("--set", "weights.new=20")


def test_a_route_without_its_record_is_refused(at_10: Release) -> None:
    at_10.edit_by_hand({"op": "remove", "path": "/metadata/annotations/rollout-route~1spec"})
    with pytest.raises(Refused, match="is not what its last revision asked for"):
        at_10.upgrade("--set", "weights.new=20")


def test_a_deleted_route_comes_back_with_the_next_upgrade(at_10: Release) -> None:
    at_10.namespace.kubectl("delete", "httproute", "route")
    at_10.upgrade("--set", "weights.new=20")
    assert at_10.split() == {"pool-old": 80, "pool-new": 20}
