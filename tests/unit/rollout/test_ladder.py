"""Step 0: the new pool is tried alone at rising rates, and what one of its servers holds is found and used."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from inferencepool_rollout.drive.ladder import Ladder, to_new
from inferencepool_rollout.drive.run_log import RunLog, json_text, read_log
from inferencepool_rollout.evidence.capacity import RUNGS, Capacity, Rung, last_capacity, rates
from inferencepool_rollout.evidence.decision import State
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.snapshot import Snapshot
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.preflight.capacity import checks
from inferencepool_rollout.preflight.facts import Facts
from inferencepool_rollout.report.data import report
from inferencepool_rollout.report.document import document
from inferencepool_rollout.report.page import page
from kit.completion_servers import DONE, EVENT, Server, serving
from kit.plans import TEXT, altered, plan_of
from unit.rollout.fake_cluster import FakeClient, FakeCluster
from unit.rollout.test_preflight_checks import pool

SERVICE_SECONDS = 0.025
HOLDS = 1 / SERVICE_SECONDS
ZERO = (
    TEXT.replace("  rate: 50", "  rate: 5\n  workers: 256\n  toOld: {x: old}\n  toNew: {x: new}")
    .replace("  - {percent: 10,", "  - {percent: 0, burnIn: 32s, longest: 64s}\n  - {percent: 10,")
    .replace("detect: 0.05", "detect: 0.3")
    .replace("  latency:", "  goodput: {ttft: 400ms, accept: 0.02, detect: 0.3, burst: 1}\n  latency:")
)


class One:
    """A model server that answers one request at a time."""

    def __init__(self) -> None:
        self.turn = asyncio.Semaphore(1)
        self.led: set[str] = set()
        self.mark = "default/pool-new"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.led.add(request.headers.get("x", ""))
        async with self.turn:
            await asyncio.sleep(SERVICE_SECONDS)
        headers = {"content-type": "text/event-stream", "x-inference-pool": self.mark}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(EVENT + DONE)
        return response


@pytest.fixture
def server() -> One:
    return One()


@pytest.fixture
def gateway(server: One) -> Iterator[Server]:
    with serving(server.answer) as made:
        yield made


def plan_for(folder: Path, url: str, peak: float) -> Plan:
    return plan_of(folder, ZERO.replace("http://127.0.0.1:8080", url).replace("peak: 40", f"peak: {peak:g}"))


def ladder(plan: Plan, folder: Path) -> Ladder:
    cluster = FakeCluster(plan)
    for name in (plan.old, plan.new):
        cluster.pool(name)
    return Ladder(plan, FakeClient(cluster), RunLog(folder / "log"), threading.Event())


def test_the_rate_that_one_server_holds_is_found(tmp_path: Path, gateway: Server, server: One) -> None:
    plan = plan_for(tmp_path, gateway.url, peak=4 * HOLDS)
    climbing = ladder(plan, tmp_path)
    found = climbing.climb(plan.steps[0], plan.capacity.peak if plan.capacity else 0)
    assert 0.99 * HOLDS / 2 <= found.held <= HOLDS * 1.02, found
    assert (found.replicas, found.per_replica) == (1, found.held)
    assert "beyond TTFT 400ms" in found.stopped
    assert server.led == {"new"}, "no request to the old pool, and none to the weighted rule"
    events = read_log(tmp_path / "log")
    assert last_capacity(events, "pool-new") == pytest.approx(found.held)
    assert last_capacity(events, "another") is None


def test_a_pool_that_holds_the_peak_is_not_tried_above_it(tmp_path: Path, gateway: Server) -> None:
    plan = plan_for(tmp_path, gateway.url, peak=HOLDS / 2)
    quick = altered(plan.steps[0], burn_in=32.0, longest=40.0)
    found = ladder(plan, tmp_path).climb(quick, HOLDS / 2)
    assert (found.held, found.stopped, len(found.rungs)) == (HOLDS / 2, "", RUNGS)
    assert "or more" in str(found)
    assert found.rungs[0].state is State.OPEN, "too few requests to tell, and no reason to stop"


def test_a_step_0_that_is_too_short_to_show_a_queue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"steps\[0\]\.burnIn: 31s is too short.* give 32s"):
        plan_of(tmp_path, ZERO.replace("burnIn: 32s", "burnIn: 31s"))


def test_an_interrupted_ladder_says_so(tmp_path: Path, gateway: Server) -> None:
    plan = plan_for(tmp_path, gateway.url, peak=10)
    climbing = ladder(plan, tmp_path)
    climbing.stopped.set()
    with pytest.raises(Failure, match="interrupted"):
        climbing.climb(plan.steps[0], 10)


def test_requests_that_reach_the_old_pool_stop_it_at_once(tmp_path: Path, gateway: Server, server: One) -> None:
    server.mark = "default/pool-old"
    plan = plan_for(tmp_path, gateway.url, peak=40)
    with pytest.raises(Failure, match=r"answered by old, so the .*correct probe\.toNew"):
        ladder(plan, tmp_path).climb(plan.steps[0], 40)
    assert gateway.requests < 20


def test_without_a_ready_server_nothing_is_measured(tmp_path: Path, gateway: Server) -> None:
    plan = plan_for(tmp_path, gateway.url, peak=10)
    cluster = FakeCluster(plan)
    cluster.pool(plan.new, ready=False)
    with pytest.raises(Failure, match="no model server of pool-new is ready"):
        Ladder(plan, FakeClient(cluster), RunLog(tmp_path / "log"), threading.Event()).climb(plan.steps[0], 10)


def test_rates_rise_to_the_peak_and_go_to_the_new_pool_alone(tmp_path: Path) -> None:
    assert rates(100)[-1] == 100
    assert rates(100) == sorted(rates(100)) and len(rates(100)) == RUNGS
    streams = to_new(plan_for(tmp_path, "http://127.0.0.1:1", 100), 70, 1)
    assert sum(stream.rate for stream in streams) == pytest.approx(70)
    assert {stream.pool for stream in streams} == {"new"}


@pytest.mark.parametrize(("measured", "ok"), [(None, True), (3.0, False), (30.0, True)])
def test_preflight_takes_what_was_measured_in_place_of_what_the_plan_claims(
    tmp_path: Path, measured: float | None, ok: bool
) -> None:
    """At 10 % of 40 requests/s the new pool needs 4; the plan claims 20 a replica."""
    plan = plan_of(tmp_path)
    snapshot = Snapshot("default", None, {name: pool(name) for name in (plan.old, plan.new)})
    new, _ = checks(Facts(plan, snapshot, plan.steps[0], measured=measured))
    assert new.ok is ok
    if measured:
        assert f"1 x {measured:g} = {measured:g} requests/s, needed 4 at 10 %, as measured at step 0" in new.why


def capacity(held: float) -> Capacity:
    rungs = [Rung(held, 100, ()), Rung(2 * held, 50, (), State.VIOLATED, "at 20 requests/s error rate violated")]
    return Capacity("pool-new", 2, rungs)


def test_the_report_shows_what_was_found(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, "http://127.0.0.1:1", 40)
    log = RunLog(tmp_path / "log")
    log.write("start", percent=0, by="me", plan=plan.model_dump(mode="json", by_alias=True))
    log.write("step", percent=0, moving=False)
    log.write("rung", percent=0, rate=10.0, requests=100, findings=[], why="")
    log.write("capacity", percent=0, capacity=capacity(10).document())
    log.write("verdict", percent=0, action="hold", why=str(capacity(10)), findings=[])
    log.write("end", percent=0, outcome="held", why=str(capacity(10)))
    made = report(read_log(tmp_path / "log"))
    told = json.loads(json_text(document(made)))
    assert told["steps"][0]["capacity"] == {
        "pool": "pool-new", "replicas": 2, "held": 10, "perReplica": 5,
        "stopped": "at 20 requests/s error rate violated",
    }  # fmt: skip
    shown = page(made)
    assert "Capacity: 5 requests/s a model server" in shown
    assert "10 requests/s to the new pool: held (100 requests)" in shown
