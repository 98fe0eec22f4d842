"""What Prometheus says is judged beside the probe: here a real one, which scrapes counters of the test's own."""

from __future__ import annotations

import math
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from inferencepool_rollout.evidence import prometheus as module
from inferencepool_rollout.evidence.decision import Action, Finding, State, decide
from inferencepool_rollout.evidence.prometheus import Watch, ask, filled
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.users import Prometheus, Query, Unit
from kit.plans import TEXT, altered, plan_of
from kit.prometheus_tools import program
from kit.run_logs import Recorded
from kit.wait import wait_until

SECONDS = 60
RATIO = "sum(errors{pool='$new', namespace='$namespace'}) / sum(requests{pool='$new'})"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def at(port: int) -> Prometheus:
    """A Prometheus that is asked nothing yet."""
    return Prometheus.model_construct(url=f"http://127.0.0.1:{port}/", queries=(), headers={})


def query_of(text: str, unit: Unit, accept: float, lasting: float) -> Query:
    """A query whose `lasting` is in seconds."""
    return Query(name="users' errors", query=text, unit=unit, accept=accept, lasting=f"{lasting}s")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that knows of 1 error in 20 requests of pool-new."""
    registry = CollectorRegistry()
    errors = Gauge("errors", "", ["pool", "namespace"], registry=registry)
    requests = Gauge("requests", "", ["pool"], registry=registry)
    errors.labels("pool-new", "default").set(1)
    requests.labels("pool-new").set(20)
    requests.labels("pool-old").set(80)
    metrics, _ = start_http_server(0, "127.0.0.1", registry)
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    config = folder / "prometheus.yml"
    jobs = [{"job_name": "test", "static_configs": [{"targets": [f"127.0.0.1:{metrics.server_port}"]}]}]
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
    words = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        asked = at(port)

        def scraped() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            try:
                return ask(asked, "sum(requests)") == 100
            except Failure:
                return False

        wait_until(scraped, "Prometheus has scraped", SECONDS, 0.2)
        yield asked
        process.terminate()
    metrics.shutdown()


@pytest.fixture
def plan(tmp_path: Path, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A plan that asks for the share of errors, which is 0.05, and accepts 0.1."""
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.0)
    return asking(plan_of(tmp_path), prometheus, query_of(RATIO, Unit.SHARE, 0.1, 0.0))


def asking(plan: Plan, prometheus: Prometheus, query: Query) -> Plan:
    return altered(plan, prometheus=altered(prometheus, queries=(query,)))


def found(plan: Plan) -> Finding:
    (finding,) = Watch(plan).findings(75)
    return finding


def changed(plan: Plan, **changes: object) -> Plan:
    assert plan.prometheus
    (query,) = plan.prometheus.queries
    return asking(plan, plan.prometheus, altered(query, **changes))


@pytest.mark.parametrize(
    ("query", "value"),
    [("sum(requests)", 100), ("scalar(sum(requests))", 100), ("sum(nothing)", math.nan), ("vector(0) / 0", math.nan)],
)
def test_a_query_has_one_value_or_none(prometheus: Prometheus, query: str, value: float) -> None:
    assert ask(prometheus, query) == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sum(", "unclosed left parenthesis"),
        ("requests", "gives 2 series instead of 1"),
        ("requests[5s]", "did not return a Prometheus query result .*KeyError"),
        ('"text"', "did not return a Prometheus query result .*KeyError"),
    ],
)
def test_a_query_without_one_value_is_told(prometheus: Prometheus, query: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        ask(prometheus, query)


def test_a_prometheus_that_does_not_answer_is_told() -> None:
    with pytest.raises(Failure, match="does not answer"):
        ask(at(free_port()), "up")


def test_names_and_the_time_since_the_gateway_followed_are_put_in(plan: Plan) -> None:
    query = query_of("rate(x{pool=~'$new|$old', of='$namespace', end=~'a$$'}[$window])", Unit.RATIO, 1, 0)
    assert filled(plan, query, 74.2) == "rate(x{pool=~'pool-new|pool-old', of='default', end=~'a$'}[75s])"
    assert filled(plan, query, 0).endswith("[1s])")


def test_a_value_that_is_accepted_keeps_its_objective(plan: Plan) -> None:
    finding = found(plan)
    assert (finding.state, finding.value) == (State.KEPT, 0.05)
    assert str(finding) == "users' errors kept: 5.00%, accepted up to 10.00%"


def test_a_value_that_is_not_accepted_violates_it(plan: Plan) -> None:
    assert found(changed(plan, accept=0.04)).state is State.VIOLATED


def test_a_value_has_to_last_to_violate(plan: Plan) -> None:
    watch = Watch(changed(plan, accept=0.04, lasting=1.0))
    assert watch.findings(1)[0].state is State.OPEN
    wait_until(lambda: watch.findings(1)[0].state is State.VIOLATED, "the objective is violated", SECONDS, 0.2)


def test_a_value_that_was_fine_in_between_begins_anew(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(changed(plan, accept=0.04, lasting=1.0))
    watch.findings(1)
    time.sleep(1.1)
    watch.plan = plan
    assert watch.findings(1)[0].state is State.KEPT
    watch.plan = changed(plan, accept=0.04, lasting=1.0)
    assert watch.findings(1)[0].state is State.OPEN


def test_what_is_not_known_stays_open(plan: Plan) -> None:
    assert found(changed(plan, query="sum(nothing)")).state is State.OPEN
    assert found(changed(plan, query="sum(")).state is State.OPEN


def test_a_violation_rolls_back_and_an_open_objective_does_not_pass(plan: Plan, tmp_path: Path) -> None:
    step, seen = plan.steps[0], Recorded(plan, tmp_path / "log").requests(0.5, 120)
    kept, open_, violated = (replace(found(plan), state=state) for state in (State.KEPT, State.OPEN, State.VIOLATED))
    assert decide(plan, step, seen, step.burn_in, others=[kept]).action is Action.PROMOTE
    assert decide(plan, step, seen, step.burn_in, others=[open_]).action is Action.WAIT
    assert decide(plan, step, seen, step.longest, others=[open_]).action is Action.HOLD
    decision = decide(plan, step, seen, step.burn_in, others=[kept, violated])
    assert (decision.action, decision.why) == (Action.ROLL_BACK, str(violated))


def test_a_plan_without_prometheus_asks_for_nothing(tmp_path: Path) -> None:
    assert Watch(plan_of(tmp_path)).findings(75) == ()


QUERIES = """\
prometheus:
  url: http://127.0.0.1:9090
  queries:
    - {name: users' errors, query: "sum(x{pool='$new'}[$window])", unit: share, accept: 0.01}
"""


def test_a_plan_reads_its_queries(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TEXT + QUERIES)
    assert plan.prometheus
    assert plan.prometheus.queries == (query_of("sum(x{pool='$new'}[$window])", Unit.SHARE, 0.01, 60),)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("$new", "$pool"), "queries[0].query: after $ write one of old, new, namespace, window"),
        (("$new", "a$"), "queries[0].query: after $ write one of"),
        (("users' errors", "TTFT p50 new/old"), "queries[0].name: another objective is named"),
        (("users' errors", "error rate"), "queries[0].name: another objective is named"),
        (
            ("unit: share", "unit: percent"),
            "queries[0].unit: 'percent': input should be 'share', 'ratio', 'seconds' or 'requests'",
        ),
    ],
)
def test_a_wrong_query_is_told_with_its_line(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    with pytest.raises(Failure) as refusal:
        plan_of(tmp_path, (TEXT + QUERIES).replace(*change))
    assert says in str(refusal.value)
    line = TEXT.count("\n") + 4
    assert f":{line}: " in str(refusal.value)
