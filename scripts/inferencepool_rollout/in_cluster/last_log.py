"""The run log of the last rollout, wherever it was written."""

from __future__ import annotations

from typing import Any

from inferencepool_rollout.drive.run_log import default_folder, read_log
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.in_cluster.log_store import kept_log
from inferencepool_rollout.kube.client import ASKED_SECONDS, Client
from inferencepool_rollout.plan.plan import Plan


def last_log(plan: Plan, client: Client) -> list[dict[str, Any]]:
    """Return the events of the last rollout: of this machine's log, or of the one in the cluster if that is newer.

    Raises Failure where there is neither.
    """
    try:
        kept = kept_log(client.with_patience(0, ASKED_SECONDS), plan)
    except Failure:
        kept = []
    try:
        here = read_log(default_folder(plan))
    except Failure:
        if not kept:
            raise
        here = []
    return max(here, kept, key=lambda events: events[-1]["time"] if events else 0)
