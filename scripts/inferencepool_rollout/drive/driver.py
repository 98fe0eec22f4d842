"""The rollout itself: preflight, move, wait until the gateway follows, look, decide; again for each step."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import FrameType

from rich.console import Console
from rich.live import Live as Display

from inferencepool_rollout.drive.decision import Action, Decision, decide
from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.drive.observed import Observed, joined
from inferencepool_rollout.drive.position import Next, Position, following, position
from inferencepool_rollout.drive.probe import probing
from inferencepool_rollout.drive.prometheus import Watch
from inferencepool_rollout.drive.run_log import RunLog
from inferencepool_rollout.drive.screen import screen
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.helm import PENDING, Helm, upgrade
from inferencepool_rollout.kube.live import Live
from inferencepool_rollout.plan import Plan, Step
from inferencepool_rollout.preflight import preflight, print_checks
from inferencepool_rollout.progress import say
from inferencepool_rollout.traffic.sequential import anytime_p

LOOK_SECONDS = 1.0
FOLLOW_SECONDS = 60.0
SETTLE_SECONDS = 0.5
FREE_SECONDS = 30.0
SPLIT_ALPHA = 0.001


@dataclass
class Driver:
    """One driver of one route. `stopped` is set by Ctrl-C."""

    plan: Plan
    helm: Helm
    live: Live
    lease: Lease
    log: RunLog
    console: Console
    stopped: threading.Event

    def run(self, again: bool = False) -> int:
        """Go on from where the cluster stands until the end, a hold or a rollback; return the exit code.

        `again` starts a rollout that was taken back once more. Raises Failure as its parts do.
        """
        at = self.where()
        if at.next is Next.FREE:
            at = self._free(at)
        if at.next is Next.STOPPED and not again:
            self.console.print("the last revision took weight back; repair the new pool, then `rollout run --again`")
            return ExitCode.ROLLED_BACK
        self.begin(at.percent)
        step = self.plan.steps[at.step] if at.step >= 0 else None
        if step and at.next is not Next.START:
            say(f"going on at {step.percent} %, which is judged anew")
            decision = self.look(step, moving=False)
        else:
            decision = Decision(Action.PROMOTE, "the rollout begins", ())
        while decision.action is Action.PROMOTE:
            at = self.where()
            following_step = following(self.plan, at)
            if following_step is None:
                self.log.write("end", outcome="done", why="")
                self.console.print(f"done: {self.plan.new} has {at.percent} % and keeps every objective")
                return ExitCode.DONE
            if not self.may_move(following_step, self.helm):
                return ExitCode.REFUSED
            decision = self.look(following_step, moving=True)
        if decision.action is Action.ROLL_BACK:
            self.console.print(f"rolling back: {decision.why}", markup=False)
            self.roll_back()
            self.log.write("end", outcome="rolled back", why=decision.why)
            return ExitCode.ROLLED_BACK
        self.log.write("end", outcome="held", why=decision.why)
        self.console.print(f"held at {self.where().percent} %: {decision.why}", markup=False)
        self.console.print(
            "go on with `rollout run` (or, past the check, `rollout promote`); back with `rollout rollback`"
        )
        return ExitCode.INTERRUPTED if self.stopped.is_set() else ExitCode.HELD

    def where(self) -> Position:
        """Tell where the rollout stands."""
        weights: dict[int, int] = {}

        def weight(revision: int) -> int:
            if revision not in weights:
                weights[revision] = self.helm.weight(self.plan.route.release, revision, self.plan.route.backend)
            return weights[revision]

        return position(self.plan, self.helm.history(self.plan.route.release), weight)

    def begin(self, percent: int) -> None:
        """Write into the log that a driver begins, at which percent and with which plan."""
        self.log.write("start", percent=percent, by=self.lease.me, plan=asdict(self.plan))

    def may_move(self, step: Step, helm: Helm | None) -> bool:
        """Run preflight before `step`; print it if something is wrong."""
        checks = preflight(self.plan, helm, self.live, step)
        ok = all(check.ok for check in checks)
        self.log.write("preflight", percent=step.percent, ok=ok, checks=[asdict(check) for check in checks])
        if not ok:
            print_checks(self.console, checks)
            self.log.write("end", outcome="refused", why="; ".join(str(check) for check in checks if not check.ok))
        return ok

    def move(self, percent: int) -> None:
        """Give the new pool `percent`; raises Failure if the Lease is lost or helm refuses."""
        self.lease.require()
        words = upgrade(self.plan, percent)
        self.log.write("move", percent=percent, command=self.helm.command(*words))
        say(" ".join(self.helm.command(*words)))
        self.helm.run(*words)

    def roll_back(self) -> None:
        """Give the old pool all requests again: by helm rollback, or if no such revision is left, by an upgrade."""
        at = self.where()
        release = self.plan.route.release
        words = ["rollback", release, str(at.start)]
        if at.start is None:
            words = [*upgrade(self.plan, 0), "--set", "guards.maxStep=100"]
        self.log.write("roll back", percent=0, command=self.helm.command(*words))
        say(" ".join(self.helm.command(*words)))
        self.helm.run(*words)

    def _free(self, at: Position) -> Position:
        """Wait for a helm that outlived its driver; what a dead one left pending is ended by a rollback."""
        release = self.plan.route.release
        until = time.monotonic() + FREE_SECONDS
        while self.helm.history(release)[-1].status in PENDING:
            if time.monotonic() > until:
                say(f"the release {release} is left pending; going back to revision {at.deployed}")
                self.lease.require()
                self.helm.run("rollback", release, str(at.deployed))
                break
            time.sleep(LOOK_SECONDS)
        return self.where()

    def look(self, step: Step, moving: bool) -> Decision:
        """Move to a step unless it is there already, then look at it until it is decided."""
        self.log.write("step", percent=step.percent, moving=moving)
        with probing(self.plan, self.live) as probe:
            since = time.time()
            if moving:
                time.sleep(SETTLE_SECONDS)
                self.move(step.percent)
                since = self._followed(step, time.time())
            everything = probe.fresh()
            self.log.answers(everything)
            generation = self._generation()
            watch = Watch(self.plan)
            probe.picks()
            started = time.monotonic()
            with Display(console=self.console, auto_refresh=False, transient=not self.console.is_terminal) as display:
                while True:
                    settled, fresh = probe.settled(), probe.fresh()
                    self.log.answers(fresh)
                    everything = joined(everything, fresh)
                    fair = everything.where(everything.started < settled)
                    elapsed = time.monotonic() - started
                    decision = self._decide(step, fair, watch, since, elapsed, generation)
                    picks = probe.picks()
                    if self.console.is_terminal:
                        display.update(
                            screen(self.plan, step, fair.since(since), decision, picks, elapsed), refresh=True
                        )
                    if decision.action is not Action.WAIT:
                        break
                    self.stopped.wait(LOOK_SECONDS)
        self.log.answers(probe.fresh())
        findings = [asdict(finding) for finding in decision.findings]
        self.log.write(
            "verdict", percent=step.percent, action=decision.action, why=decision.why, findings=findings, picks=picks
        )  # fmt: skip
        lost = everything.lost
        say(f"{step.percent} %: {decision.action} after {elapsed:.0f} s, {everything.requests} requests, {lost} lost")
        for finding in decision.findings:
            say(f"  {finding}")
        return decision

    def _decide(
        self, step: Step, fair: Observed, watch: Watch, since: float, elapsed: float, generation: int
    ) -> Decision:
        """Decide by all settled requests for errors and latency, by those since the gateway follows for the split."""
        split = self._wrong_split(step, fair.since(since))
        decision = decide(self.plan, step, fair, elapsed, split, watch.findings(time.time() - since))
        if decision.action is Action.ROLL_BACK:
            return decision
        if self.stopped.is_set():
            return Decision(Action.HOLD, "interrupted", decision.findings)
        if reason := self.lease.on_hold():
            return Decision(Action.HOLD, f"on hold: {reason}", decision.findings)
        if self._generation() != generation:
            return Decision(Action.HOLD, "somebody else changed the route", decision.findings)
        return decision

    def _wrong_split(self, step: Step, observed: Observed) -> str:
        answered = observed.answered()
        strays = {who: count for who, count in answered.items() if who not in ("old", "new")}
        if strays:
            return f"answers of pods of neither pool: {strays}"
        counts = [answered.get("old", 0), answered.get("new", 0)]
        if sum(counts) and anytime_p(counts, [100 - step.percent, step.percent]) <= SPLIT_ALPHA:
            return f"the gateway does not split as asked: old {counts[0]}, new {counts[1]}, asked {step.percent} % new"
        return ""

    def _followed(self, step: Step, moved: float) -> float:
        """Wait until every gateway has accepted the route as it is; return since when requests count (Unix time)."""
        until = time.monotonic() + FOLLOW_SECONDS
        while True:
            route = self.live.route(self.plan.route.release)
            if route and route.followed and route.percent(self.plan.new) == step.percent:
                break
            if time.monotonic() > until:
                why = "; ".join(route.complaints()) if route else "the route is gone"
                raise Failure(
                    f"the gateway does not follow after {FOLLOW_SECONDS:.0f} s ({why}); it stands at {step.percent} %"
                )
            time.sleep(LOOK_SECONDS / 5)
        time.sleep(SETTLE_SECONDS)
        self.log.write("followed", percent=step.percent, seconds=time.time() - moved)
        return time.time()

    def _generation(self) -> int:
        route = self.live.route(self.plan.route.release)
        return route.generation if route else 0


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Turn Ctrl-C and SIGTERM into an event while the block runs, so that no helm is cut off in the middle."""
    stopped = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()

    before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
    for number in map(int, (signal.SIGINT, signal.SIGTERM)):
        before[number] = signal.signal(number, stop)
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
