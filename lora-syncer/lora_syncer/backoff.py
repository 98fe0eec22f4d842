"""When to try again what has failed."""

from __future__ import annotations

import random


class Backoff:
    """Doubles the pause from `first` to at most `cap` seconds, each shortened at random by up to a half.

    The jitter keeps the pods of a pool, whose ConfigMap changes for all at once, from asking a hub in step.
    """

    def __init__(self, first: float, cap: float, jitter: random.Random) -> None:
        self._first, self._cap, self._jitter = first, cap, jitter
        self._until, self._pause = float("-inf"), first

    def due(self, now: float) -> bool:
        """Whether the pause is over at the time `now`, in seconds."""
        return now >= self._until

    def failed(self, now: float) -> float:
        """Note a failure at the time `now`; return the seconds of the pause."""
        pause = self._pause * self._jitter.uniform(0.5, 1)
        self._until, self._pause = now + pause, min(self._cap, 2 * self._pause)
        return pause

    def succeeded(self) -> None:
        """Start anew."""
        self._until, self._pause = float("-inf"), self._first
