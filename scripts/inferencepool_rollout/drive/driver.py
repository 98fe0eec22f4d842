"""The rollout itself: where it stands, preflight, move and observe, again for each step; and the way back."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from types import FrameType

from rich.console import Console

from inferencepool_rollout.drive.ladder import Ladder
from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.drive.movers import Mover
from inferencepool_rollout.drive.observation import Observation
from inferencepool_rollout.drive.permission import Permission, Permissions
from inferencepool_rollout.drive.position import Next, Position, following, pool_refs, position
from inferencepool_rollout.drive.run_log import RunLog, read_log
from inferencepool_rollout.drive.verify import Gateway
from inferencepool_rollout.drive.way_back import WayBack
from inferencepool_rollout.evidence.capacity import last_capacity
from inferencepool_rollout.evidence.decision import Action, Decision
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import ApiFault, Client
from inferencepool_rollout.kube.snapshot import live_route, read_route, read_snapshot
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.preflight import preflight
from inferencepool_rollout.preflight.check import print_checks
from inferencepool_rollout.preflight.facts import gather
from inferencepool_rollout.progress import say
from inferencepool_rollout.quality.gate import Gate
from inferencepool_rollout.scaling.scaler import Scaler

BACK_SECONDS = 600.0
AGAIN_SECONDS = 5.0
"""A way back that fails is tried again every AGAIN_SECONDS for BACK_SECONDS while an objective is violated."""
HOLD_ADVICE = "continue with `rollout run` (or, past the check, `rollout promote`), or go back with `rollout rollback`"


@dataclass
class Driver:
    """One driver of one route. `stopped` is set by Ctrl-C."""

    plan: Plan
    client: Client
    mover: Mover
    lease: Lease
    log: RunLog
    console: Console
    permissions: Permissions
    stopped: threading.Event = field(default_factory=threading.Event)
    scaler: Scaler | None = None
    """Scales both pools as the weight moves; None where the plan leaves their sizes alone."""

    def run(self, again: bool = False) -> int:
        """Go on from where the cluster stands until the end, a hold or a rollback; return the exit code.

        `again` starts a rollout that was taken back once more. Faults of the API server, helm, the network or metrics
        end as a hold with their reason; only a Lease that another driver holds is raised.
        """
        self.begin()
        try:
            return self._steps(again)
        except Failure as failure:
            if failure.code == ExitCode.BUSY:
                raise
            return self._hold(str(failure))

    def where(self) -> Position:
        """Tell where the rollout stands."""
        route = live_route(self.client, self.plan.route.namespace, self.plan.route.release)
        return position(self.plan, route, self.mover.record())

    def begin(self) -> None:
        """Write into the log that a driver begins: at which percent, in which cluster, with which plan and pools."""
        route, pools = self.plan.route, (self.plan.old, self.plan.new)
        snapshot = read_snapshot(self.client, route.namespace, route.release, pools)
        self.log.write(
            "start", percent=self._percent(), by=self.lease.me, plan=self.plan.recorded(),
            cluster=self.client.server, context=self.client.context,
            pools={name: pool.description() if pool else {} for name, pool in snapshot.pools.items()},
        )  # fmt: skip

    def promote(self) -> int:
        """Move to the next step past the present one's verdict; preflight still has its say. Return the exit code."""
        self.begin()
        step = following(self.plan, self.where())
        if step is None:
            raise Failure("the last step is reached; `rollout finish` deletes the old pool")
        self.log.write("approved", **asdict(self.permissions.approvals.make(step)))
        if why := self.permissions.gate(step):
            return self._hold(f"the gate did not say yes: {why}")
        self._scaled_for(step)
        if not self.may_move(step):
            return ExitCode.REFUSED
        if why := self.permissions.before(step):
            return self._hold(f"the hook `before` did not say yes: {why}")
        self.lease.require()
        command = list(self.mover.command(step.percent))
        self.log.write("move", percent=step.percent, command=command)
        say(" ".join(command))
        self.mover.move(step.percent)
        self._end("promoted by hand")
        return ExitCode.DONE

    def judge_answers(self, percent: float) -> Decision:
        """Judge what both pools answer to the plan's prompts, while the new pool has `percent`; no weight is moved."""
        if self.plan.quality is None:
            return Decision(Action.PROMOTE, "the plan has no prompts", ())
        judged = Gate(self.plan, self.plan.quality, self.stopped).run()
        decision = judged.decision
        findings = [asdict(finding) for finding in decision.findings]
        self.log.write(
            "quality", percent=percent, action=decision.action, why=decision.why, findings=findings, **judged.summary
        )
        return decision

    def may_move(self, step: Step) -> bool:
        """Run preflight before `step`; print it if something is wrong."""
        measured = last_capacity(read_log(self.log.file.parent), self.plan.new)
        checks = preflight(gather(self.plan, self.client, self.mover.helm, step, measured))
        ok = all(check.ok for check in checks)
        self.log.write("preflight", percent=step.percent, ok=ok, checks=[asdict(check) for check in checks])
        if not ok:
            print_checks(self.console, checks)
            self._end("refused", "; ".join(str(check) for check in checks if not check.ok))
        return ok

    def roll_back(self, why: str, others_end: Callable[[], None] = lambda: None) -> None:
        """Give the old pool all requests again, and prove it; raises Failure, with the log told so, if that fails.

        `others_end` waits for another driver that may still be moving weight.
        """
        began = time.time()
        self._make_room_to_go_back(others_end)
        way_back = WayBack(self.plan, self.client, self.mover, Gateway(self.plan, self.client))
        try:
            way_back.check()
            self.log.write("roll back", percent=0, command=list(self.mover.back_command()), why=why)
            verified = way_back.go(others_end)
        except Failure as failure:
            self._end("rollback failed", str(failure))
            raise
        self.log.write("rolled back", percent=0, seconds=time.time() - began, why=verified.why)
        say(f"{self.plan.old} has all requests: {verified.why}")
        self._restore()

    def _steps(self, again: bool) -> int:
        """The one loop: judge the step that is served, then move to the next, until nothing is left to do."""
        at = self._settled()
        if at.next is Next.STOPPED and not again:
            self._end("stopped", at.why)
            self.console.print(f"{at.why}; repair the new pool, then `rollout run --again`", markup=False)
            return ExitCode.ROLLED_BACK
        if at.next is Next.CHANGED:
            return self._hold(f"{at.why}. `rollout preflight` shows the difference; {self._accept(at)}")
        if not self.mover.applies and at.next is Next.WAIT:
            return self._hold(at.why)
        decision = Decision(Action.PROMOTE, "", ())
        if not at.percent and self.plan.steps[0].percent == 0:
            self._scaled_for(self.plan.steps[1])
            if not self.may_move(self.plan.steps[0]):
                return ExitCode.REFUSED
            decision = self._step_0(self.plan.steps[0])
        elif at.next is not Next.START and at.step >= 0:
            step = self.plan.steps[at.step]
            say(f"continuing at {step.percent} %; the step is judged again from its start")
            decision = self._judged(step, moving=False)
        while decision.action is Action.PROMOTE:
            target = following(self.plan, at)
            if target is None:
                if self.scaler:
                    self.scaler.settle()
                self._end("done")
                self.console.print(f"done: {self.plan.new} has {at.percent:g} % and keeps every objective")
                return ExitCode.DONE
            if not at.percent and (why := self.permissions.await_move(target, self.stopped)):
                return self._hold(why)
            self._scaled_for(target)
            if not self.may_move(target):
                return ExitCode.REFUSED
            if not at.percent:
                decision = self.judge_answers(0)
            if decision.action is Action.ROLL_BACK:
                return self._refused(decision.why)
            if decision.action is Action.HOLD:
                break
            if why := self.permissions.before(target):
                return self._hold(f"the hook `before` did not say yes: {why}")
            if not self.mover.applies:
                return self._asked(target)
            decision = self._judged(target, moving=True)
            at = Position(Next.JUDGE, target.percent, self.plan.steps.index(target))
        if decision.action is Action.ROLL_BACK:
            return self._back(decision.why)
        return self._hold(decision.why)

    def _scaled_for(self, step: Step) -> None:
        """Give both pools what they have at a step, before its weight moves."""
        if self.scaler:
            self.scaler.prepare(step.percent, self._percent() or 0)

    def _make_room_to_go_back(self, others_end: Callable[[], None]) -> None:
        """Move the weight back as the old pool gets its replicas again, but for the last move."""
        if not self.scaler or not (served := self._percent()):
            return
        percents = self.scaler.back_steps(served)
        if self.scaler.limits.need_old(0) > len(self.scaler.serving(self.plan.old)):
            others_end()
            each = self.scaler.start_seconds()
            steps = ", ".join(f"{percent} %" for percent in percents)
            say(f"going back by {steps}: {len(percents)} starts of model servers, about {len(percents) * each:.0f} s")
        for percent in percents:
            self.scaler.make_room_to_go_back(percent, served)
            if percent:
                command = list(self.mover.command(percent))
                self.log.write("move", percent=percent, command=command)
                say(" ".join(command))
                self.mover.move(percent)
                served = percent

    def _restore(self) -> None:
        """Give the old pool its full size again. It has everything already, so a fault here is said and no more."""
        try:
            if self.scaler:
                self.scaler.restore()
        except Failure as failure:
            say(f"{self.plan.old} has not got its full size again: {failure}; scale it by its release")

    def _judged(self, step: Step, *, moving: bool) -> Decision:
        """Observe a step until it is decided and the next may be moved to; where it is kept, judge its answers too."""
        after = next((each for each in self.plan.steps if each.percent > step.percent), None)
        decision = self._observation(self.permissions.to_move(after)).run(step, moving=moving)
        if decision.action is Action.PROMOTE:
            decision = self.judge_answers(step.percent)
        return self.permissions.after(step, decision)

    def _step_0(self, step: Step) -> Decision:
        """Try the new pool before any user meets it: it passes if it holds its share of the peak at the next step."""
        assert self.plan.capacity
        self.log.write("step", percent=0, moving=False)
        found = Ladder(self.plan, self.client, self.log, self.stopped).climb(step, self.plan.capacity.peak)
        following_step = self.plan.steps[1]
        need = following_step.percent / 100 * self.plan.capacity.peak
        enough = found.held >= need
        why = f"{found}" if enough else f"{found}; needed at {following_step.percent} % are {need:.3g}"
        findings = found.rungs[-1].findings
        decision = Decision(Action.PROMOTE if enough else Action.HOLD, why, tuple(findings))
        self.log.write(
            "verdict", percent=0, action=decision.action, why=why, findings=[asdict(each) for each in findings]
        )
        say(f"0 %: {decision.action}, {why}")
        return decision

    def _settled(self) -> Position:
        """Where the rollout stands once nothing is pending: what a killed helm left half done is ended first."""
        at = self.where()
        if at.next is Next.WAIT and self.mover.applies:
            self.lease.require()
            self.mover.free()
            at = self.where()
        return at

    def _back(self, why: str) -> int:
        """Take the weight back because an objective is violated; what fails is tried again, for it is an emergency."""
        self.console.print(f"rolling back: {why}", markup=False)
        if not self.mover.applies:
            command = list(self.mover.command(0))
            self.log.write("roll back", percent=0, command=command, why=why)
            self.mover.move(0)
            self._end("rolled back", why)
            self.console.print(f"wrote {command[0]}; commit it: {why}", markup=False)
            return ExitCode.ROLLED_BACK
        until = time.monotonic() + BACK_SECONDS
        while True:
            try:
                self.roll_back(why)
                break
            except Failure as failure:
                if failure.code == ExitCode.REFUSED or time.monotonic() > until:
                    raise Failure(f"the weight could not be taken back ({why}): {failure}") from None
                say(f"{failure}; trying again for up to {BACK_SECONDS:.0f} s")
                time.sleep(AGAIN_SECONDS)
        self._end("rolled back", why)
        return ExitCode.ROLLED_BACK

    def _asked(self, target: Step) -> int:
        """Ask a GitOps tool for the next weight."""
        command = list(self.mover.command(target.percent))
        self.mover.move(target.percent)
        self.log.write("asked", percent=target.percent, command=command)
        self.console.print(
            f"wrote {command[0]}; commit it, and run this command again once it is applied", markup=False
        )
        return ExitCode.DONE

    def _refused(self, why: str) -> int:
        self._end("refused", why)
        self.console.print(f"refused, nothing was moved: {why}", markup=False)
        return ExitCode.REFUSED

    def _hold(self, why: str) -> int:
        self._end("held", why)
        self.console.print(f"held at {self._percent_text()}: {why}", markup=False)
        self.console.print(self._advice())
        return ExitCode.INTERRUPTED if self.stopped.is_set() else ExitCode.HELD

    def _advice(self) -> str:
        """The commands that work now: after a hold by hand only `--resume` goes on."""
        try:
            on_hold = self.lease.on_hold()
        except Failure:
            on_hold = ""
        return HOLD_ADVICE.replace("`rollout run`", "`rollout run --resume`") if on_hold else HOLD_ADVICE

    def _accept(self, at: Position) -> str:
        return (
            f"to keep the live weight: {' '.join(self.mover.command(round(at.percent)))}; "
            "to give everything to the old pool: `rollout rollback`"
        )

    def _end(self, outcome: str, why: str = "") -> None:
        self.log.write("end", outcome=outcome, why=why, percent=self._percent())

    def _percent(self) -> float | None:
        """The new pool's live percent, None where the cluster does not say."""
        try:
            found = read_route(self.client, self.plan.route.namespace, self.plan.route.release)
        except ApiFault:
            return None
        return found.percent(pool_refs(self.plan, found)[1]) if found else None

    def _percent_text(self) -> str:
        percent = self._percent()
        return "an unknown weight (the API server does not answer)" if percent is None else f"{percent:g} %"

    def _observation(self, permission: Permission | None) -> Observation:
        return Observation(
            self.plan, self.client, self.mover, self.lease, self.log, self.console, self.stopped, permission
        )


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
