"""One row of the matrix: the fault under steady load, what was lost of which pool's share, and what the row forbids."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.attribution import by_pool, gained, picks, pool_pods
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.verdict import Finding, judge
from kit.faults.table import Loss, Row
from kit.two_pools import FAULTED, OTHER, TwoPools, chosen
from kit.wait import FOLLOWED_SECONDS

WHOLE_RATE, STREAM_RATE = 40.0, 6.0
LIMIT_SECONDS = 400.0
CALM_SECONDS = 4.0
AFTERWARDS = 300  # requests whose split is judged when all is over; with the picks, by the verdict's own alpha
POOLS = (FAULTED, OTHER)


@dataclass(frozen=True)
class Seen:
    """What a row's run showed: all answers, the Unix times at which the injection began and had ended and at which the
    fault was repaired, and the verdict on the time after."""

    answers: Answers
    began: float
    injected: float
    repaired: float
    afterwards: tuple[Finding, ...]

    def of(self, pool: str) -> Answers:
        """The answers, refusals too, for which the gateway chose that pool; "" where the gateway did not answer."""
        return self.answers.where(chosen(self.answers, pool))


def run(pools: TwoPools, row: Row) -> Seen:
    """Inject and repair the fault under steady load of whole answers and streams, then judge the split."""
    pools.ready()
    loads = [
        (pools.request(), Plan(rate=WHOLE_RATE, seconds=LIMIT_SECONDS, workers=400, timeout=30)),
        (pools.request(stream=True), Plan(rate=STREAM_RATE, seconds=LIMIT_SECONDS, workers=100, timeout=30)),
    ]
    with background(pools.gateway_url, *loads[0]) as whole, background(pools.gateway_url, *loads[1]) as streams:
        time.sleep(CALM_SECONDS)
        began = time.time()
        try:
            row.inject(pools)
            injected = time.time()
            time.sleep(row.hold)
        finally:
            row.repair(pools)
        repaired = time.time()
        time.sleep(max(row.loss[pools.failure_mode].seconds - (repaired - injected), 0) + CALM_SECONDS)
    answers = Answers.merged(whole.answers(), streams.answers())
    afterwards = judge_split(pools, row.split)
    if row.split != 50:
        pools.split(50)
        time.sleep(FOLLOWED_SECONDS)
    return Seen(answers, began, injected, repaired, afterwards)


def judge_split(pools: TwoPools, percent: int) -> tuple[Finding, ...]:
    """Send requests and return what is wrong with answers and picks where the faulted pool was asked `percent`."""
    asked = {FAULTED: percent, OTHER: 100 - percent}
    core, name = pools.namespace.cluster.client(), pools.namespace.name
    pods = pool_pods(core, name)
    before = {pool: picks(core, name, pool) for pool in POOLS}
    answers = send(pools.gateway_url, pools.request(), Plan(count=AFTERWARDS))
    after = {pool: picks(core, name, pool) for pool in POOLS}
    return judge(asked, by_pool(answers, pods), gained(before, after), lost=answers.lost).findings


def wrongs(seen: Seen, loss: Loss) -> list[str]:
    """Return, a line each, what the run showed that the row does not allow."""
    found = []
    for pool, name in ((OTHER, f"of the other pool's share ({OTHER})"), ("", "before the gateway chose a pool")):
        lost = seen.of(pool)
        if lost.lost:
            found.append(f"{lost.lost} of {len(lost)} lost {name}: {dict(lost.causes())}")
    own = seen.of(FAULTED)
    states = {state for state in own.causes() if state not in loss.states}
    if states:
        found.append(f"lost as the row does not allow: { {state: own.causes()[state] for state in sorted(states)} }")
    end = (seen.repaired if loss.down else seen.injected) + loss.seconds
    late = own.since(end)
    if late.lost:
        last = float(late.started[~late.good].max()) - end
        found.append(f"{late.lost} lost that started after the allowed end, the last {last:.1f} s after it")
    early = own.where(own.started + own.latency < seen.began)
    if early.lost:
        found.append(f"{early.lost} lost before the fault: {dict(early.causes())}")
    if loss.certain and not own.lost:
        found.append("nothing was lost, so the fault had no effect")
    return found + [f"afterwards: {finding}" for finding in seen.afterwards]


def last_loss(seen: Seen) -> float | None:
    """Seconds from the fault to the start of the last request that was lost; None if none was."""
    lost = seen.of(FAULTED).where(~seen.of(FAULTED).good)
    return float(np.max(lost.started)) - seen.injected if len(lost) else None
