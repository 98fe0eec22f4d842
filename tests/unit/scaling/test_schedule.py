"""A schedule carries the peak at every moment within what may run, and is found wherever there is one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferencepool_rollout.scaling.schedule import Impossible, Limits, Stage, end, schedule

PERCENTS = st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True).map(lambda found: [*sorted(found), 100])
Moment = tuple[int, int, int]
"""The new pool's percent, replicas of the old pool, of the new one."""


@st.composite
def limits(draw: st.DrawFn, largest: int = 12) -> Limits:
    """Limits of pools of at most `largest` replicas, whose old pool can carry the peak."""
    each = st.floats(0.5, 20)
    old_each, new_each, old_full = draw(each), draw(each), draw(st.integers(1, largest))
    peak = draw(st.floats(0.1, 1)) * old_full * old_each
    old_unit, new_unit = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    new_full = math.ceil(peak / new_each) + draw(st.integers(0, 2))
    most = old_full * old_unit + draw(st.integers(0, largest))
    return Limits(peak, old_each, new_each, old_full, new_full, old_unit, new_unit, most, draw(st.integers(0, 1)))


def moments(limits: Limits, stages: Sequence[Stage]) -> Iterator[Moment]:
    """Every state that a rollout is in: the old pool shrinks, then the new one grows, then the weight moves."""
    before = Stage(0, limits.old_full, 0)
    for stage in stages:
        yield before.percent, before.old, before.new
        yield before.percent, stage.old, before.new
        yield before.percent, stage.old, stage.new
        yield stage.percent, stage.old, stage.new
        before = stage


def carries(limits: Limits, percent: int, old: int, new: int) -> bool:
    """Whether both pools carry their shares of the peak, up to rounding."""
    share = percent / 100 * limits.peak
    return old * limits.old_each >= (limits.peak - share) * (1 - 1e-6) and new * limits.new_each >= share * (1 - 1e-6)


def reachable(limits: Limits, percents: Sequence[int]) -> bool:
    """Whether any sequence of sizes leads through the percents, tried one by one."""
    sizes = range(limits.old_full + 1), range(limits.most // limits.new_unit + 1)
    before, olds = 0, {limits.old_full}
    for percent in percents:
        olds = {
            old
            for old, new in product(*sizes)
            if any(old <= earlier for earlier in olds) and old >= limits.keep_old
            and limits.used(old, new) <= limits.most
            and carries(limits, before, old, new) and carries(limits, percent, old, new)
        }  # fmt: skip
        before = percent
    return bool(olds)


@given(limits(), PERCENTS)
def test_the_peak_is_carried_at_every_moment_within_what_may_run(limits: Limits, percents: list[int]) -> None:
    try:
        stages = schedule(limits, percents)
    except Impossible:
        return
    for moment in moments(limits, [*stages, end(limits, stages[-1])]):
        assert carries(limits, *moment), moment
    for _, old, new in moments(limits, stages):
        assert limits.used(old, new) <= limits.most


@given(limits(largest=5), PERCENTS)
def test_a_schedule_is_found_wherever_there_is_one(limits: Limits, percents: list[int]) -> None:
    try:
        schedule(limits, percents)
        found = True
    except Impossible:
        found = False
    assert found == reachable(limits, percents)


@given(limits(), PERCENTS)
def test_the_way_back_keeps_within_what_may_run_too(limits: Limits, percents: list[int]) -> None:
    """From each stage back to the one before: first the old pool grows to what it needs there."""
    try:
        stages = schedule(limits, percents)
    except Impossible:
        return
    for earlier, later in zip([Stage(0, limits.old_full, 0), *stages], stages, strict=False):
        assert limits.used(limits.need_old(earlier.percent), limits.need_new(later.percent)) <= limits.most


def test_three_of_four_accelerators_move_one_by_one() -> None:
    four = Limits(28, 10, 10, old_full=3, new_full=3, old_unit=1, new_unit=1, most=4)
    assert schedule(four, [33, 66, 100]) == (Stage(33, 3, 1), Stage(66, 2, 2), Stage(100, 1, 3))
    assert end(four, Stage(100, 1, 3)) == Stage(100, 0, 3)


def test_without_a_surge_the_old_pool_gives_up_what_the_peak_spares() -> None:
    none = Limits(28, 10, 10, old_full=4, new_full=4, old_unit=1, new_unit=1, most=4)
    assert schedule(none, [33, 66, 100]) == (Stage(33, 3, 1), Stage(66, 2, 2), Stage(100, 1, 3))


def test_a_step_that_is_too_wide_is_refused_with_the_step_that_would_do() -> None:
    four = Limits(28, 10, 10, old_full=3, new_full=3, old_unit=1, new_unit=1, most=4)
    with pytest.raises(
        Impossible, match=r"from 0 to 50 % .* 3 \+ 2 replicas .* 5 of 4; put a step at 35 % before"
    ) as refused:
        schedule(four, [50, 100])
    assert refused.value.step == 0


@given(limits(), PERCENTS)
def test_what_a_refusal_proposes_gets_past_the_refused_move(limits: Limits, percents: list[int]) -> None:
    try:
        schedule(limits, percents)
        return
    except Impossible as refused:
        step, why = refused.step, str(refused)
    if between := re.search(r"put a step at (\d+) %", why):
        assert len(schedule(limits, [*percents[:step], int(between[1])])) == step + 1
    surge = re.search(r"raise the surge by (\d+)", why)
    assert surge
    assert len(schedule(replace(limits, most=limits.most + int(surge[1])), percents[: step + 1])) == step + 1


def test_a_proposed_step_takes_whole_replicas() -> None:
    half = Limits(4, 1, 1, old_full=4, new_full=4, old_unit=8, new_unit=8, most=36)
    with pytest.raises(Impossible, match=r"40 of 36; raise the surge by 4$"):
        schedule(half, [25, 100])


def test_no_room_at_all_is_refused_with_the_surge_that_would_do() -> None:
    none = Limits(30, 10, 10, old_full=3, new_full=3, old_unit=1, new_unit=1, most=3)
    with pytest.raises(Impossible, match=r"4 of 3; raise the surge by 1$"):
        schedule(none, [10, 100])


def test_replicas_that_are_written_out_stand() -> None:
    six = Limits(28, 10, 10, old_full=3, new_full=3, old_unit=1, new_unit=1, most=6)
    assert schedule(six, [33, 66, 100], {66: (2, 3)}) == (Stage(33, 3, 1), Stage(66, 2, 3), Stage(100, 2, 3))


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ((1, 2), r"old has to be 2 to 3, and new 2 or more"),  # the old pool cannot carry 67 %
        ((3, 1), r"old has to be 2 to 3, and new 2 or more"),  # the new pool cannot carry 66 %
        ((3, 4), r"3 \+ 4 replicas .* 7 of 6; raise the surge by 1$"),
    ],
)
def test_replicas_that_are_written_out_and_lack_something_are_refused(written: tuple[int, int], why: str) -> None:
    six = Limits(28, 10, 10, old_full=3, new_full=3, old_unit=1, new_unit=1, most=6)
    with pytest.raises(Impossible, match=why) as refused:
        schedule(six, [33, 66, 100], {66: written})
    assert refused.value.step == 1
