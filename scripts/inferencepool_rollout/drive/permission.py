"""What has to say yes beside the verdict before weight is moved to a step: a person, a gate, the hook before it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from inferencepool_rollout.drive.approval import Approvals
from inferencepool_rollout.drive.run_log import RunLog
from inferencepool_rollout.evidence.decision import Action, Decision
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.hooks.call import call
from inferencepool_rollout.hooks.cloud_event import letter
from inferencepool_rollout.notify.message import Messages
from inferencepool_rollout.plan.hooks import Hook
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.progress import say

AGAIN_SECONDS = 10.0
"""A gate that says no is asked again after so long."""
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Permissions:
    """Asks for a rollout's permissions; `key` signs what hooks are sent."""

    plan: Plan
    approvals: Approvals
    log: RunLog
    messages: Messages
    key: str = field(repr=False)
    again: float = AGAIN_SECONDS
    poll: float = POLL_SECONDS

    def to_move(self, step: Step | None) -> Permission | None:
        """Return the permission to move to a step; None where nobody has to be asked, or nothing is left to move."""
        needed = step and (step.approve or self.plan.hooks.gate)
        return Permission(self, step) if step and needed else None

    def before(self, step: Step) -> str:
        """Call the hook that prepares a step; return why it did not say yes, empty if it did or there is none."""
        return self._once("before", self.plan.hooks.before, step)

    def gate(self, step: Step) -> str:
        """Ask the gate once; return why it did not say yes, empty if it did or there is none."""
        return self._once("gate", self.plan.hooks.gate, step)

    def after(self, step: Step, decision: Decision) -> Decision:
        """Call the hook of a step that passes; anything but a yes holds it."""
        if decision.action is not Action.PROMOTE:
            return decision
        why = self._once("after", self.plan.hooks.after, step)
        return Decision(Action.HOLD, f"the hook `after` did not say yes: {why}", decision.findings) if why else decision

    def await_move(self, step: Step, stopped: threading.Event) -> str:
        """Wait until a step may be moved to, where no requests are to be observed meanwhile.

        Returns why it may not: a gate's no that lasted, a hold, an interruption; empty if it may.
        """
        permission = self.to_move(step)
        if permission is None:
            return ""
        while True:
            decision = permission.over(Decision(Action.PROMOTE, "", ()))
            if decision.action is Action.PROMOTE:
                return ""
            if decision.action is Action.HOLD:
                return decision.why
            if stopped.wait(self.poll):
                return "interrupted"
            self.approvals.lease.require()
            if hold := self.approvals.lease.on_hold():
                return f"on hold: {hold}"

    def send(self, name: str, hook: Hook, step: Step) -> str:
        """Call a hook; return why it is no yes, empty if it is one. Any thread may."""
        return call(hook, letter(self.messages.asking(name, step.percent), self.key))

    def record(self, name: str, step: Step, why: str) -> None:
        """Write a hook's answer into the log."""
        self.log.write("hook", percent=step.percent, hook=name, answer="no" if why else "yes", why=why)

    def _once(self, name: str, hook: Hook | None, step: Step) -> str:
        if hook is None:
            return ""
        why = self.send(name, hook, step)
        self.record(name, step, why)
        return why


class Permission:
    """The permission to move to one step. It is asked for without ever making the caller wait."""

    def __init__(self, of: Permissions, step: Step) -> None:
        self._of, self._step = of, step
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="gate")
        self._answer: Future[str] | None = None
        self._asked = self._since = 0.0
        self._refusal = self._told = ""
        self._approved = self._given = False

    def over(self, decision: Decision) -> Decision:
        """Return a decision to promote as it is once the step may be moved to; until then one that waits or holds."""
        if decision.action is not Action.PROMOTE or self._given:
            return decision
        missing = self._approval_missing() or self._gate_missing()
        if not missing:
            self._given = True
            return decision
        if missing.action is Action.WAIT and missing.why != self._told and not self._just_asked():
            self._told = missing.why
            self._of.log.write("waiting", percent=self._step.percent, why=missing.why)
            say(missing.why)
        return Decision(missing.action, missing.why, decision.findings)

    def _just_asked(self) -> bool:
        """Whether the gate has been asked for the first time a moment ago, which nobody has to be told of."""
        return bool(self._answer) and not self._refusal and time.monotonic() - self._asked < self._of.again

    def _approval_missing(self) -> Decision | None:
        if not self._step.approve or self._approved:
            return None
        command = f"rollout promote -f {self._of.messages.subject.plan}"
        try:
            found = self._of.approvals.of(self._step)
        except Failure as failure:
            return Decision(Action.WAIT, f"whether {self._step.percent} % is approved is not known: {failure}", ())
        if found is None:
            return Decision(Action.WAIT, f"{self._step.percent} % waits for an approval: {command}", ())
        self._of.log.write("approved", **asdict(found))
        self._approved = True
        return None

    def _gate_missing(self) -> Decision | None:
        gate = self._of.plan.hooks.gate
        if gate is None:
            return None
        now = time.monotonic()
        if self._answer is None and (not self._asked or now - self._asked >= self._of.again):
            self._since, self._asked = self._since or now, now
            self._answer = self._asking.submit(self._of.send, "gate", gate, self._step)
        if self._answer and self._answer.done():
            self._refusal, self._answer = self._answer.result(), None
            self._of.record("gate", self._step, self._refusal)
            if not self._refusal:
                return None
            if now - self._since >= gate.wait:
                return Decision(Action.HOLD, f"the gate did not say yes: {self._refusal}", ())
        return Decision(Action.WAIT, f"{self._step.percent} % waits for the gate: {self._refusal or gate.target}", ())
