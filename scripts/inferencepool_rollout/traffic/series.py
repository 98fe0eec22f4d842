"""Latencies of one pool's requests, by the time at which they ended."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from inferencepool_rollout.traffic.drift import Floats


def _none() -> Floats:
    return np.array([])


@dataclass(frozen=True, eq=False)
class Series:
    """Requests of one pool: `ended` (s, any clock, ascending) and `latency` (s), same length, a fair sample.

    A sample is fair if all requests that were sent before some moment have ended, the slow ones too. What was sent
    later is no fair sample, but it is evidence: `unsettled` are the latencies of those that ended, `pending` the least
    latencies of those that have not, since they have taken so long already.
    """

    ended: Floats
    latency: Floats
    unsettled: Floats = field(default_factory=_none)
    pending: Floats = field(default_factory=_none)

    def until(self, time: float) -> Series:
        """Return the requests that had ended by `time`."""
        count = int(np.searchsorted(self.ended, time, "right"))
        return Series(self.ended[:count], self.latency[:count])
