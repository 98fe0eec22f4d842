"""Observing one step: move to it unless it has the weight, wait until the gateway follows, and decide."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.live import Live as Display

from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.drive.movers import Mover
from inferencepool_rollout.drive.permission import Permission
from inferencepool_rollout.drive.position import pool_refs
from inferencepool_rollout.drive.run_log import RunLog
from inferencepool_rollout.drive.screen import screen
from inferencepool_rollout.drive.verify import Gateway
from inferencepool_rollout.evidence.decision import Action, Decision, decide
from inferencepool_rollout.evidence.observed import Observed, Unsettled, joined
from inferencepool_rollout.evidence.probe import Probe, probing, streams
from inferencepool_rollout.evidence.prometheus import Watch
from inferencepool_rollout.evidence.trust import distrust
from inferencepool_rollout.evidence.users import Users
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import ASKED_SECONDS, ApiFault, Client
from inferencepool_rollout.kube.snapshot import read_route
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.progress import say

OBSERVE_SECONDS = 1.0
OBSERVATIONS = 3600
"""A step that waits for hours is observed less often, as each observation goes through all of its requests."""
LOGGED_SECONDS, LOGGED = 10.0, 60
"""The evidence is written into the log every LOGGED_SECONDS, in a long step once in a 1/LOGGED of the elapsed time."""
SETTLE_SECONDS = 0.5
AWAY_SECONDS = 60.0
"""For how long the API server may be away before the step is held; the probe goes on, and what it shows is judged."""


@dataclass
class Observation:
    """One step under observation."""

    plan: Plan
    client: Client
    mover: Mover
    lease: Lease
    log: RunLog
    console: Console
    stopped: threading.Event
    permission: Permission | None = None
    """To move to the step after this one. Until it is given this one is observed, beyond its `longest` too."""

    def run(self, step: Step, *, moving: bool) -> Decision:
        """Move to a step unless it has the weight already, then observe it until it is decided.

        Raises Failure if the move is refused or the gateway does not follow.
        """
        self.log.write("step", percent=step.percent, moving=moving)
        with probing(self.plan, self.client, streams(self.plan, step.percent)) as probe:
            since = time.time()
            if moving:
                time.sleep(SETTLE_SECONDS)
                self._move(step)
                since = self._followed(step, time.time())
            users = Users(self.plan, self.client.with_patience(0, ASKED_SECONDS))
            decision, everything, elapsed = self._observe(step, probe, users, since)
        self.log.answers(probe.fresh())
        findings = [asdict(finding) for finding in decision.findings]
        self.log.write(
            "verdict", percent=step.percent, action=decision.action, why=decision.why, findings=findings,
            **_counted(probe, users),
        )  # fmt: skip
        lost = everything.lost
        say(f"{step.percent} %: {decision.action} after {elapsed:.0f} s, {everything.requests} requests, {lost} lost")
        for finding in decision.findings:
            say(f"  {finding}")
        for side, why in probe.picks.why_unknown.items():
            if why:
                say(f"  picks of the {side} pool are not known: {why}")
        for side, seen in users.seen().items():
            if seen.unread:
                say(f"  not all metrics of the {side} pool were read: {seen.unread}")
        return decision

    def _move(self, step: Step) -> None:
        self.lease.require()
        command = list(self.mover.command(step.percent))
        self.log.write("move", percent=step.percent, command=command)
        say(" ".join(command))
        self.mover.move(step.percent)

    def _followed(self, step: Step, moved: float) -> float:
        """Wait until every gateway has accepted the route as it is; return since when requests count (Unix time)."""
        plan = self.plan
        gateway = Gateway(plan, self.client)
        route = gateway.await_followed(lambda live: live.percent(pool_refs(plan, live)[1]) == step.percent)
        gateway.verify_cohort(route)
        time.sleep(SETTLE_SECONDS)
        self.log.write("followed", percent=step.percent, seconds=time.time() - moved)
        return time.time()

    def _observe(self, step: Step, probe: Probe, users: Users, since: float) -> tuple[Decision, Observed, float]:
        everything = probe.fresh()
        self.log.answers(everything)
        cluster = _Cluster(self.client, self.plan, self.lease)
        watch = Watch(self.plan)
        judged, started, logged = step, time.monotonic(), 0.0
        with Display(console=self.console, auto_refresh=False, transient=not self.console.is_terminal) as display:
            while True:
                in_flight, now, settled, fresh = probe.in_flight(), time.time(), probe.settled(), probe.fresh()
                self.log.answers(fresh)
                everything = joined(everything, fresh)
                is_fair = everything.started < settled
                fair, unsettled = everything.where(is_fair), Unsettled(everything.where(~is_fair), in_flight, now)
                elapsed = time.monotonic() - started
                wrong = distrust(step, fair.since(since))
                others = (*watch.findings(time.time() - since), *users.findings(probe.pools, time.time()))
                decision = decide(self.plan, judged, fair, elapsed, wrong, others, unsettled)
                if decision.action is Action.PROMOTE and (behind := probe.behind()):
                    late = elapsed >= judged.longest
                    decision = Decision(Action.HOLD if late else Action.WAIT, behind, decision.findings)
                if decision.action is Action.PROMOTE and self.permission:
                    judged = step.model_copy(update={"longest": math.inf})
                    decision = self.permission.over(decision)
                if decision.action is not Action.ROLL_BACK and (reason := self._held(cluster)):
                    decision = Decision(Action.HOLD, reason, decision.findings)
                if self.console.is_terminal:
                    shown = screen(
                        self.plan, step, fair.since(since), decision, probe.picks.counts, elapsed, users.seen()
                    )
                    display.update(shown, refresh=True)
                evidence = {
                    "percent": step.percent, "action": decision.action, "why": decision.why,
                    "findings": [asdict(finding) for finding in decision.findings],
                }  # fmt: skip
                self.log.tell("evidence", **evidence)
                if elapsed - logged > max(LOGGED_SECONDS, elapsed / LOGGED):
                    logged = elapsed
                    self.log.write("looked", **evidence, **_counted(probe, users))
                if decision.action is not Action.WAIT:
                    return decision, everything, elapsed
                self.stopped.wait(max(OBSERVE_SECONDS, elapsed / OBSERVATIONS))

    def _held(self, cluster: _Cluster) -> str:
        """Why the step is held whatever the evidence says; empty if it is not."""
        return "interrupted" if self.stopped.is_set() else cluster.reason()


def _counted(probe: Probe, users: Users) -> dict[str, Any]:
    """What the pools count themselves: picks, and everybody's requests."""
    return {"picks": probe.picks.counts, "users": {side: seen.document() for side, seen in users.seen().items()}}


class _Cluster:
    """What the cluster says against going on: a hold, a change by somebody else, or no answer for AWAY_SECONDS."""

    def __init__(self, client: Client, plan: Plan, lease: Lease) -> None:
        self._client, self._plan, self._lease = client.with_patience(0, ASKED_SECONDS), plan, lease
        self._generation: int | None = None
        self._answered = time.monotonic()

    def reason(self) -> str:
        try:
            self._lease.require()
            if hold := self._lease.on_hold():
                return f"on hold: {hold}"
            route = read_route(self._client, self._plan.route.namespace, self._plan.route.release)
        except ApiFault as fault:
            away = time.monotonic() - self._answered
            if away < OBSERVE_SECONDS * 2:
                say(f"{fault}; the step is held if this lasts {AWAY_SECONDS:.0f} s")
            return f"{fault}, for {away:.0f} s" if away > AWAY_SECONDS or not fault.passes else ""
        except Failure as failure:
            return str(failure)
        self._answered = time.monotonic()
        generation = route.generation if route else 0
        if self._generation is None:
            self._generation = generation
        return "" if generation == self._generation else "somebody else changed the route"
