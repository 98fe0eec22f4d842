"""The run log that is kept in the cluster: whole, bounded, gone on with by the next driver, and read from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inferencepool_rollout.drive.run_log import RunLog, read_log
from inferencepool_rollout.in_cluster.log_store import MOST, LogStore, chunk_name, kept_log
from inferencepool_rollout.kube.apis import CONFIG_MAPS
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.report.data import report
from kit import run_logs
from kit.plans import plan_of
from unit.rollout.fake_cluster import FakeClient, FakeCluster, spec_of

NEVER = 3600.0


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path)


@pytest.fixture
def cluster(plan: Plan) -> FakeCluster:
    made = FakeCluster(plan)
    made.write(spec_of(plan, 0), "helm")
    return made


def store(plan: Plan, cluster: FakeCluster, size: int = 1_000_000) -> LogStore:
    return LogStore(plan, FakeClient(cluster), flush=NEVER, size=size)


def kept(plan: Plan, cluster: FakeCluster) -> list[dict[str, Any]]:
    return kept_log(FakeClient(cluster), plan)


def feed(made: LogStore, events: list[dict[str, Any]]) -> None:
    for event in events:
        made(event)
    made.close()


def test_what_is_kept_is_the_log_and_gives_the_same_report(plan: Plan, cluster: FakeCluster, tmp_path: Path) -> None:
    run_logs.rolled_back(plan, tmp_path / "log")
    events = read_log(tmp_path / "log")
    feed(store(plan, cluster), events)
    assert kept(plan, cluster) == events
    assert report(kept(plan, cluster)).outcome == "rolled back"


def test_a_listener_of_a_log_keeps_what_the_log_says(plan: Plan, cluster: FakeCluster, tmp_path: Path) -> None:
    made = store(plan, cluster)
    log = RunLog(tmp_path / "log", listeners=[made])
    log.write("start", percent=0)
    log.tell("evidence", percent=10)
    log.write("end", outcome="held", why="", percent=0)
    made.close()
    assert [event["event"] for event in kept(plan, cluster)] == ["start", "end"]


def test_the_next_driver_goes_on_where_a_killed_one_stopped(plan: Plan, cluster: FakeCluster) -> None:
    feed(store(plan, cluster), [{"time": 1.0, "event": "start", "percent": 0}])
    feed(store(plan, cluster), [{"time": 2.0, "event": "start", "percent": 10}])
    assert [event["time"] for event in kept(plan, cluster)] == [1.0, 2.0]


def test_a_new_rollout_begins_with_an_empty_log(plan: Plan, cluster: FakeCluster) -> None:
    old = [{"time": float(n), "event": "start", "percent": 10, "by": "x" * 300} for n in range(20)]
    feed(store(plan, cluster, size=1000), old)
    assert len(kept(plan, cluster)) == 20
    feed(store(plan, cluster), [{"time": 100.0, "event": "start", "percent": 0}])
    assert [event["time"] for event in kept(plan, cluster)] == [100.0]


def test_its_size_is_bounded_and_no_event_is_lost_to_requests(plan: Plan, cluster: FakeCluster, tmp_path: Path) -> None:
    run_logs.done(plan, tmp_path / "log")
    events = read_log(tmp_path / "log")
    size = 40_000
    feed(store(plan, cluster, size=size), events)
    maps = [each for path, each in cluster.objects.items() if path.startswith(CONFIG_MAPS.path("default"))]
    assert len(maps) <= MOST
    assert all(len(str(each["binaryData"])) <= size for each in maps)
    found = kept(plan, cluster)
    of_events = [event for event in found if event["event"] not in ("answers", "left out")]
    assert of_events == [event for event in events if event["event"] != "answers"]
    requests = sum(len(event["started"]) for event in found if event["event"] == "answers")
    left_out = sum(event["requests"] for event in found if event["event"] == "left out")
    assert requests + left_out == sum(len(event["started"]) for event in events if event["event"] == "answers")
    assert requests > 0
    assert left_out > 0
    assert report(found).outcome == "done"


def test_while_the_api_server_is_away_nothing_is_lost(
    plan: Plan, cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    made = store(plan, cluster)
    made({"time": 1.0, "event": "start", "percent": 0})
    cluster.away = 2
    made.flush()
    made.flush()
    assert capsys.readouterr().err.count("the run log is not kept in the cluster at the moment") == 1
    made.close()
    assert [event["time"] for event in kept(plan, cluster)] == [1.0]


def test_of_two_drivers_that_write_at_once_neither_loses_a_line(plan: Plan, cluster: FakeCluster) -> None:
    job, by_hand = store(plan, cluster), store(plan, cluster)
    job({"time": 1.0, "event": "start", "percent": 10})
    job.flush()
    by_hand({"time": 2.0, "event": "start", "percent": 10})
    by_hand.flush()
    job({"time": 3.0, "event": "end", "outcome": "held", "why": "", "percent": 10})
    job.flush()
    by_hand({"time": 4.0, "event": "end", "outcome": "rolled back", "why": "", "percent": 0})
    for each in (job, by_hand):
        each.close()
    assert [event["time"] for event in kept(plan, cluster)] == [1.0, 2.0, 3.0, 4.0]


def test_a_write_between_reading_and_writing_is_kept(plan: Plan, cluster: FakeCluster) -> None:
    first, second = store(plan, cluster), store(plan, cluster)
    first({"time": 1.0, "event": "start", "percent": 10})
    first.flush()
    client: Any = second._client
    replace = client.replace

    def late(*arguments: Any) -> Any:
        client.replace = replace
        first({"time": 2.0, "event": "waiting", "percent": 50, "why": ""})
        first.flush()
        return replace(*arguments)

    client.replace = late
    second({"time": 3.0, "event": "start", "percent": 10})
    for each in (second, first):
        each.close()
    assert [event["time"] for event in kept(plan, cluster)] == [1.0, 2.0, 3.0]


def test_its_config_maps_belong_to_the_route(plan: Plan, cluster: FakeCluster) -> None:
    feed(store(plan, cluster), [{"time": 1.0, "event": "start", "percent": 0}])
    made = cluster.objects[CONFIG_MAPS.path("default", chunk_name(plan, 0))]
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("HTTPRoute", "route")
