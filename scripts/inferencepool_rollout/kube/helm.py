"""helm, as the tool uses it: history, values, manifests, and the flags by which each major version forces a write."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.process import run

TIMEOUT_SECONDS = 300
PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
SERVED = ("deployed", "superseded")
"""Statuses of revisions that were written into the cluster whole."""
OVERWRITE = {3: ("--force",), 4: ("--server-side=true", "--force-conflicts")}
"""Flags by which a major version of helm overwrites fields that somebody else has changed."""


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

    def command(self, *words: str) -> list[str]:
        """Return a command as a person would type it."""
        return ["helm", *words, *self._flags]

    def run(self, *words: str, timeout: float = TIMEOUT_SECONDS) -> str:
        """Run helm to its end; raises Failure with its cause. The terminal's Ctrl-C does not reach it."""
        return run([program(), *words, *self._flags], timeout=timeout, new_session=True, whole_cause=True)

    def major(self) -> int:
        """Return the major version of helm, 3 or 4."""
        text = self.run("version", "--short")
        found = re.match(r"v(\d+)\.", text)
        if not found or int(found[1]) not in OVERWRITE:
            raise Failure(f"{program()} is not Helm 3 or 4: `version --short` printed {text[:80].strip()!r}")
        return int(found[1])

    def overwrite(self) -> tuple[str, ...]:
        """Return the flags by which this helm overwrites fields that somebody else has changed."""
        return OVERWRITE[self.major()]

    def history(self, release: str) -> list[Revision]:
        """Return the revisions of a release, oldest first; none if there is no such release."""
        try:
            rows = self._json("history", release, "--output", "json", "--max", "256")
        except Failure as failure:
            if "not found" in str(failure):
                return []
            raise
        try:
            return [
                Revision(int(row["revision"]), str(row["status"]), str(row["description"]), str(row["updated"]))
                for row in rows
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise Failure(f"{program()} history printed rows that are not Helm's ({error!r})") from None

    def values(self, release: str, revision: int) -> dict[str, Any]:
        """Return all values of a revision."""
        values = self._json("get", "values", release, "--revision", str(revision), "--all", "--output", "json")
        return dict(values) if isinstance(values, dict) else {}

    def weight(self, release: str, revision: int, backend: str) -> int:
        """Return the percent that a revision asks for the backend."""
        return int((self.values(release, revision).get("weights") or {}).get(backend) or 0)

    def route(self, release: str, revision: int = 0) -> Route:
        """Return the HTTPRoute in the manifest of a revision, of the last one if none is named."""
        at = ["--revision", str(revision)] if revision else []
        try:
            manifests = list(yaml.safe_load_all(self.run("get", "manifest", release, *at)))
        except yaml.YAMLError as error:
            raise Failure(f"the manifest of release {release} is not YAML: {str(error).splitlines()[0]}") from None
        found = [each for each in manifests if isinstance(each, dict) and each.get("kind") == "HTTPRoute"]
        if len(found) != 1:
            raise Failure(
                f"release {release} renders {len(found)} HTTPRoutes instead of 1; check route.release: "
                "it must be installed from charts/rollout-route"
            )
        return Route(found[0])

    def _json(self, *words: str) -> Any:
        text = self.run(*words)
        try:
            return json.loads(text)
        except ValueError:
            raise Failure(
                f"{program()} {' '.join(words[:2])} printed no JSON ({text[:40].strip()!r}); HELM must name Helm 3 or 4"
            ) from None


def program() -> Path:
    """The helm to run: $HELM, else the one on PATH; raises Failure if there is none."""
    found = os.environ.get("HELM") or shutil.which("helm")
    if not found:
        raise Failure("helm is not on PATH; install Helm 3 or 4")
    return Path(found)
