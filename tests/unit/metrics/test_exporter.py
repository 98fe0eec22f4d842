"""Prometheus reads of the driver what its run log says."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inferencepool_rollout.drive.run_log import read_log
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.metrics.exporter import Exporter
from inferencepool_rollout.plan.plan import Plan
from kit import run_logs
from kit.plans import plan_of

Sample = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def scraped(exporter: Exporter) -> Mapping[Sample, float]:
    """What Prometheus would read, of the default namespace's route."""
    port = free_port()
    exporter.serve(f"127.0.0.1:{port}")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
    found = {}
    for sample in samples:
        labels = dict(sample.labels)
        assert (labels.pop("namespace"), labels.pop("route")) == ("default", "route")
        found[sample.name, frozenset(labels.items())] = sample.value
    return found


def of(found: Mapping[Sample, float], name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_weights_requests_and_events_are_those_of_the_log(plan: Plan, tmp_path: Path) -> None:
    recorded = run_logs.Recorded(plan, tmp_path / "log")
    recorded.step(plan.steps[0])
    recorded.errors = 0.2
    recorded.step(plan.steps[1], seconds=20)
    exporter = Exporter(plan)
    events = read_log(tmp_path / "log")
    for event in events:
        exporter(event)
    found = scraped(exporter)
    assert of(found, "rollout_weight_asked_percent") == 50
    assert of(found, "rollout_weight_served_percent") == 50
    assert 45 < of(found, "rollout_share_seen_percent") < 55
    answers = [event for event in events if event["event"] == "answers"]
    lost = sum(1 for event in answers for good in event["good"] if not good)
    good = sum(1 for event in answers for good in event["good"] if good)
    assert lost > 0
    assert of(found, "rollout_requests_total", pool="pool-new", result="lost") == lost
    assert (
        sum(of(found, "rollout_requests_total", pool=pool, result="good") for pool in ("pool-old", "pool-new")) == good
    )
    assert of(found, "rollout_events_total", event="followed", result="") == 2
    assert of(found, "rollout_events_total", event="verdict", result="promote") == 1


def test_the_evidence_of_each_objective_is_shown_as_it_grows(plan: Plan, tmp_path: Path) -> None:
    recorded = run_logs.done(plan, tmp_path / "log")
    verdict = [event for event in read_log(tmp_path / "log") if event["event"] == "verdict"][-1]
    exporter = Exporter(plan)
    recorded.log._listeners = [exporter]
    recorded.log.tell("evidence", percent=100, action="wait", why="", findings=verdict["findings"])
    found = scraped(exporter)
    for finding in verdict["findings"]:
        for bound in ("value", "high", "accept", "detect"):
            expected = finding[bound]
            if expected is not None:
                assert of(found, "rollout_objective", objective=finding["name"], bound=bound) == expected
        assert of(found, "rollout_objective_state", objective=finding["name"], state=finding["state"]) == 1


def test_it_shows_that_somebody_is_waited_for(plan: Plan) -> None:
    exporter = Exporter(plan)
    exporter({"event": "waiting", "percent": 50, "why": "50 % waits for an approval"})
    exporter({"event": "evidence", "percent": 10, "action": "wait", "why": "50 % waits", "findings": []})
    assert of(scraped(exporter), "rollout_waiting") == 1
    exporter({"event": "evidence", "percent": 50, "action": "wait", "why": "", "findings": []})
    assert of(scraped(exporter), "rollout_waiting") == 0


def test_a_port_that_is_taken_is_reported_and_no_more(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        Exporter(plan).serve(f"127.0.0.1:{taken.getsockname()[1]}")
    assert "no metrics at 127.0.0.1:" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["9464", "localhost", ":9464", "127.0.0.1:x", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_refused(plan: Plan, address: str) -> None:
    with pytest.raises(Failure, match="is not HOST:PORT"):
        Exporter(plan).serve(address)


def test_lost_messages_are_counted_by_recipient(plan: Plan) -> None:
    exporter = Exporter(plan)
    exporter.lost("Kubernetes Events")
    assert of(scraped(exporter), "rollout_messages_lost_total", recipient="Kubernetes Events") == 1
