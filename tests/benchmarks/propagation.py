"""Seconds from a change of weights until the gateway's answers follow: helm upgrade beside kubectl patch.

    python tests/benchmarks/propagation.py --namespace default [--changes 20]

Needs the cluster that `./scripts/demo --keep` leaves, both pools in it and the route. Each change flips the whole
weight from one pool to the other, so that single answers tell when it was followed; the time runs from the start of the
command, so what helm itself costs is the difference of the two rows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from benchmarks.result import Result  # noqa: E402
from inferencepool_lab.cluster.handle import Cluster  # noqa: E402
from inferencepool_lab.docker import ensure  # noqa: E402
from inferencepool_lab.stage import FOOD_REVIEW  # noqa: E402
from inferencepool_rollout.traffic.attribution import pool_pods  # noqa: E402
from inferencepool_rollout.traffic.followed import followed_after  # noqa: E402
from inferencepool_rollout.traffic.load import Plan, background  # noqa: E402

SIDES = ({"pool-old": 0, "pool-new": 100}, {"pool-old": 100, "pool-new": 0})
REF = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "weight": 100}
SETTLE_SECONDS = 1.5


def by_patch(cluster: Cluster, namespace: str, weights: dict[str, int]) -> None:
    """Write the split past helm."""
    refs = [{**REF, "name": pool} for pool, weight in weights.items() if weight]
    patch = json.dumps([{"op": "replace", "path": "/spec/rules/0/backendRefs", "value": refs}])
    cluster.kubectl("--namespace", namespace, "patch", "httproute", "route", "--type=json", f"--patch={patch}")


def by_helm(cluster: Cluster, namespace: str, weights: dict[str, int]) -> None:
    """Ask for the split as an operator does."""
    settings = f"weights.new={weights['pool-new']},guards.force=true"
    chart = ROOT / "charts/rollout-route"
    cluster.helm("--namespace", namespace, "upgrade", "route", chart, "--reset-then-reuse-values", "--set", settings)


def changes_by(
    cluster: Cluster, namespace: str, changes: int, write: Callable[[Cluster, str, dict[str, int]], None]
) -> tuple[list[float], int]:
    """Return the seconds of each change and the requests that were lost on the way."""
    times, lost = [], 0
    pods = pool_pods(cluster.client(), namespace)
    for number in range(changes):
        after, before = SIDES[number % 2], SIDES[(number + 1) % 2]
        with background(cluster.gateway_url, FOOD_REVIEW, Plan(rate=300, seconds=60, workers=32)) as load:
            time.sleep(0.3)
            since = time.time()
            write(cluster, namespace, after)
            time.sleep(SETTLE_SECONDS)
        answers = load.answers()
        times.append(followed_after(answers, pods, before, after, since))
        lost += answers.lost
    return times, lost


def measure(cluster: Cluster, namespace: str, changes: int) -> Result:
    """Measure both ways in one run."""
    by_helm(cluster, namespace, SIDES[1])
    rows = []
    for name, write in (("helm upgrade", by_helm), ("kubectl patch", by_patch)):
        times, lost = changes_by(cluster, namespace, changes, write)
        rows.append((name, str(len(times)), f"{statistics.median(times):.2f}", f"{max(times):.2f}", str(lost)))
    return Result(
        "From a change of weights to the gateway's answers",
        "Each change flips the whole weight under 300 requests/s; the time runs from the start of the command.",
        ("written by", "changes", "median, s", "max, s", "lost"),
        rows,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="inferencepool-demo", help="name of the kind cluster")
    parser.add_argument("--port", type=int, default=18080, help="port of 127.0.0.1 that reaches the Gateway")
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--changes", type=int, default=20)
    chosen = parser.parse_args()
    cluster = Cluster(ensure(), chosen.name, chosen.port)
    measure(cluster, chosen.namespace, chosen.changes).show()


if __name__ == "__main__":
    main()
