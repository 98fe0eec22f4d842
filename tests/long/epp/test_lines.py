"""Every line of the EPP starts with each preset that the chart allows it, and reads what its pool's servers say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cluster.pool.epp_metrics import EppMetrics, reached, reader
from cluster.pool.pools import Pools
from epp_lines import FILES, LINES, Line
from long.epp.conftest import Lines
from waiting import wait_until

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
SEEN_SECONDS = 60


def foreign(line: Line) -> str:
    """A preset with plugins that the line has not, which the chart refuses to it."""
    if line.family == "0.5":
        return "1.x/default"
    return "0.5/guide-default" if "predicted-latency" in line.presets else "1.x/predicted-latency"


@dataclass(frozen=True)
class Running:
    """A release a preset, each with an EPP of one line and two servers that say the same of themselves all the time."""

    pools: Pools
    line: Line
    reader: str

    def start(self, release: str, preset: str, custom: str = "") -> None:
        self.pools.start(
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
def running(lines: Lines, request: pytest.FixtureRequest) -> Iterator[Running]:
    line: Line = request.param
    with lines.namespace(line) as pools, reader(pools) as account:
        made = Running(pools, line, account)
        for preset in line.presets:
            made.start(preset, preset)
        made.start(REFUSED, "custom", (FILES / f"plugins/{foreign(line)}.yaml").read_text())
        yield made


def test_it_loads_each_preset_that_the_chart_allows_it(running: Running) -> None:
    for preset in running.line.presets:
        running.pools.wait_until_ready(preset)
        log = running.pools.log(f"{preset}-epp")
        assert "loaded configuration from file/text successfully" in log, preset
        assert "forbidden" not in log, preset


def test_it_reads_the_metrics_of_its_pools_servers(running: Running) -> None:
    running.pools.wait_until_ready("default")
    with reached(running.pools, "default") as metrics:
        wait_until(lambda: running.read(metrics) == READ, f"the EPP has read {READ}", SEEN_SECONDS)


def test_a_preset_that_the_chart_refuses_it_would_stop_it(running: Running) -> None:
    unknown = ("is not registered", "is not found in registry")
    log = f"deployment {REFUSED}-epp says one of {unknown}"
    wait_until(lambda: any(said in running.pools.log(f"{REFUSED}-epp") for said in unknown), log, SEEN_SECONDS)
