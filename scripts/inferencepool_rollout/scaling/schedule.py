"""How many replicas each pool has at each step, so that both carry their share of the peak within the accelerators."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inferencepool_rollout.plan.capacity import Capacity
from inferencepool_rollout.plan.plan import Plan

ROUNDING = 1e-9
"""Relative: 0.1 x 30 requests/s take one replica of 3, not two."""


@dataclass(frozen=True)
class Stage:
    """Replicas of both pools when the new pool's weight moves to `percent`; they have them before the weight moves."""

    percent: int
    old: int
    new: int


@dataclass(frozen=True)
class Limits:
    """What a schedule has to keep: `peak` in requests/s, `old_each` and `new_each` of one replica, the full sizes of
    both pools, the accelerators of one replica of each, and the most that may run at any moment (`unit_most`, in
    `old_unit` and `new_unit` a replica)."""

    peak: float
    old_each: float
    new_each: float
    old_full: int
    new_full: int
    old_unit: int
    new_unit: int
    most: int
    keep_old: int = 0

    @classmethod
    def of(cls, capacity: Capacity) -> Limits:
        """Return the limits of a plan whose driver scales."""
        scaling, each = capacity.scaling, capacity.per_replica
        assert scaling
        sizes = scaling.replicas
        old_full = sizes.old if sizes else _ceil(capacity.peak / each.old)
        new_full = sizes.new if sizes else _ceil(capacity.peak / each.new)
        in_accelerators = scaling.surge.accelerators is not None
        old_unit, new_unit = (scaling.accelerators.old, scaling.accelerators.new) if in_accelerators else (1, 1)
        surge = scaling.surge.accelerators if in_accelerators else scaling.surge.replicas
        return cls(
            capacity.peak, each.old, each.new, old_full, new_full, old_unit, new_unit,
            most=old_full * old_unit + (surge or 0), keep_old=scaling.keep_old,
        )  # fmt: skip

    def need_old(self, percent: float) -> int:
        """Return how many replicas the old pool needs while the new one has `percent`."""
        return _ceil((100 - percent) / 100 * self.peak / self.old_each)

    def need_new(self, percent: float) -> int:
        """Return how many replicas the new pool needs to have `percent`."""
        return _ceil(percent / 100 * self.peak / self.new_each)

    def used(self, old: int, new: int) -> int:
        """Return what so many replicas use of `most`."""
        return old * self.old_unit + new * self.new_unit

    def headroom(self, percent: float, old: int, new: int) -> float:
        """Return the least factor by which a pool can carry more than its share of the peak."""
        shares = ((100 - percent, old * self.old_each), (percent, new * self.new_each))
        return min(carried / (share / 100 * self.peak) for share, carried in shares if share)


class Impossible(ValueError):
    """No schedule keeps the limits: `step` is the index of the first step that cannot be reached."""

    def __init__(self, step: int, why: str) -> None:
        super().__init__(why)
        self.step = step


def of_plan(plan: Plan) -> tuple[Limits, tuple[Stage, ...]]:
    """Return the limits and the schedule of a plan whose driver scales; raises Impossible, by the index of the step."""
    assert plan.capacity
    limits = Limits.of(plan.capacity)
    steps = [step for step in plan.steps if step.percent]
    written = {step.percent: (step.replicas.old, step.replicas.new) for step in steps if step.replicas}
    return limits, schedule(limits, [step.percent for step in steps], written)


def schedule(
    limits: Limits, percents: Sequence[int], written: Mapping[int, tuple[int, int]] | None = None
) -> tuple[Stage, ...]:
    """Return the stages that lead through `percents` (rising, the last may be below 100).

    `written` has the replicas of the old and the new pool by percent where they are given; the others are computed.

    Before the weight moves the old pool gives up only what the new one needs room for, so that the way back stays
    fast; the new pool gets what its next share needs, and its full size once it has everything. Since the old pool only
    shrinks and the new one only grows, no other order succeeds where this one fails. Raises Impossible.
    """
    stages: list[Stage] = []
    before, old = 0, limits.old_full
    if old < limits.need_old(0):
        raise Impossible(0, f"{old} replicas of the old pool cannot carry the peak; it takes {limits.need_old(0)}")
    for index, percent in enumerate(percents):
        new = max(limits.need_new(percent), stages[-1].new if stages else 0)
        floor = max(limits.need_old(before), limits.keep_old)
        given_old, given_new = (written or {}).get(percent, (old, new))
        if given_new < new or not floor <= given_old <= old:
            given = f"replicas {{old: {given_old}, new: {given_new}}}"
            raise Impossible(index, f"{given}: old has to be {floor} to {old}, and new {new} or more")
        new = given_new
        room = (limits.most - new * limits.new_unit) // limits.old_unit
        is_written = percent in (written or {})
        least = given_old if is_written else floor
        if room < least:
            raise Impossible(index, _short(limits, (before, percent), Stage(percent, least, new), is_written))
        old = min(given_old, room)
        stages.append(Stage(percent, old, new))
        before = percent
    return tuple(stages)


def end(limits: Limits, last: Stage) -> Stage:
    """Return what both pools have once the last step is passed: at 100 % the old one none, the new one its full
    size."""
    return Stage(100, 0, max(limits.new_full, last.new)) if last.percent == 100 else last


def _short(limits: Limits, move: tuple[int, int], needed: Stage, is_written: bool) -> str:
    """Why a move between two percents has no room; a step before it is no remedy for replicas that are written out."""
    before, percent = move
    used = limits.used(needed.old, needed.new)
    spare = (limits.most - needed.old * limits.old_unit) // limits.new_unit  # whole replicas of the new pool
    reach = max(0, math.floor(100 * spare * limits.new_each / limits.peak + ROUNDING))
    why = (
        f"to move from {before} to {percent} % both pools need {needed.old} + {needed.new} replicas at once, which "
        f"take {used} of {limits.most}"
    )
    between = f"put a step at {reach} % before it" if reach > before and not is_written else ""
    surge = f"raise the surge by {used - limits.most}"
    return f"{why}; {' or '.join(each for each in (between, surge) if each)}"


def _ceil(number: float) -> int:
    return math.ceil(number * (1 - ROUNDING))
