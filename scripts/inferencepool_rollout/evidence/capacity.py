"""What a pool was measured to hold: the highest rate of requests at which it kept every absolute objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from inferencepool_rollout.evidence.decision import Finding, State

RUNGS = 8
RATIO = 2**0.5
"""From one rate to the next; so the rate that is found is at most that much below the true one."""


@dataclass(frozen=True)
class Rung:
    """One rate (requests/s), and what was seen at it: kept, violated, or open where too few requests show neither.

    `why` says why it is not kept.
    """

    rate: float
    requests: int
    findings: Sequence[Finding]
    state: State = State.KEPT
    why: str = ""


@dataclass(frozen=True)
class Capacity:
    """What the pool `pool` held with so many ready model servers."""

    pool: str
    replicas: int
    rungs: Sequence[Rung]

    @property
    def held(self) -> float:
        """The highest rate that was held (requests/s), 0 if none was."""
        return max((rung.rate for rung in self.rungs if rung.state is State.KEPT), default=0.0)

    @property
    def per_replica(self) -> float:
        """The same of one model server."""
        return self.held / max(self.replicas, 1)

    @property
    def stopped(self) -> str:
        """Why the rate was not raised further; empty if all were tried."""
        return next((rung.why for rung in self.rungs if rung.state is State.VIOLATED), "")

    def __str__(self) -> str:
        more = "" if self.stopped or self.rungs[-1].why else " or more"
        held = f"{self.pool} holds {self.held:.3g} requests/s{more} with {_count(self.replicas)}"
        why = self.stopped or self.rungs[-1].why
        return f"{held}; {why}" if why else held

    def document(self) -> dict[str, Any]:
        """Return it as the run log and the report have it."""
        rungs = [asdict(rung) for rung in self.rungs]
        return {
            "pool": self.pool, "replicas": self.replicas, "held": self.held, "perReplica": self.per_replica,
            "stopped": self.stopped, "rungs": rungs,
        }  # fmt: skip


def rates(peak: float) -> list[float]:
    """Return the rates that are tried, the lowest first, up to `peak` (requests/s)."""
    return [peak / RATIO**rung for rung in reversed(range(RUNGS))]


def last_capacity(events: Sequence[Mapping[str, Any]], pool: str) -> float | None:
    """Return what one model server of a pool was last measured to hold, by the events of a run log."""
    found = [event["capacity"] for event in events if event["event"] == "capacity"]
    return next((float(each["perReplica"]) for each in reversed(found) if each["pool"] == pool), None)


def reason(findings: Sequence[Finding]) -> str:
    """Return why a rate is not held by what was found, empty while nothing is violated."""
    return "; ".join(str(each) for each in findings if each.state is State.VIOLATED)


def _count(replicas: int) -> str:
    return f"{replicas} model server{'s' if replicas != 1 else ''}"
