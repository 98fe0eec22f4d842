"""One row of the matrix: the fault under steady load, what was lost of which pool's share, and what the row forbids."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from faults.bench import FOLLOWED_SECONDS, OTHER, STRUCK, Bench
from faults.table import Loss, Row
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.attribution import by_pool, gained, picks, pool_pods
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.verdict import Finding, judge

WHOLE_RATE, STREAM_RATE = 40.0, 6.0
LIMIT_SECONDS = 400.0
CALM_SECONDS = 4.0
AFTERWARDS = 300  # requests whose split is judged when all is over; with the picks, by the verdict's own alpha
POOLS = (STRUCK, OTHER)


@dataclass(frozen=True)
class Seen:
    """What a row's run showed: all answers, the Unix times at which the strike began and had struck and at which it
    was repaired, and the verdict on the time after."""

    answers: Answers
    began: float
    struck: float
    repaired: float
    afterwards: tuple[Finding, ...]

    def of(self, pool: str) -> Answers:
        """The answers, refusals too, for which the gateway chose that pool; "" where the gateway did not answer."""
        return self.answers.where(self.answers.pool == pool)


def run(bench: Bench, row: Row) -> Seen:
    """Strike and repair under steady load of whole answers and streams, then judge the split."""
    bench.ready()
    loads = [
        (bench.request(), Plan(rate=WHOLE_RATE, seconds=LIMIT_SECONDS, workers=400, timeout=30)),
        (bench.request(stream=True), Plan(rate=STREAM_RATE, seconds=LIMIT_SECONDS, workers=100, timeout=30)),
    ]
    url = bench.cluster.gateway_url
    with background(url, *loads[0]) as whole, background(url, *loads[1]) as streams:
        time.sleep(CALM_SECONDS)
        began = time.time()
        try:
            row.strike(bench)
            struck = time.time()
            time.sleep(row.hold)
        finally:
            row.repair(bench)
        repaired = time.time()
        time.sleep(max(row.loss[bench.failure_mode].seconds - (repaired - struck), 0) + CALM_SECONDS)
    answers = Answers.merged(whole.answers(), streams.answers())
    afterwards = judge_split(bench, row.split)
    if row.split != 50:
        bench.split(50)
        time.sleep(FOLLOWED_SECONDS)
    return Seen(answers, began, struck, repaired, afterwards)


def judge_split(bench: Bench, percent: int) -> tuple[Finding, ...]:
    """Send requests and return what is wrong with answers and picks where the struck pool was asked `percent`."""
    asked = {STRUCK: percent, OTHER: 100 - percent}
    core, pods = bench.cluster.client(), pool_pods(bench.cluster.client(), bench.namespace)
    before = {pool: picks(core, bench.namespace, pool) for pool in POOLS}
    answers = send(bench.cluster.gateway_url, bench.request(), Plan(count=AFTERWARDS))
    after = {pool: picks(core, bench.namespace, pool) for pool in POOLS}
    return judge(asked, by_pool(answers, pods), gained(before, after), lost=answers.lost).findings


def wrongs(seen: Seen, loss: Loss) -> list[str]:
    """Return, a line each, what the run showed that the row does not allow."""
    found = []
    for pool, name in ((OTHER, f"of the other pool's share ({OTHER})"), ("", "before the gateway chose a pool")):
        lost = seen.of(pool)
        if lost.lost:
            found.append(f"{lost.lost} of {len(lost)} lost {name}: {dict(lost.causes())}")
    own = seen.of(STRUCK)
    states = {state for state in own.causes() if state not in loss.states}
    if states:
        found.append(f"lost as the row does not allow: { {state: own.causes()[state] for state in sorted(states)} }")
    end = (seen.repaired if loss.down else seen.struck) + loss.seconds
    late = own.since(end)
    if late.lost:
        last = float(late.started[~late.good].max()) - end
        found.append(f"{late.lost} lost that started after the allowed end, the last {last:.1f} s after it")
    early = own.where(own.started + own.latency < seen.began)
    if early.lost:
        found.append(f"{early.lost} lost before the strike: {dict(early.causes())}")
    if loss.certain and not own.lost:
        found.append("nothing was lost, so the fault did not strike")
    return found + [f"afterwards: {finding}" for finding in seen.afterwards]


def last_loss(seen: Seen) -> float | None:
    """Seconds from the strike to the start of the last request that was lost; None if none was."""
    lost = seen.of(STRUCK).where(~seen.of(STRUCK).good)
    return float(np.max(lost.started)) - seen.struck if len(lost) else None
