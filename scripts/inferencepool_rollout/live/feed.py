"""The events of the rollout that the page shows, as they come."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from inferencepool_rollout.drive.run_log import Event, read_log
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.in_cluster.log_store import kept_log
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.plan.plan import Plan

CLUSTER_SECONDS = 5.0
"""How often a log that is kept in the cluster is read."""


@dataclass
class Feed:
    """Reads a folder of run logs on this machine and, unless the user named the folder, the log in the cluster."""

    plan: Plan
    client: Client
    folder: Path
    is_told: bool = False
    _here: Sequence[Event] = field(default=(), init=False)
    _kept: Sequence[Event] = field(default=(), init=False)
    _files: object = field(default=None, init=False)
    _asked: float = field(default=float("-inf"), init=False)

    def events(self) -> Sequence[Event]:
        """Return the events of the last rollout, none before the first."""
        files = [(file.name, file.stat().st_size) for file in sorted(self.folder.glob("*.jsonl"))]
        if files != self._files:
            self._files = files
            try:
                self._here = read_log(self.folder)
            except Failure:
                self._here = ()
        if not self.is_told and time.monotonic() - self._asked > CLUSTER_SECONDS:
            self._asked = time.monotonic()
            with suppress(Failure):  # the status says that the cluster does not answer
                self._kept = kept_log(self.client, self.plan)
        return max(self._here, self._kept, key=lambda events: events[-1]["time"] if events else 0)
