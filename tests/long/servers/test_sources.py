"""What the chart and the tool expect of a model server beside its flags is in each version's sources."""

from __future__ import annotations

import re

import pytest

from kit.charts import CHARTS, ROOT
from kit.model_servers.supported import VERSIONS, Version
from long.servers import sources
from long.servers.rendered import SHAPES, containers, shapes

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
ASKING = [CHARTS / "inferencepool/files", CHARTS / "inferencepool/templates", ROOT / "scripts/inferencepool_rollout"]
NAMED = re.compile(r"(?:\(([a-z|]+)\)|(vllm|sglang)):([a-z_]+)")
# What Prometheus adds to the name that a program gives a metric.
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def asked() -> set[tuple[str, str]]:
    """The server and the name of every series that presets, alerts, dashboard and driver ask for."""
    texts = [
        path.read_text() for folder in ASKING for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file()
    ]
    found = [match.groups() for text in texts for match in NAMED.finditer(text)]
    return {(server, f"{server}:{name}") for several, one, name in found for server in (several or one).split("|")}


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_each_probe_waits_longer_than_the_handler_sleeps(version: Version) -> None:
    (container,) = containers(version, SHAPES[version.package.server]["no adapters"])
    for probe in PROBES:
        path, patience = container[probe]["httpGet"]["path"], container[probe].get("timeoutSeconds", 1)
        handler = sources.handler(version.wheel, path)
        assert handler, f"{version} has no handler of {path}"
        assert patience > handler.sleeps, f"{probe}: {handler}"


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_each_series_that_is_asked_for_is_made(version: Version) -> None:
    made = {
        f"{name}{suffix}" for name, metric in sources.metrics(version.wheel).items() for suffix in SUFFIXES[metric.kind]
    }
    wanted = {series for server, series in asked() if server == version.package.server}
    assert wanted
    assert wanted - made == set()


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_the_server_reads_each_variable_that_is_set_for_it(version: Version) -> None:
    rendered = (found for shape in shapes(version).values() for found in containers(version, shape))
    names = {variable["name"] for found in rendered for variable in found["env"]}
    own = {name for name in names if name.startswith(version.package.server.upper())}
    assert {name for name in own if not sources.reads_environment(version.wheel, name)} == set()
