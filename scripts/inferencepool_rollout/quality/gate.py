"""The gate: ask every prompt, judge as the answers come, and say whether the rollout may go on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inferencepool_rollout.evidence.decision import Action, Decision, State
from inferencepool_rollout.plan.answers import Quality
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.progress import say
from inferencepool_rollout.quality.ask import Asked, Pools, named, pools
from inferencepool_rollout.quality.judge import score
from inferencepool_rollout.quality.prompts import Prompt, in_order, read_prompts
from inferencepool_rollout.quality.reply import Reply, difference
from inferencepool_rollout.quality.verdict import Measured, judge, measure, violated

SHOWN = 20
"""Most differing answers that the run log keeps."""
SAY_SECONDS, JUDGE_SECONDS = 15.0, 0.5
"""How often progress is told, and how often the answers so far are judged."""


@dataclass(frozen=True)
class Judged:
    """A gate's decision, and what the run log keeps of it."""

    decision: Decision
    summary: Mapping[str, Any]


@dataclass
class Gate:
    """The prompts of a plan. `stopped` is set by Ctrl-C."""

    plan: Plan
    quality: Quality
    stopped: threading.Event

    def run(self) -> Judged:
        """Ask all prompts, or as many as show that an objective is violated, and decide.

        Raises Failure where a prompt, a pool's attribution or the judge is at fault: no pool is to blame for it.
        """
        prompts = in_order(read_prompts(Path(self.quality.prompts)))
        say(f"quality: asking {len(prompts)} prompts of both pools")
        began = time.monotonic()
        asked = asyncio.run(self._ask(prompts))
        decision = self._decide(asked, len(prompts))
        say(f"quality: {decision.action} after {len(asked)} prompts in {time.monotonic() - began:.0f} s")
        for finding in decision.findings:
            say(f"  {finding}")
        return Judged(decision, summary(self.quality, [each.asked for each in asked]))

    async def _ask(self, prompts: Sequence[Prompt]) -> list[Measured]:
        """Ask the prompts, `quality.concurrency` at once; return those before the first that has not ended.

        A verdict is given in the order of asking, never in that of ending: answers that differ may take longer.
        """
        quality, waiting = self.quality, iter(prompts)
        done: dict[int, Measured] = {}
        told = judged = time.monotonic()
        scores = asyncio.Semaphore(quality.judge.concurrency if quality.judge else 1)
        async with pools(self.plan, quality) as both:
            running: dict[asyncio.Task[Measured], int] = {}
            try:
                while True:
                    while len(running) < quality.concurrency and (prompt := next(waiting, None)):
                        task = asyncio.ensure_future(self._one(both, prompt, scores))
                        running[task] = len(done) + len(running)
                    if not running or self.stopped.is_set():
                        break
                    ended, _ = await asyncio.wait(running, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                    for task in ended:
                        done[running.pop(task)] = task.result()
                    if time.monotonic() - judged > JUDGE_SECONDS:
                        judged, before = time.monotonic(), list(_unbroken(done))
                        if violated(self.plan, before):
                            return before
                    if time.monotonic() - told > SAY_SECONDS:
                        told = time.monotonic()
                        say(f"quality: {len(done)} of {len(prompts)} prompts")
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
        return list(_unbroken(done))

    async def _one(self, both: Pools, prompt: Prompt, scores: asyncio.Semaphore) -> Measured:
        asked = await both.ask(prompt)
        if self.quality.judge is None:
            return measure(asked)
        async with scores:
            given = await score(self.quality.judge, both.session, prompt, asked.old, asked.new)
        return measure(replace(asked, scores=given))

    def _decide(self, asked: Sequence[Measured], prompts: int) -> Decision:
        findings = judge(self.plan, asked)
        bad = [finding for finding in findings if finding.state is State.VIOLATED]
        undecided = [finding.name for finding in findings if finding.state is State.OPEN]
        if bad:
            return Decision(Action.ROLL_BACK, "; ".join(map(str, bad)), findings)
        if self.stopped.is_set():
            return Decision(Action.HOLD, f"stopped after {len(asked)} of {prompts} prompts", findings)
        if undecided:
            file = Path(self.quality.prompts).name
            lost = [each.asked.old.problem for each in asked if each.asked.old.problem]
            remedy = (
                f"the old pool did not answer {len(lost)} of them ({lost[0]})" if lost else f"add prompts to {file}"
            )
            why = f"{' and '.join(undecided)} undecided after {len(asked)} prompts; {remedy}"
            return Decision(Action.HOLD, why, findings)
        return Decision(Action.PROMOTE, f"every objective for answers is kept after {len(asked)} prompts", findings)


def summary(quality: Quality, asked: Sequence[Asked]) -> dict[str, Any]:
    """Return what the run log keeps of a gate: counts, and the prompts that were answered otherwise or worse."""
    differing = [each for each in asked if not each.old.same(each.new) or _unmet(each, each.new)]
    floor = sum(not each.old.same(each.again) for each in asked)
    seeded = [each for each in asked if each.prompt.temperature > 0 and each.prompt.seed is not None]
    ignored = sum(not each.old.same(each.again) for each in seeded)
    expecting = [each for each in asked if each.prompt.expect]
    return {
        "prompts": len(asked),
        "floor": floor,
        "differing": sum(not each.old.same(each.new) for each in asked),
        "seeded": len(seeded),
        "seedIgnored": ignored,
        "expecting": len(expecting),
        "passed": {side: sum(not _unmet(each, getattr(each, side)) for each in expecting) for side in ("old", "new")},
        "finish": {side: Counter(getattr(each, side).finish or "none" for each in asked) for side in ("old", "new")},
        "examples": [_example(each, quality.texts) for each in differing[:SHOWN]],
    }


def _example(asked: Asked, texts: bool) -> dict[str, Any]:
    found = difference(asked.old, asked.new)
    shown: dict[str, Any] = {
        "prompt": named(asked.prompt),
        "model": asked.prompt.model,
        "token": found.token,
        "character": found.character,
        "certainty": found.certainty,
        "againSame": asked.old.same(asked.again),
        "unmet": {side: _unmet(asked, getattr(asked, side)) if texts else None for side in ("old", "new")},
        "passed": {side: not _unmet(asked, getattr(asked, side)) for side in ("old", "new")},
    }
    if texts:
        shown |= {side: getattr(asked, side).shown() for side in ("old", "new")}
        shown["asked"] = asked.prompt.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return shown


def _unmet(asked: Asked, reply: Reply) -> str:
    return asked.prompt.expect.unmet(reply) if asked.prompt.expect else reply.problem


def _unbroken(done: dict[int, Measured]) -> Iterator[Measured]:
    """Yield what was asked, in its order, up to the first that has not ended."""
    number = 0
    while number in done:
        yield done[number]
        number += 1
