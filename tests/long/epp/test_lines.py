"""Every line of the EPP starts with each preset that the chart allows it, and reads what its pool's servers say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inferencepool_lab.cluster.handle import Cluster
from kit.epp_lines import LINES, Line, custom
from kit.epp_metrics import EppMetrics, reached, reader
from kit.namespace import Namespace
from kit.pools import epp_log, start, wait_until_ready
from kit.wait import wait_until
from long.epp.namespaces import namespace_for

SAID = {"running-requests": 1, "waiting-requests": 3, "kv-cache-usage": 0.5}
READ = {
    "inference_pool_ready_pods": 2,
    "inference_pool_average_queue_size": 3,
    "inference_pool_average_kv_cache_utilization": 0.5,
}
SERVERS = [
    {"name": name, "value": "http://localhost:8001"} for name in ("PREDICTION_SERVER_URL", "TRAINING_SERVER_URL")
]
REFUSED = "refused"


def foreign(line: Line) -> str:
    """A preset's configuration with plugins that the line has not, which the chart refuses to it."""
    if line.family == "0.5":
        return custom("default", "1.x")
    if "predicted-latency" in line.presets:
        return custom("guide-default", "0.5")
    return custom("predicted-latency", "1.x")


@dataclass(frozen=True)
class Running:
    """A release a preset, each with an EPP of one line and two servers that say the same of themselves all the time."""

    namespace: Namespace
    line: Line
    reader: str

    def start(self, release: str, preset: str, custom: str = "") -> None:
        start(
            self.namespace,
            release,
            {
                "modelServer.extraArgs": ["--fake-metrics", json.dumps(SAID)],
                "aliases": [],
                "objectives": [],
                "epp.metricsAuth": True,
                "epp.plugins": {"preset": preset, "custom": custom},
                "epp.extraEnv": SERVERS,
                **self.line.values,
            },
        )

    def read(self, metrics: EppMetrics) -> dict[str, float]:
        """What the EPP has read of its pool's servers."""
        families = text_string_to_metric_families(metrics.answer(self.reader)[1])
        samples = {sample.name: sample.value for family in families for sample in family.samples}
        return {name: samples[name] for name in READ if name in samples}


@pytest.fixture(scope="module", params=LINES, ids=str)
def running(every_line: Cluster, request: pytest.FixtureRequest) -> Iterator[Running]:
    line: Line = request.param
    with namespace_for(every_line, line) as namespace, reader(namespace) as account:
        made = Running(namespace, line, account)
        for preset in line.presets:
            made.start(preset, preset)
        made.start(REFUSED, "custom", foreign(line))
        yield made


def test_it_loads_each_preset_that_the_chart_allows_it(running: Running) -> None:
    for preset in running.line.presets:
        wait_until_ready(running.namespace, preset)
        log = epp_log(running.namespace, preset)
        assert "loaded configuration from file/text successfully" in log, preset
        assert "forbidden" not in log, preset


def test_it_reads_the_metrics_of_its_pools_servers(running: Running) -> None:
    wait_until_ready(running.namespace, "default")
    with reached(running.namespace, "default") as metrics:
        wait_until(lambda: running.read(metrics) == READ, f"the EPP has read {READ}")


def test_a_preset_that_the_chart_refuses_it_would_stop_it(running: Running) -> None:
    unknown = ("is not registered", "is not found in registry")
    log = f"deployment {REFUSED}-epp says one of {unknown}"
    wait_until(lambda: any(said in epp_log(running.namespace, REFUSED) for said in unknown), log)
