"""helm, as the driver uses it: history, values, and the commands that move weight."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan import Plan
from inferencepool_rollout.process import run

TIMEOUT_SECONDS = 300
CHART_MAX_STEP = 50
PENDING = ("pending-install", "pending-upgrade", "pending-rollback")


@dataclass(frozen=True)
class Revision:
    """One entry of a release's history; `updated` is helm's own text."""

    number: int
    status: str
    description: str
    updated: str

    @property
    def is_rollback(self) -> bool:
        """Whether `helm rollback` made it."""
        return self.description.startswith("Rollback to ")


class Helm:
    """helm in one namespace: $HELM, else the one on PATH."""

    def __init__(self, namespace: str, context: str = "") -> None:
        self.namespace = namespace
        self._flags = ["--namespace", namespace, *(["--kube-context", context] if context else [])]
        self._program: Path | None = None

    def command(self, *words: str) -> list[str]:
        """Return a command as a person would type it."""
        return ["helm", *words, *self._flags]

    def run(self, *words: str) -> str:
        """Run helm to its end; raises Failure with its cause. The terminal's Ctrl-C does not reach it."""
        if self._program is None:
            found = os.environ.get("HELM") or shutil.which("helm")
            if not found:
                raise Failure("helm is not on PATH; install Helm 3 or 4")
            self._program = Path(found)
        return run([self._program, *words, *self._flags], timeout=TIMEOUT_SECONDS, new_session=True)

    def history(self, release: str) -> list[Revision]:
        """Return the revisions of a release, oldest first; none if there is no such release."""
        try:
            rows = json.loads(self.run("history", release, "--output", "json", "--max", "256"))
        except Failure as failure:
            if "not found" in str(failure):
                return []
            raise
        return [
            Revision(int(row["revision"]), str(row["status"]), str(row["description"]), str(row["updated"]))
            for row in rows
        ]

    def values(self, release: str, revision: int) -> dict[str, Any]:
        """Return all values of a revision."""
        text = self.run("get", "values", release, "--revision", str(revision), "--all", "--output", "json")
        values: dict[str, Any] = json.loads(text)
        return values

    def weight(self, release: str, revision: int, backend: str) -> int:
        """Return the percent that a revision asks for the backend."""
        return int(self.values(release, revision).get("weights", {}).get(backend) or 0)

    def route(self, release: str) -> dict[str, Any]:
        """Return the HTTPRoute in the manifest of the last revision."""
        manifests = yaml.safe_load_all(self.run("get", "manifest", release))
        found = [each for each in manifests if each and each.get("kind") == "HTTPRoute"]
        if len(found) != 1:
            raise Failure(f"the release {release} has {len(found)} HTTPRoutes; it is none of charts/rollout-route")
        route: dict[str, Any] = found[0]
        return route


def upgrade(plan: Plan, percent: int) -> Sequence[str]:
    """Return the words of the helm command that gives the new pool `percent`."""
    route, limit = plan.route, []
    if plan.max_step != CHART_MAX_STEP:
        limit = ["--set", f"guards.maxStep={plan.max_step}"]
    weight = f"weights.{route.backend}={percent}"
    return ("upgrade", route.release, route.chart, "--reset-then-reuse-values", "--set", weight, *limit)
