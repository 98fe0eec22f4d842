"""The driver's metrics, fed by the events of its run log and served for Prometheus."""

from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from inferencepool_rollout.drive.run_log import Event, answers_of
from inferencepool_rollout.evidence.decision import Finding, State
from inferencepool_rollout.evidence.observed import NOBODY
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.progress import say

ASKED = ("start", "step", "move", "roll back")
SERVED = ("start", "followed", "rolled back", "end")
"""Events whose percent was asked for, and those whose percent is what the live route has."""
ROLLOUT = ("namespace", "route")
BOUNDS = ("value", "low", "high", "accept", "detect")


class Exporter:
    """A listener of a run log that keeps the metrics of one rollout."""

    def __init__(self, plan: Plan) -> None:
        self.registry = CollectorRegistry()
        self._plan = plan
        self._of = {"namespace": plan.route.namespace, "route": plan.route.release}
        self._asked = self._gauge("rollout_weight_asked_percent", "Percent that was asked for the new pool.")
        self._served = self._gauge("rollout_weight_served_percent", "Percent that the live route gives the new pool.")
        self._seen = self._gauge(
            "rollout_share_seen_percent", "Percent of the probe's split answers that came from the new pool, this step."
        )
        self._waiting = self._gauge("rollout_waiting", "1 while an approval or a gate is waited for.")
        self._requests = self._counter(
            "rollout_requests", "Requests of the probe by pool (empty: unknown) and result.", "pool", "result"
        )
        self._objective = self._gauge(
            "rollout_objective", "The value of an objective, its interval and its bounds.", "objective", "bound"
        )
        self._state = self._gauge(
            "rollout_objective_state", "1 for the state that an objective is in.", "objective", "state"
        )
        self._events = self._counter("rollout_events", "Events of the rollout.", "event", "result")
        self._lost = self._counter("rollout_messages_lost", "Messages that did not reach a recipient.", "recipient")
        self._new = self._split = 0

    def serve(self, address: str) -> None:
        """Serve the metrics at HOST:PORT; raises Failure for another text. A port that is taken is only reported."""
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise Failure(f"--metrics {address!r} is not HOST:PORT, as in 127.0.0.1:9464", ExitCode.USAGE)
        try:
            start_http_server(int(port), host.strip("[]"), self.registry)
        except OSError as error:
            say(f"no metrics at {address}: {error.strerror or error}")

    def lost(self, recipient: str) -> None:
        """Count a message that did not reach its recipient."""
        self._lost.labels(**self._of, recipient=recipient).inc()

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        name, percent = event["event"], event.get("percent")
        if name in ASKED and percent is not None:
            self._asked.labels(**self._of).set(percent)
        if name in SERVED and percent is not None:
            self._served.labels(**self._of).set(percent)
        if name == "answers":
            self._answers(event)
        elif name == "looked":  # was told as "evidence" already
            return
        elif name == "evidence":
            self._waiting.labels(**self._of).set(bool(event["why"]) and event["action"] == "wait")
            self._evidence(event)
        else:
            if name in SERVED:
                self._new = self._split = 0
            self._waiting.labels(**self._of).set(name == "waiting")
            result = event.get("action") or event.get("outcome") or event.get("answer") or ""
            self._events.labels(**self._of, event=name, result=result).inc()

    def _answers(self, event: Event) -> None:
        seen = answers_of(event)
        for pool in set(seen.pool.tolist()):
            here = seen.pool == pool
            name = {"old": self._plan.old, "new": self._plan.new, NOBODY: ""}.get(pool, "another")
            for result, count in (("good", (here & seen.good).sum()), ("lost", (here & ~seen.good).sum())):
                self._requests.labels(**self._of, pool=name, result=result).inc(int(count))
        known = seen.split & (seen.pool != NOBODY)
        self._new += int((known & (seen.pool == "new")).sum())
        self._split += int(known.sum())
        self._seen.labels(**self._of).set(100 * self._new / self._split if self._split else math.nan)

    def _evidence(self, event: Event) -> None:
        for finding in map(Finding.read, event["findings"]):
            for bound in BOUNDS:
                self._objective.labels(**self._of, objective=finding.name, bound=bound).set(getattr(finding, bound))
            for state in State:
                self._state.labels(**self._of, objective=finding.name, state=state).set(finding.state is state)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(name, what, (*ROLLOUT, *labels), registry=self.registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, (*ROLLOUT, *labels), registry=self.registry)
