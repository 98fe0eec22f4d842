"""What the chart and the tool expect of a model server beside its flags is in each version's sources."""

from __future__ import annotations

import re

import pytest

from inferencepool_rollout.traffic.metric_names import SERVERS
from kit.charts import CHARTS
from kit.model_servers.supported import VERSIONS, Version
from long.servers import sources
from long.servers.rendered import SHAPES, containers, shapes

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
ASKING = [CHARTS / "inferencepool/files", CHARTS / "inferencepool/templates"]
NAMED = re.compile(r"(?:\(([a-z|]+)\)|(vllm|sglang)):([a-z0-9_]+)")
# What Prometheus adds to the name that a program gives a metric.
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def asked() -> set[tuple[str, str]]:
    """The server and the name of every series that presets, alerts and dashboard ask for."""
    texts = [path.read_text() for folder in ASKING for path in folder.rglob("*") if path.is_file()]
    found = [match.groups() for text in texts for match in NAMED.finditer(text)]
    return {(server, f"{server}:{name}") for several, one, name in found for server in (several or one).split("|")}


def made(version: Version) -> set[str]:
    """The names of the series that a version makes."""
    metrics = sources.metrics(version.wheel).items()
    return {f"{name}{suffix}" for name, metric in metrics for suffix in SUFFIXES[metric.kind]}


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_each_probe_waits_longer_than_the_handler_sleeps(version: Version) -> None:
    (container,) = containers(version, SHAPES[version.package.server]["no adapters"])
    for probe in PROBES:
        path, patience = container[probe]["httpGet"]["path"], container[probe].get("timeoutSeconds", 1)
        handler = sources.handler(version.wheel, path)
        assert handler, f"{version} has no handler of {path}"
        assert patience > handler.sleeps, f"{probe}: {handler}"


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_each_series_that_the_chart_asks_for_is_made(version: Version) -> None:
    wanted = {series for server, series in asked() if server == version.package.server}
    assert wanted
    assert wanted - made(version) == set()


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_of_each_metric_that_the_driver_reads_one_name_is_made(version: Version) -> None:
    """The driver lists the names that releases have had; one of them has to be this version's."""
    names, there = SERVERS[version.package.server], made(version)
    one_of = [names.requests, names.errors, names.waiting, *([each] for each in names.always)]
    one_of += [[f"{name}_bucket" for name in latency] for latency in names.latency.values()]
    assert [series for series in one_of if series and not there.intersection(series)] == []


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_the_server_reads_each_variable_that_is_set_for_it(version: Version) -> None:
    rendered = (found for shape in shapes(version).values() for found in containers(version, shape))
    names = {variable["name"] for found in rendered for variable in found["env"]}
    own = {name for name in names if name.startswith(version.package.server.upper())}
    assert {name for name in own if not sources.reads_environment(version.wheel, name)} == set()
