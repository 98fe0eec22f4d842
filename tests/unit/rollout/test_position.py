"""Where a rollout stands is what the live route serves; what was asked for only shows that somebody changed it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inferencepool_rollout.drive.position import Next, Position, Record, following, position
from inferencepool_rollout.plan.plan import Plan
from kit.plans import plan_of
from unit.rollout.live_routes import backend, route, rule


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Steps 10, 50 and 100."""
    return plan_of(tmp_path)


def at(plan: Plan, live: dict[str, int], asked: int | None, **record: Any) -> Position:
    """Where it stands with these live weights, after a revision that asked for so many percent."""
    return position(plan, route(rule(live)), Record(asked, "revision 3 of release route", **record))


def test_before_the_first_step_it_starts(plan: Plan) -> None:
    seen = at(plan, {"pool-old": 100}, 0)
    assert seen == Position(Next.START, percent=0, step=-1)
    step = following(plan, seen)
    assert step
    assert step.percent == 10


def test_at_a_steps_weight_that_step_is_judged(plan: Plan) -> None:
    assert at(plan, {"pool-old": 50, "pool-new": 50}, 50) == Position(Next.JUDGE, percent=50, step=1)


def test_weights_are_ratios(plan: Plan) -> None:
    assert at(plan, {"pool-old": 9, "pool-new": 1}, 10) == Position(Next.JUDGE, percent=10, step=0)


def test_after_the_last_step_nothing_follows(plan: Plan) -> None:
    assert following(plan, at(plan, {"pool-new": 100}, 100)) is None


@pytest.mark.parametrize(
    ("live", "asked", "why"),
    [
        ({"pool-old": 50, "pool-new": 50}, 0, "asked for 0 % to pool-new: somebody changed it"),
        ({"pool-old": 100}, 50, "asked for 50 % to pool-new: somebody changed it"),
        ({"pool-old": 88, "pool-new": 12}, 10, "gives 88 % default/pool-old"),
        ({"pool-old": 90, "pool-new": 5, "pool-x": 5}, 5, "pool-x is none of the plan's pools"),
        ({"pool-old": 0, "pool-new": 0}, 0, "so it answers nothing"),
        ({"pool-old": 80, "pool-new": 20}, 20, "20 % is not a step of the plan (10, 50, 100)"),
        ({"pool-old": 100}, None, "no revision of release route asked for it"),
    ],
)
def test_a_live_route_that_nobody_asked_for_is_changed(
    plan: Plan, live: dict[str, int], asked: int | None, why: str
) -> None:
    seen = at(plan, live, asked)
    assert seen.next is Next.CHANGED
    assert why in seen.why


def test_rules_that_differ_are_a_change_and_the_largest_share_counts(plan: Plan) -> None:
    live = route(rule({"pool-old": 90, "pool-new": 10}), rule({"pool-old": 50, "pool-new": 50}, "default.route.chat"))
    seen = position(plan, live, Record(10, "revision 3"))
    assert (seen.next, seen.percent) == (Next.CHANGED, 50)
    assert "its rules differ" in seen.why


def test_a_testers_rule_is_no_weight(plan: Plan) -> None:
    live = route(rule({"pool-new": 1}, "default.route.all.canary-0"), rule({"pool-old": 100}))
    assert position(plan, live, Record(0, "revision 1")).next is Next.START


def test_a_pool_of_another_group_is_another_pool(plan: Plan) -> None:
    live = route({"name": "default.route.all", "backendRefs": [backend("pool-new", 100, "example.com")]})
    assert position(plan, live, Record(100, "revision 1")).next is Next.JUDGE  # the route names the group it wants
    mixed = route(
        {"name": "all", "backendRefs": [backend("pool-new", 50), backend("pool-new", 50, "example.com")]},
    )
    assert position(plan, mixed, Record(50, "revision 1")).next is Next.CHANGED


def test_what_is_pending_comes_first(plan: Plan) -> None:
    seen = at(plan, {"pool-old": 90, "pool-new": 10}, 0, pending="revision 4 is pending-upgrade")
    assert (seen.next, seen.percent, seen.why) == (Next.WAIT, 10, "revision 4 is pending-upgrade")


def test_after_a_rollback_it_is_stopped(plan: Plan) -> None:
    assert at(plan, {"pool-old": 100}, 0, taken_back=True).next is Next.STOPPED


def test_a_hand_edit_after_a_rollback_is_seen_first(plan: Plan) -> None:
    assert at(plan, {"pool-old": 50, "pool-new": 50}, 0, taken_back=True).next is Next.CHANGED
