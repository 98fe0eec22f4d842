"""What the answers show of each objective: by pairs, so that a hard prompt is hard for both pools.

Each prompt gives one number for each objective (KINDS below), and betting.py judges its mean. Agreement needs no
assumption about the prompts: given the old pool's first answer, its second one and the new pool's are exchangeable
where the pools are equal, so each prompt's number has mean 0, and batching that lets equal weights differ cancels. A
prompt that nobody answered says nothing: two pools that fail alike would pass for equal ones otherwise. The others
hold for requests like those in the file: the prompts are taken as drawn from them, in a random order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic.alias_generators import to_camel

from inferencepool_rollout.evidence.decision import Finding, State
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.objectives import Drop, LengthRatio
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.users import Unit
from inferencepool_rollout.quality.ask import Asked
from inferencepool_rollout.quality.betting import Bounded, fewest
from inferencepool_rollout.quality.prompts import Prompt
from inferencepool_rollout.traffic.quantiles import Floats


def _passed(asked: Asked) -> float:
    expect = asked.prompt.expect
    if expect is None or (asked.old.problem and asked.new.problem):
        return math.nan
    return float(not expect.unmet(asked.old)) - float(not expect.unmet(asked.new))


def _differs(asked: Asked) -> float:
    if asked.old.problem:
        return math.nan
    return float(not asked.old.same(asked.new)) - float(not asked.old.same(asked.again))


def _judged(asked: Asked) -> float:
    if not asked.scores or (asked.old.problem and asked.new.problem):
        return math.nan
    return asked.scores[0] - asked.scores[1]


def _effect(asked: Asked) -> float:
    if asked.old_base is None or asked.new_base is None:
        return math.nan
    if any(each.problem for each in (asked.old, asked.new, asked.old_base, asked.new_base)):
        return math.nan
    return float(not asked.old.same(asked.old_base)) - float(not asked.new.same(asked.new_base))


@dataclass(frozen=True)
class Kind:
    """An objective about a share of prompts: its name in reports, and its number for one prompt, from -1 to 1.

    NaN: the prompt says nothing about it.
    """

    name: str
    number: Callable[[Asked], float]


KINDS: Mapping[str, Kind] = {
    "pass_rate": Kind("pass rate drop", _passed),
    "agreement": Kind("answer differences", _differs),
    "judged": Kind("judged score drop", _judged),
    "adapter_effect": Kind("adapter effect drop", _effect),
}
LENGTH = "answer length new/old"
RATIOS: tuple[float, ...] = tuple(np.geomspace(1 / 16, 16, 161).tolist())
"""Bounds of a ratio of lengths that are tried for its interval."""


@dataclass(frozen=True)
class Measured:
    """A prompt's replies and what they say of each objective: `numbers` by the objective's key, and the lengths of the
    old and the new reply as shares of maxTokens (NaN where not counted)."""

    asked: Asked
    numbers: Mapping[str, float]
    lengths: tuple[float, float]


def measure(asked: Asked) -> Measured:
    """Hold replies to the prompt's expectation and to each other."""
    most = asked.prompt.max_tokens
    lengths = (min(asked.old.length / most, 1.0), min(asked.new.length / most, 1.0))
    return Measured(asked, {key: kind.number(asked) for key, kind in KINDS.items()}, lengths)


def judge(plan: Plan, asked: Sequence[Measured]) -> tuple[Finding, ...]:
    """Judge every objective for answers by what was asked so far, in the order of asking.

    Raises Failure where the servers do not tell what an objective is about.
    """
    return tuple(each.finding() for each in _evidence(plan, asked))


def violated(plan: Plan, asked: Sequence[Measured]) -> bool:
    """Tell whether an objective is violated, without its interval, which takes longer."""
    return any(each.state() is State.VIOLATED for each in _evidence(plan, asked))


def require_enough(plan: Plan, prompts: Sequence[Prompt]) -> None:
    """Raise Failure where even perfect answers to so few prompts would leave an objective undecided."""
    for name, each in plan.answers.items():
        if isinstance(each, LengthRatio):
            continue
        have = sum(_speaks(plan, name, prompt) for prompt in prompts)
        need = fewest(each.detect, 1 - each.detect, plan.miss) if each.detect < 1 else 1
        if have < need:
            raise Failure(
                f"objectives.quality.{to_camel(name)}: {have} prompts count for it, and it takes {need} at least "
                f"to show that a drop is below detect ({each.detect:g}); add prompts, or raise detect"
            )


def _speaks(plan: Plan, name: str, prompt: Prompt) -> bool:
    if name == "pass_rate":
        return prompt.expect is not None
    if name == "adapter_effect" and plan.quality and plan.quality.base:
        return (prompt.model or plan.probe.models[0]) not in (plan.quality.base.old, plan.quality.base.new)
    return True


def _evidence(plan: Plan, asked: Sequence[Measured]) -> Iterator[_Share | _Length]:
    for name, each in plan.answers.items():
        if isinstance(each, LengthRatio):
            yield _Length.of(each, asked, plan.level, plan.miss)
        else:
            numbers = np.array([one.numbers[name] for one in asked], np.float64)
            yield _Share(KINDS[name].name, each, Bounded(numbers[~np.isnan(numbers)], -1, 1), plan.level, plan.miss)


@dataclass(frozen=True)
class _Share:
    """What is known of an objective about a share of prompts."""

    name: str
    objective: Drop
    seen: Bounded
    level: float
    miss: float

    def state(self) -> State:
        if self.seen.above(self.objective.accept) >= -math.log(self.level):
            return State.VIOLATED
        return State.KEPT if self.seen.below(self.objective.detect) >= -math.log(self.miss) else State.OPEN

    def finding(self) -> Finding:
        low, high = self.seen.at_least(self.level), self.seen.at_most(self.miss)
        accept, detect = self.objective.accept, self.objective.detect
        return Finding(self.name, self.seen.mean(), low, high, accept, detect, self.state(), Unit.SHARE)


@dataclass(frozen=True)
class _Length:
    """What is known of the ratio of the mean lengths, each as a share of its prompt's maxTokens, which bounds it.

    The mean of new - ratio * old is above 0 where the ratio of the means is above `ratio`. Longer and shorter share
    the level.
    """

    objective: LengthRatio
    old: Floats
    new: Floats
    level: float
    miss: float

    @classmethod
    def of(cls, objective: LengthRatio, asked: Sequence[Measured], level: float, miss: float) -> _Length:
        """Return the lengths of all pairs of good replies."""
        good = [each.lengths for each in asked if not (each.asked.old.problem or each.asked.new.problem)]
        known = np.array([pair for pair in good if not any(map(math.isnan, pair))], np.float64).reshape(-1, 2)
        if good and not len(known):
            what = "the servers count no tokens (usage.completion_tokens)"
            raise Failure(f"{what}; leave out objectives.quality.lengthRatio")
        return cls(objective, known[:, 0], known[:, 1], level, miss)

    def state(self) -> State:
        accept, detect = self.objective.accept, self.objective.detect
        if max(self._above(accept), self._below(1 / accept)) >= -math.log(self.level / 2):
            return State.VIOLATED
        return State.KEPT if min(self._below(detect), self._above(1 / detect)) >= -math.log(self.miss) else State.OPEN

    def finding(self) -> Finding:
        value = float(self.new.sum() / self.old.sum()) if self.old.sum() else math.nan
        low = max((each for each in RATIOS if self._above(each) >= -math.log(self.level / 2)), default=0.0)
        high = min((each for each in RATIOS if self._below(each) >= -math.log(self.miss)), default=math.inf)
        return Finding(LENGTH, value, low, high, self.objective.accept, self.objective.detect, self.state(), Unit.RATIO)

    def _above(self, ratio: float) -> float:
        """Evidence that new answers are more than `ratio` times as long."""
        return Bounded(self.new - ratio * self.old, -ratio, 1).above(0)

    def _below(self, ratio: float) -> float:
        return Bounded(self.new - ratio * self.old, -ratio, 1).below(0)
