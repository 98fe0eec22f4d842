"""Scaling a pool by its release: `helm upgrade` with another number of replicas, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.helm import SERVED, Helm

DESCRIPTION = "scaled-by-rollout"
"""Marks revisions that a rollout made, so that the bounds of an autoscaler can be put back to those before them. One
word, since commands are printed for people to copy."""
SCALED = ("Deployment", "LeaderWorkerSet")
"""Kinds whose `spec.replicas` may change."""
FOLLOWING = ("HorizontalPodAutoscaler", "ScaledObject", "PodDisruptionBudget")
"""Kinds that come, go and change with the number of replicas; none of them restarts a pod."""


@dataclass(frozen=True)
class Releases:
    """The releases of both pools, all of one `chart`."""

    helm: Helm
    chart: str

    def command(self, pool: str, replicas: int) -> list[str]:
        """Return the upgrade that scales a pool, as a person would type it."""
        return self.helm.command(*self._words(pool, self._to(pool, replicas)))

    def scale(self, pool: str, replicas: int) -> None:
        """Scale a pool; raises Failure, with nothing changed, if the upgrade would change more than that."""
        self._upgrade(pool, self._to(pool, replicas))

    def put_back(self, pool: str) -> list[str]:
        """Give an autoscaler the bounds that it had before the rollout; return the command, empty if there is none."""
        before = self._values_before(pool)
        scaling = before.get("autoscaling") or {}
        if not scaling.get("type"):
            return []
        bounds = {key: scaling[key] for key in ("type", "minReplicas", "maxReplicas")}
        settings = [f"autoscaling.{key}={value}" for key, value in bounds.items()] + ["modelServer.replicas=null"]
        self._upgrade(pool, settings)
        return self.helm.command(*self._words(pool, settings))

    def longest_generation(self, pool: str) -> float:
        """Return the time (s) that the longest response of a pool takes, as its release says."""
        drain = (self._values(pool).get("modelServer") or {}).get("drain") or {}
        return float(drain.get("longestGenerationSeconds") or 0)

    def _to(self, pool: str, replicas: int) -> list[str]:
        """Settings for so many replicas: an autoscaler keeps them by equal bounds, but cannot keep 0."""
        scaling = self._values_before(pool).get("autoscaling") or {}
        if not scaling.get("type"):
            return [f"modelServer.replicas={replicas}"]
        if not replicas:
            return ["autoscaling.type=", "modelServer.replicas=0"]
        bounds = [f"autoscaling.{key}={replicas}" for key in ("minReplicas", "maxReplicas")]
        return [f"autoscaling.type={scaling['type']}", *bounds, "modelServer.replicas=null"]

    def _words(self, pool: str, settings: Sequence[str], *more: str) -> list[str]:
        flags = [word for setting in settings for word in ("--set", setting)]
        # Helm 4 is refused a number that `kubectl scale` has written; Helm 3 writes it without a flag
        overwrite = self.helm.overwrite() if self.helm.major() == 4 else ()
        words = ["upgrade", pool, self.chart, "--reset-then-reuse-values", "--description", DESCRIPTION]
        return [*words, *flags, *overwrite, *more]

    def _upgrade(self, pool: str, settings: Sequence[str]) -> None:
        manifest = self.helm.run("get", "manifest", pool)
        dry = self.helm.run(*self._words(pool, settings, "--dry-run=server", "--output", "json"))
        self._require_same(pool, manifest, dry)
        self.helm.run(*self._words(pool, settings))

    def _require_same(self, pool: str, manifest: str, dry_run: str) -> None:
        """Raise Failure if the upgrade changes more than numbers of replicas, as another version of the chart does."""
        try:
            before, after = _objects(manifest), _objects(yaml.safe_load(dry_run)["manifest"])
        except (yaml.YAMLError, KeyError, TypeError) as error:
            raise Failure(f"the manifest of release {pool} cannot be read ({type(error).__name__})") from None
        differ = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        if differ:
            raise Failure(
                f"scaling {pool} with {self.chart} would change more than its replicas: {', '.join(differ)}. "
                "capacity.scaling.chart must be the chart of the version that the release was installed with; to "
                f"change the version, upgrade {pool} first"
            )

    def _values(self, pool: str, revision: int | None = None) -> dict[str, Any]:
        number = revision or self.helm.history(pool)[-1].number
        return self.helm.values(pool, number)

    def _values_before(self, pool: str) -> dict[str, Any]:
        """Values of the last revision that no rollout made; of the last one if there is none such."""
        served = [each for each in self.helm.history(pool) if each.status in SERVED]
        if not served:
            raise Failure(f"there is no release {pool} that is deployed; install the pool as a release first")
        own = [each for each in served if each.description != DESCRIPTION]
        return self.helm.values(pool, (own or served)[-1].number)


def _objects(manifest: str) -> dict[str, Any]:
    """The objects of a manifest by kind and name, without the fields that scaling changes."""
    found: dict[str, Any] = {}
    for each in yaml.safe_load_all(manifest):
        if not isinstance(each, dict):
            continue
        kind = each["kind"]
        if kind in FOLLOWING:
            continue
        own = copy.deepcopy(each)
        if kind in SCALED:
            own["spec"].pop("replicas", None)
        found[f"{kind} {own['metadata']['name']}"] = own
    return found
