"""Ten minutes of weight changes and ended pods at a fixed rate, in each failureMode: nothing is lost but what FailClose
must refuse while a pool has no EPP, and memory stays flat."""

from __future__ import annotations

import itertools
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.load import Plan, background
from kit.faults.run import STREAM_RATE, WHOLE_RATE
from kit.faults.table import CLOSE, OPEN
from kit.two_pools import FAULTED, OTHER, TwoPools, chosen, two_pools

CHANGE_SECONDS, KILLS_EVERY = 10.0, 3  # a weight change every 10 s, a pod ended every third of them
PERCENTS = (10, 50, 90, 30, 70)
ENDED = (("model-server", FAULTED), ("model-server", OTHER), ("epp", FAULTED), ("model-server", OTHER))
PICKER_SECONDS = 15.0  # from an EPP's end until its successor picks
GROWTH = 1.25  # the median of the last quarter's readings may be that many times that of the second quarter's ...
SLACK_BYTES = 16 * 2**20  # ... or more by this, whichever is larger


@dataclass(frozen=True)
class Soak:
    """What the soak showed: its answers, memory in bytes by process, one reading a weight change, and the Unix times
    at which the faulted pool's EPP was ended."""

    failure_mode: str
    answers: Answers
    memory: dict[str, list[int]]
    picker_ended: tuple[float, ...]


@pytest.fixture(scope="module", params=[OPEN, CLOSE])
def pools(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[TwoPools]:
    with two_pools(cluster, request.param) as made:
        yield made


@pytest.fixture(scope="module")
def soak(pools: TwoPools, request: pytest.FixtureRequest) -> Soak:
    """Weights move every 10 s; every 30 s a model server of a pool, or the faulted pool's EPP, is ended in turn."""
    end = time.monotonic() + request.config.getoption("--soak-seconds")
    memory: dict[str, list[int]] = {"harness": [], FAULTED: [], OTHER: []}
    ended = itertools.cycle(ENDED)
    picker_ended = []
    whole, streams = (Plan(rate=rate, seconds=86400, workers=200, timeout=30) for rate in (WHOLE_RATE, STREAM_RATE))
    url = pools.gateway_url
    with (
        background(url, pools.request(), whole) as short,
        background(url, pools.request(stream=True), streams) as long,
    ):
        for change in itertools.count():
            began = time.monotonic()
            if began >= end:
                break
            memory["harness"].append(_own_bytes())
            for pool in (FAULTED, OTHER):
                memory[pool].append(_picker_bytes(pools, pool))
            pools.split(PERCENTS[change % len(PERCENTS)])
            if change % KILLS_EVERY == KILLS_EVERY - 1:
                component, pool = next(ended)
                if component == "epp":
                    picker_ended.append(time.time())
                pools.namespace.kubectl("delete", "pod", pools.pods(component, pool)[0], "--wait=false")
            time.sleep(max(began + CHANGE_SECONDS - time.monotonic(), 0))
    answers = Answers.merged(short.answers(), long.answers())
    return Soak(pools.failure_mode, answers, memory, tuple(picker_ended))


def _own_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _picker_bytes(pools: TwoPools, pool: str) -> int:
    pools.namespace.rolled_out(f"{pool}-epp", seconds=60)
    (pod,) = pools.pods("epp", pool)
    page = pools.namespace.page(pod, 9090, "metrics")
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return int(next(sample.value for sample in samples if sample.name == "process_resident_memory_bytes"))


def _grown(readings: Sequence[int]) -> tuple[float, float]:
    """Medians of the second and of the last quarter of the readings."""
    quarter = len(readings) // 4
    return statistics.median(readings[quarter : 2 * quarter]), statistics.median(readings[-quarter:])


def test_nothing_is_lost_but_what_fail_close_must_refuse(soak: Soak) -> None:
    lost = soak.answers.where(~soak.answers.good)
    if soak.failure_mode == CLOSE:
        waits = [(lost.started >= ended) & (lost.started < ended + PICKER_SECONDS) for ended in soak.picker_ended]
        refused = chosen(lost, FAULTED) & (lost.status == 500)
        lost = lost.where(~(refused & np.any(waits, axis=0)))
    assert len(lost) == 0, lost.causes()


@pytest.mark.parametrize("process", ["harness", FAULTED, OTHER])
def test_memory_is_flat(soak: Soak, process: str) -> None:
    before, after = _grown(soak.memory[process])
    assert after <= max(before * GROWTH, before + SLACK_BYTES), soak.memory[process]
