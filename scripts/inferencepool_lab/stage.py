"""One change of a rollout: a helm command under load, then the split that it asked for, judged."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.attribution import by_pool, gained, picks, pool_pods
from inferencepool_rollout.traffic.followed import followed_after
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.traffic.verdict import Verdict, judge

FOOD_REVIEW = Completion("food-review")
SETTLE_SECONDS = 2.0
CHANGE_LIMIT_SECONDS = 300.0
RATE = 100.0


@dataclass(frozen=True)
class Stage:
    """A helm command and the weights by pool before and after it; a pool that is not there has none."""

    name: str
    helm: Sequence[str | Path]
    before: Mapping[str, float]
    after: Mapping[str, float]


@dataclass(frozen=True)
class Seen:
    """What a stage showed.

    `requests` were sent after the change, `answered` and `picked` count them by pool, `lost` had no good answer,
    those sent while the change went through included; `follows` is the time in s from the helm command's start
    until the gateway followed, None where no weight moved.
    """

    requests: int
    answered: Mapping[str, int]
    picked: Mapping[str, int]
    lost: int
    follows: float | None
    verdict: Verdict


def run_stage(cluster: Cluster, stage: Stage, requests: int, namespace: str = "default") -> Seen:
    """Run the stage's helm command under load, then send `requests` and judge their split.

    Raises Failure when helm refuses or when a weight that moved is not followed within SETTLE_SECONDS.
    """
    pods = pool_pods(cluster.client(), namespace)
    with background(cluster.gateway_url, FOOD_REVIEW, Plan(rate=RATE, seconds=CHANGE_LIMIT_SECONDS)) as load:
        time.sleep(SETTLE_SECONDS / 4)
        since = time.time()
        cluster.helm(*stage.helm, "--namespace", namespace)
        time.sleep(SETTLE_SECONDS)
    pods |= pool_pods(cluster.client(), namespace)
    during = load.answers()
    moved = any(stage.before.get(pool, 0) != weight for pool, weight in stage.after.items())
    follows = followed_after(during, pods, stage.before, stage.after, since) if moved else None
    served_before = any(stage.before.values())

    before = {pool: picks(cluster.client(), namespace, pool) for pool in stage.after}
    answers = send(cluster.gateway_url, FOOD_REVIEW, Plan(count=requests))
    after = {pool: picks(cluster.client(), namespace, pool) for pool in stage.after}
    answered, picked_by = by_pool(answers, pods), gained(before, after)
    judged = [during, answers] if served_before else [answers]
    lost = sum(part.lost for part in judged)
    causes = sum((part.causes() for part in judged), Counter[str]())
    verdict = judge(stage.after, answered, picked_by, lost=lost, causes=causes)
    return Seen(len(answers), answered, picked_by, lost, follows, verdict)
