"""Where a rollout stands is told by Helm's history and the weights of its revisions alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferencepool_rollout.drive.position import Next, Position, following, position
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.helm import Revision
from inferencepool_rollout.plan import Plan
from kit.plans import plan_of

INSTALL, UPGRADE = "Install complete", "Upgrade complete"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Steps 10, 50 and 100."""
    return plan_of(tmp_path)


def at(plan: Plan, *revisions: tuple[int, str, str]) -> Position:
    """Where it stands after revisions, each with the new pool's percent, its status and its description."""
    history = [
        Revision(number, status, description, "2026-11-25T02:29:15.123456789Z")
        for number, (_, status, description) in enumerate(revisions, 1)
    ]
    weights = [percent for percent, _, _ in revisions]
    return position(plan, history, lambda number: weights[number - 1])


def test_before_the_first_step_it_starts(plan: Plan) -> None:
    seen = at(plan, (0, "deployed", INSTALL))
    assert seen == Position(Next.START, percent=0, step=-1, deployed=1, start=1)
    step = following(plan, seen)
    assert step
    assert step.percent == 10


def test_at_a_steps_weight_that_step_is_judged(plan: Plan) -> None:
    seen = at(plan, (0, "superseded", INSTALL), (10, "superseded", UPGRADE), (50, "deployed", UPGRADE))
    assert seen == Position(Next.JUDGE, percent=50, step=1, deployed=3, start=1)


def test_after_the_last_step_nothing_follows(plan: Plan) -> None:
    assert following(plan, at(plan, (0, "superseded", INSTALL), (100, "deployed", UPGRADE))) is None


def test_the_way_back_is_the_last_revision_before_the_rollout(plan: Plan) -> None:
    seen = at(
        plan,
        (0, "superseded", INSTALL), (10, "superseded", UPGRADE), (0, "superseded", "Rollback to 1"),
        (0, "superseded", UPGRADE), (10, "deployed", UPGRADE),
    )  # fmt: skip
    assert seen.start == 4


def test_where_no_revision_without_weight_is_left_there_is_no_way_back_by_revision(plan: Plan) -> None:
    assert at(plan, (10, "superseded", UPGRADE), (50, "deployed", UPGRADE)).start is None


@pytest.mark.parametrize("pending", ["pending-install", "pending-upgrade", "pending-rollback"])
def test_a_helm_that_was_killed_is_seen_and_its_revision_does_not_count(plan: Plan, pending: str) -> None:
    seen = at(plan, (0, "superseded", INSTALL), (10, "deployed", UPGRADE), (50, pending, "Preparing upgrade"))
    assert seen == Position(Next.FREE, percent=10, step=0, deployed=2, start=1)


def test_an_upgrade_that_failed_does_not_count(plan: Plan) -> None:
    seen = at(plan, (0, "superseded", INSTALL), (10, "deployed", UPGRADE), (50, "failed", "Upgrade failed: drift"))
    assert (seen.next, seen.percent, seen.deployed) == (Next.JUDGE, 10, 2)


def test_after_a_rollback_it_is_stopped(plan: Plan) -> None:
    seen = at(plan, (0, "superseded", INSTALL), (10, "superseded", UPGRADE), (0, "deployed", "Rollback to 1"))
    assert (seen.next, seen.percent, seen.step) == (Next.STOPPED, 0, -1)


def test_a_rollback_to_an_earlier_step_is_stopped_too(plan: Plan) -> None:
    seen = at(plan, (10, "superseded", UPGRADE), (50, "superseded", UPGRADE), (10, "deployed", "Rollback to 1"))
    assert (seen.next, seen.percent) == (Next.STOPPED, 10)


def test_a_rollback_that_gives_weight_is_none_that_stops(plan: Plan) -> None:
    seen = at(plan, (10, "superseded", UPGRADE), (0, "superseded", "Rollback to 1"), (10, "deployed", "Rollback to 1"))
    assert seen.next is Next.JUDGE


def test_an_upgrade_after_a_rollback_begins_anew(plan: Plan) -> None:
    seen = at(
        plan,
        (0, "superseded", INSTALL), (10, "superseded", UPGRADE), (0, "superseded", "Rollback to 1"),
        (10, "deployed", UPGRADE),
    )  # fmt: skip
    assert (seen.next, seen.step) == (Next.JUDGE, 0)


def test_a_weight_that_no_step_asks_for_is_refused(plan: Plan) -> None:
    with pytest.raises(Failure, match="20 %, which is no step of the plan"):
        at(plan, (0, "superseded", INSTALL), (20, "deployed", UPGRADE))


@pytest.mark.parametrize("revisions", [(), ((0, "failed", "Install failed"),), ((0, "pending-install", "Preparing"),)])
def test_a_route_that_was_never_deployed_is_refused(plan: Plan, revisions: tuple[tuple[int, str, str], ...]) -> None:
    with pytest.raises(Failure, match="is not deployed; helm install it first"):
        at(plan, *revisions)
