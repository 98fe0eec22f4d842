"""The requests of a workload one after the other: when each is sent, and what it asks.

All follows from the seed: the same plan sends the same requests again, and to both pools where each has requests of
its own.
"""

from __future__ import annotations

import heapq
import itertools
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from inferencepool_rollout.plan import probe as plan
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.workload.trace import BLOCK_TOKENS, Trace
from inferencepool_rollout.workload.words import HEAD, WORDS, text

AT_ONCE = 1024  # draws of a generator at once
OWN = len(WORDS) ** HEAD


class Asked(NamedTuple):
    """A prompt and the tokens of its answer."""

    prompt: str
    answer: int


@dataclass(frozen=True)
class Workload:
    """A plan's workload with its trace; `number` tells apart those of one plan, as those of its steps."""

    spec: plan.Workload
    trace: Trace | None = None
    number: int = 0

    def requests(self, like: Completion, rate: float | None) -> Iterator[tuple[float, Completion]]:
        """Yield for ever the second (from the beginning) at which a request is due, and the request.

        `like` says all that the requests have in common. Without a `rate` (requests/s) all are due at once.
        """
        seeds = np.random.SeedSequence([self.spec.seed, self.number, zlib.crc32(like.model.encode())]).spawn(3)
        when, what, whose = map(np.random.default_rng, seeds)
        like = replace(like, ignore_eos=self.spec.ignore_eos)
        asked = self._replayed() if self.trace else self._drawn(what)
        due = self._arrivals(rate, when) if rate else itertools.repeat(0.0)
        if self.spec.turns:
            return conversations(self.spec.turns, like, due, asked, self._texts, whose)
        return ((at, replace(like, prompt=each.prompt, max_tokens=each.answer)) for at, each in zip(due, asked))  # noqa: B905

    def _arrivals(self, rate: float, rng: np.random.Generator) -> Iterator[float]:
        if self.spec.arrivals == "even":
            return (number / rate for number in itertools.count())
        if self.spec.arrivals == "poisson":
            return itertools.accumulate(gap for _ in itertools.count() for gap in rng.exponential(1 / rate, AT_ONCE))
        assert self.trace
        return _replayed(self.trace, rate)

    def _drawn(self, rng: np.random.Generator) -> Iterator[Asked]:
        spec, prefix = self.spec, self.spec.shared_prefix
        assert spec.prompt_tokens and spec.answer_tokens
        lengths = zip(tokens(spec.prompt_tokens, rng), tokens(spec.answer_tokens, rng), strict=True)
        for number, (prompt, answer) in enumerate(lengths):
            shared = ""
            if prefix:
                shared = text(spec.seed, int(rng.integers(prefix.groups)), min(prefix.tokens, prompt))
                prompt = max(prompt - prefix.tokens, 0)
            yield Asked(shared + text(self._texts, number % OWN, prompt), answer)

    def _replayed(self) -> Iterator[Asked]:
        assert self.trace
        rows = list(zip(self.trace.prompts.tolist(), self.trace.answers.tolist(), self.trace.blocks, strict=True))
        for number, (prompt, answer, blocks) in enumerate(itertools.cycle(rows)):
            if blocks:
                yield Asked("".join(_blocks(self.spec.seed, blocks, prompt)), answer)
            else:
                yield Asked(text(self._texts, number % OWN, prompt), answer)

    @property
    def longest(self) -> int:
        """Most tokens of a request, its history, prompt and answer together."""
        if self.trace:
            return self.trace.longest
        lengths = [each for each in (self.spec.prompt_tokens, self.spec.answer_tokens) if each]
        return (self.spec.turns.most if self.spec.turns else 1) * sum(each.most or round(each.mean) for each in lengths)

    @property
    def _texts(self) -> int:
        """The seed of texts that no other workload of the plan has, so that none is in a cache already."""
        return self.spec.seed + 1_000_003 * (self.number + 1)


def tokens(lengths: plan.Lengths, rng: np.random.Generator) -> Iterator[int]:
    """Yield lengths for ever: lognormal with the mean and spread of `lengths`, from 1 to its `most`."""
    middle = math.log(lengths.mean) - lengths.spread**2 / 2
    while True:
        drawn = (
            np.exp(rng.normal(middle, lengths.spread, AT_ONCE)) if lengths.spread else np.full(AT_ONCE, lengths.mean)
        )
        yield from np.clip(np.rint(drawn), 1, lengths.most or lengths.mean).astype(int).tolist()


def conversations(
    turns: plan.Turns, like: Completion, due: Iterator[float], asked: Iterator[Asked], seed: int,
    rng: np.random.Generator,
) -> Iterator[tuple[float, Completion]]:  # fmt: skip
    """Yield requests that continue conversations: each takes the one that has waited longest, or begins a new one.

    A conversation waits, after a turn is sent, for an exponential time with the mean `think`. Its number of turns is
    geometric. Its earlier answers are texts of the length asked for, not what the pool answered, so that requests
    depend on the seed alone.
    """
    waiting: list[tuple[float, int, int, tuple[tuple[str, str], ...]]] = []  # ready at, number, turns left, history
    for number, (at, each) in enumerate(zip(due, asked)):  # noqa: B905
        if waiting and waiting[0][0] <= at:
            _, _, left, history = heapq.heappop(waiting)
        else:
            left, history = min(int(rng.geometric(1 / turns.mean)), turns.most), ()
        yield at, replace(like, prompt=each.prompt, max_tokens=each.answer, history=history)
        if left > 1:
            answer = text(seed + 1, number % OWN, each.answer)
            ready = at + float(rng.exponential(turns.think))
            heapq.heappush(waiting, (ready, number, left - 1, (*history, (each.prompt, answer))))


def _replayed(trace: Trace, rate: float) -> Iterator[float]:
    """The trace's times, stretched to a rate, again and again, with the mean gap between the last and the first."""
    stretch = 1 / (rate * trace.gap)
    length = float(trace.seconds[-1]) + trace.gap
    times = trace.seconds.tolist()
    return ((turn * length + at) * stretch for turn in itertools.count() for at in times)


def _blocks(seed: int, blocks: Sequence[int], tokens: int) -> Iterator[str]:
    """The text of each block of a prompt with so many tokens; the last block may be a part of one."""
    for place, block in enumerate(blocks):
        left = tokens - place * BLOCK_TOKENS
        if left > 0:
            yield text(seed, block % OWN, min(BLOCK_TOKENS, left))
    rest = tokens - len(blocks) * BLOCK_TOKENS
    if rest > 0:
        yield text(seed + 1, blocks[-1] % OWN, rest)
