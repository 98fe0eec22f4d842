"""Run logs as a driver writes them, of rollouts whose requests are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inferencepool_rollout.drive.movers.helm import upgrade
from inferencepool_rollout.drive.run_log import RunLog
from inferencepool_rollout.evidence.decision import Action, decide
from inferencepool_rollout.evidence.observed import Observed
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.preflight.check import Check

BEGAN = 1_790_000_000.0
RATE = 50.0


@dataclass
class Recorded:
    """A log under way; `errors` is the new pool's share of failures, `slower` the factor of its latency."""

    plan: Plan
    folder: Path
    errors: float = 0.0
    slower: float = 0.9
    users: Mapping[str, Any] = field(default_factory=dict)
    now: float = BEGAN
    percent: int = 0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def __post_init__(self) -> None:
        self.driver(0)

    def driver(self, percent: int) -> None:
        """A driver begins."""
        self.log = RunLog(self.folder, lambda: self.now)
        stack = {
            "models": ["food of meta-llama/Llama-3.1-8B-Instruct"], "revisions": ["0e9e39f"],
            "images": ["vllm/vllm-openai:v0.32.0"], "accelerators": ["1 nvidia.com/gpu"], "replicas": 2,
        }  # fmt: skip
        self.log.write(
            "start", percent=percent, by="ops@bastion pid 7", plan=self.plan.recorded(),
            cluster="https://10.0.0.1:6443", context="production", pools={"pool-old": stack, "pool-new": stack},
        )  # fmt: skip

    def step(self, step: Step, seconds: float = 60, moving: bool = True, judged: bool = True) -> Action:
        """Observe a step for so many seconds; return the verdict, which is written if it is `judged`."""
        checks = [Check(f"release {name}", "revision 3 is deployed") for name in ("route", "pool-old", "pool-new")]
        if moving:
            self.log.write("preflight", percent=step.percent, ok=True, checks=[asdict(check) for check in checks])
        self.log.write("step", percent=step.percent, moving=moving)
        if moving:
            self.now += 1
            self.log.write("move", percent=step.percent, command=["helm", *upgrade(self.plan, step.percent)])
            self.now += 1.4
            self.percent = step.percent
            self.log.write("followed", percent=step.percent, seconds=1.4)
        seen = self.requests(step.percent / 100, seconds)
        for part in np.array_split(np.arange(seen.requests), 6):
            self.now += seconds / 6
            self.log.answers(Observed(**{name: getattr(seen, name)[part] for name in Observed.__dataclass_fields__}))
        decision = decide(self.plan, step, seen, seconds)
        if judged:
            findings = [asdict(finding) for finding in decision.findings]
            self.log.write(
                "verdict", percent=step.percent, action=decision.action, why=decision.why, findings=findings,
                picks={"old": 2100, "new": 900}, users=self.users,
            )  # fmt: skip
        return decision.action

    def end(self, outcome: str, why: str = "") -> None:
        self.log.write("end", outcome=outcome, why=why, percent=self.percent)

    def roll_back(self, why: str) -> None:
        self.log.write("roll back", percent=0, command=["helm", "rollback", "route", "1"])
        self.now += 2
        self.percent = 0
        self.log.write("rolled back", percent=0, seconds=2.0, why="20 of 20 requests were answered, all by pool-old")
        self.end("rolled back", why)

    def requests(self, share: float, seconds: float) -> Observed:
        """Requests of so many seconds from now on, of which `share` go to the new pool."""
        size = int(RATE * seconds)
        new = self.rng.random(size) < share
        ttft = self.rng.lognormal(np.log(0.08), 0.5, size) * np.where(new, self.slower, 1)
        tpot = self.rng.lognormal(np.log(0.012), 0.2, size) * np.where(new, self.slower, 1)
        bad = new & (self.rng.random(size) < self.errors)
        return Observed(
            started=self.now + np.arange(size) / RATE,
            ttft=np.where(bad, np.nan, ttft),
            tpot=np.where(bad, np.nan, tpot),
            itl=np.where(bad, np.nan, 2 * tpot),
            e2e=np.where(bad, 0.01, ttft + 31 * tpot),
            good=~bad,
            pool=np.where(new, "new", "old"),
            split=np.full(size, True),
            cause=np.where(bad, "status 503", ""),
        )


def done(plan: Plan, folder: Path, steps: Sequence[Step] | None = None) -> Recorded:
    """A rollout that goes through all steps."""
    recorded = Recorded(plan, folder)
    for step in steps or plan.steps:
        recorded.step(step)
    recorded.end("done")
    return recorded


def rolled_back(plan: Plan, folder: Path) -> Recorded:
    """A rollout whose second step shows that the new pool fails."""
    recorded = Recorded(plan, folder)
    recorded.step(plan.steps[0])
    recorded.errors = 0.2
    recorded.step(plan.steps[1], seconds=20)
    recorded.roll_back("error rate violated: 19.8% (14.4% to 25.9%), accepted up to 1.00%")
    return recorded


def refused(plan: Plan, folder: Path) -> Recorded:
    """A rollout that preflight refused."""
    recorded = Recorded(plan, folder)
    recorded.end("refused", "release pool-new: not installed")
    return recorded
