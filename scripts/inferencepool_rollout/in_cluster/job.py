"""Starting a rollout's Job, and following it from any machine until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from inferencepool_rollout.drive.event_text import text_of
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.in_cluster.bundle import bundle
from inferencepool_rollout.in_cluster.log_store import kept_log
from inferencepool_rollout.in_cluster.manifests import manifests, name_of
from inferencepool_rollout.kube.apis import JOBS, PODS
from inferencepool_rollout.kube.client import ApiFault, Client, Manifest
from inferencepool_rollout.kube.snapshot import live_route
from inferencepool_rollout.plan.plan import Plan

FIELD_MANAGER = "inferencepool-rollout"
POLL_SECONDS = 3.0
GONE_SECONDS = 180.0
"""For how long a Job of an earlier rollout may take to be gone."""
JOB_LABEL = "job-name"
SILENT = ("answers", "looked", "preflight", "step", "rung")
"""Events that are not shown while one follows."""


@dataclass
class Job:
    """The Job of a plan's rollout; there may be none."""

    plan: Plan
    client: Client
    say: Callable[[str], None]
    poll: float = POLL_SECONDS
    _shown: int = field(default=0, init=False)
    _state: str = field(default="", init=False)

    @property
    def name(self) -> str:
        """Its name."""
        return name_of(self.plan)

    def active(self) -> bool:
        """Tell whether there is one that has not ended."""
        found = self._read()
        return found is not None and not _ended(found)

    def exists(self) -> bool:
        """Tell whether there is one, ended or not."""
        return self._read() is not None

    def start(self, file: str, image: str, words: Sequence[str]) -> None:
        """Make it, in the place of one that has ended; `file` is the plan's name, `words` are arguments of `run`.

        Raises Failure where one is at work already, or where the cluster refuses an object.
        """
        namespace = self.plan.route.namespace
        if self.active():
            raise Failure(
                f"Job {self.name} is at work already; follow it: rollout run --in-cluster -f {file} --follow",
                ExitCode.BUSY,
            )
        route = live_route(self.client, namespace, self.plan.route.release)
        made = manifests(self.plan, route, bundle(self.plan, file), file, image, words)
        self.client.delete(JOBS, namespace, self.name)
        until = time.monotonic() + GONE_SECONDS
        while self.exists():
            if time.monotonic() > until:
                raise Failure(
                    f"the old Job {self.name} is not gone after {GONE_SECONDS:.0f} s; see kubectl describe job"
                )
            time.sleep(self.poll / 3)
        self._shown = len(kept_log(self.client, self.plan))
        for each in made:
            self.client.apply(each, FIELD_MANAGER)

    def follow(self) -> int:
        """Show what happens until it has ended; return the driver's exit code. Raises Failure if there is none."""
        faults = 0
        while True:
            try:
                job = self._read()
                if job is None:
                    on = f"{self.plan.route.namespace}/{self.name}"
                    raise Failure(f"there is no Job {on}; start it with `rollout run --in-cluster`")
                pods = self._pods()
                self._show_state(pods)
                ended = _ended(job)
                self._show_log()
                faults = 0
            except ApiFault as fault:
                faults += 1
                if faults == 1:
                    self.say(f"{fault}; the rollout goes on meanwhile")
                ended = None
            if ended:
                return _code(ended, pods)
            time.sleep(self.poll)

    def _read(self) -> Manifest | None:
        return self.client.get(JOBS, self.plan.route.namespace, self.name)

    def _pods(self) -> list[Manifest]:
        """Its pods, the oldest first."""
        pods = self.client.list(PODS, self.plan.route.namespace)
        mine = [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(JOB_LABEL) == self.name]
        return sorted(mine, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def _show_state(self, pods: Sequence[Manifest]) -> None:
        """Show in what state the newest pod is, where that is another than before."""
        state = _pod_state(pods[-1]) if pods else "no pod yet"
        if state != self._state:
            self.say(state)
        self._state = state

    def _show_log(self) -> None:
        events = kept_log(self.client, self.plan)
        if len(events) < self._shown:  # a rollout has begun anew, and so has its log
            self._shown = 0
        for event in events[self._shown :]:
            if event["event"] not in SILENT:
                self.say(f"{time.strftime('%H:%M:%S', time.localtime(event['time']))}  {text_of(event)}")
        self._shown = len(events)


def _ended(job: Manifest) -> dict[str, Any] | None:
    """The condition by which a Job has ended, None before."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return next(
        (each for each in conditions if each["type"] in ("Complete", "Failed") and each["status"] == "True"), None
    )


def _code(ended: Manifest, pods: Sequence[Manifest]) -> int:
    """The exit code of the driver that ended last."""
    if ended["type"] == "Complete":
        return ExitCode.DONE
    for pod in reversed(pods):
        for status in (pod.get("status") or {}).get("containerStatuses") or []:
            if (done := (status.get("state") or {}).get("terminated")) and done.get("exitCode"):
                return int(done["exitCode"])
    return ExitCode.FAILED


def _pod_state(pod: Manifest) -> str:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for each in status.get("containerStatuses") or []:
        state = each.get("state") or {}
        if waiting := state.get("waiting"):
            return f"pod {name}: {waiting.get('reason', 'waiting')} {waiting.get('message', '')}".strip()
        if done := state.get("terminated"):
            lines = str(done.get("message") or "").strip().splitlines()
            return f"pod {name} exited with {done.get('exitCode')}" + (f": {lines[-1]}" if lines else "")
    unscheduled = [c for c in status.get("conditions") or [] if c["type"] == "PodScheduled" and c["status"] != "True"]
    why = f": {unscheduled[0].get('message', '')}" if unscheduled else ""
    return f"pod {name} is {status.get('phase', 'Pending')}{why}"
