"""Seconds from a change of weights until the gateway's answers follow: helm upgrade beside kubectl patch.

Needs the cluster that `./scripts/demo --keep` leaves, both pools in it and the route. Each change flips the whole
weight from one pool to the other, so that single answers tell when it was followed; the time runs from the start of the
command, so what helm itself costs is the difference of the two rows.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

from benchmarks.result import Result
from inferencepool_lab.stage import FOOD_REVIEW
from inferencepool_rollout.traffic.attribution import pool_pods
from inferencepool_rollout.traffic.followed import followed_after
from inferencepool_rollout.traffic.load import Plan, background
from kit.namespace import Namespace
from kit.route import CHART

SIDES = ({"pool-old": 0, "pool-new": 100}, {"pool-old": 100, "pool-new": 0})
REF = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "weight": 100}
SETTLE_SECONDS = 1.5


def by_patch(namespace: Namespace, weights: dict[str, int]) -> None:
    """Write the split past helm."""
    refs = [{**REF, "name": pool} for pool, weight in weights.items() if weight]
    patch = json.dumps([{"op": "replace", "path": "/spec/rules/0/backendRefs", "value": refs}])
    namespace.kubectl("patch", "httproute", "route", "--type=json", f"--patch={patch}")


def by_helm(namespace: Namespace, weights: dict[str, int]) -> None:
    """Ask for the split as an operator does."""
    settings = f"weights.new={weights['pool-new']}"
    namespace.helm("upgrade", "route", CHART, "--reset-then-reuse-values", "--set", settings)


def changes_by(
    namespace: Namespace, changes: int, write: Callable[[Namespace, dict[str, int]], None]
) -> tuple[list[float], int]:
    """Return the seconds of each change and the requests that were lost on the way."""
    times, lost = [], 0
    cluster = namespace.cluster
    pods = pool_pods(cluster.client(), namespace.name)
    for number in range(changes):
        after, before = SIDES[number % 2], SIDES[(number + 1) % 2]
        with background(cluster.gateway_url, FOOD_REVIEW, Plan(rate=300, seconds=60, workers=32)) as load:
            time.sleep(0.3)
            since = time.time()
            write(namespace, after)
            time.sleep(SETTLE_SECONDS)
        answers = load.answers()
        times.append(followed_after(answers, pods, before, after, since))
        lost += answers.lost
    return times, lost


def measure(namespace: Namespace, changes: int) -> Result:
    """Measure both ways in one run."""
    by_helm(namespace, SIDES[1])
    rows = []
    for name, write in (("helm upgrade", by_helm), ("kubectl patch", by_patch)):
        times, lost = changes_by(namespace, changes, write)
        rows.append((name, str(len(times)), f"{statistics.median(times):.2f}", f"{max(times):.2f}", str(lost)))
    return Result(
        "From a change of weights to the gateway's answers",
        "Each change flips the whole weight under 300 requests/s; the time runs from the start of the command.",
        ("written by", "changes", "median, s", "max, s", "lost"),
        rows,
    )
