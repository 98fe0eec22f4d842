"""Seconds from the verdict that an objective is violated until the gateway's last request to the failing pool.

Each run is a rollout to a pool that fails a third of its requests, by the driver as an operator starts it, with a load
of other requests beside its probe. Needs a cluster with the Gateway; makes a namespace of its own.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.result import Result
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.attribution import pool_pods
from inferencepool_rollout.traffic.load import Plan, background
from inferencepool_rollout.traffic.request import Completion
from kit.rollout import SECONDS, Rollout, rollout

BAD = "pool-bad"


def measure(cluster: Cluster, runs: int) -> Result:
    """Measure `runs` emergencies."""
    with (
        tempfile.TemporaryDirectory() as folder,
        rollout(cluster, Path(folder), "pool-old", BAD, rate=40) as stage,
    ):
        times = [_emergency(stage) for _ in range(runs)]
    ends = {
        "the gateway's last request to the bad pool": [last for last, _ in times],
        "the way back is proven at the gateway": [proven for _, proven in times],
    }
    rows = [
        (name, str(runs), f"{statistics.median(values):.2f}", f"{max(values):.2f}") for name, values in ends.items()
    ]
    return Result(
        "From a violated objective to the way back",
        "A rollout to a pool that fails a third of its requests, at 10 %; the time runs from the driver's verdict.",
        ("until", "runs", "median, s", "max, s"),
        rows,
    )


def _emergency(stage: Rollout) -> tuple[float, float]:
    """Seconds from the verdict to the last request that the bad pool answered, and to the proof of the way back."""
    stage.to_old(BAD)
    namespace = stage.namespace
    before = set(stage.log(BAD).glob("*.jsonl"))
    request = Completion("food-review", headers={"Host": namespace.host})
    with background(namespace.cluster.gateway_url, request, Plan(rate=100, seconds=SECONDS, workers=32)) as load:
        done = stage.run("run", new=BAD)
    if done.returncode != ExitCode.ROLLED_BACK:
        raise Failure(f"the driver did not roll back (exit code {done.returncode}): {done.stdout}{done.stderr}")
    (log,) = set(stage.log(BAD).glob("*.jsonl")) - before
    events = {event["event"]: event for event in map(json.loads, log.read_text().splitlines())}
    answers = load.answers()
    pods = pool_pods(namespace.cluster.client(), namespace.name)
    to_bad = [start for start, pod in zip(answers.started, answers.pod, strict=True) if pods.get(str(pod)) == BAD]
    return max(to_bad) - events["verdict"]["time"], events["rolled back"]["time"] - events["verdict"]["time"]
