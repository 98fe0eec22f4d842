"""Both charts of a release in a namespace, under load, and their upgrade to this checkout as people type it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.attribution import by_pool, pool_pods
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.request import Completion
from kit.charts import CHARTS
from kit.namespace import Namespace, Refused, new_namespace
from kit.pools import PARENTS, wait_until_ready
from kit.released import released
from kit.wait import FOLLOWED_SECONDS

VERSION = "0.1.0"
CHART_OF = {"route": "rollout-route", "pool-old": "inferencepool", "pool-new": "inferencepool"}
"""The releases of the namespace in the order of their upgrade."""
HABITS: Mapping[str, Callable[[Path], list[str | Path]]] = {
    "--reuse-values": lambda file: ["--reuse-values"],
    "--reset-then-reuse-values": lambda file: ["--reset-then-reuse-values"],
    "--values FILE": lambda file: ["--values", file],
}
"""What people type behind `helm upgrade RELEASE CHART`, given the file that they installed with."""
RESTARTS = {"rollout-route": [], "inferencepool": ["--set", "modelServer.podAnnotations.upgraded=yes"]}
"""What an upgrade changes beside the chart, so that pods restart: both charts write a simulator's pods alike."""
PERCENT = 10
REQUESTS = 400
STREAM_TOKENS = 60  # at 20 ms a token: a stream of 1.2 s, so that each change of a pod meets some
DRAINED_SECONDS = 25
"""After it the pods of the old revision are gone: their grace period is 20 s."""


@dataclass(frozen=True)
class Upgrade:
    """What one habit did."""

    refused: Mapping[str, str]
    """Helm's words by release; empty where it upgraded."""
    charts: Mapping[str, str]
    """Chart and version of each release afterwards."""
    shares: Mapping[str, int]
    """Of REQUESTS afterwards those that each pool answered."""
    during: Mapping[str, Answers]
    """The load, by its kind: whole answers and streams."""
    replaced: str
    """How many of the pods were replaced: "6 of 6"."""
    seconds: float
    """How long all upgrades took."""

    @property
    def lost(self) -> int:
        """Requests of the load without a whole answer."""
        return sum(answers.lost for answers in self.during.values())

    @property
    def sent(self) -> int:
        """Requests of the load."""
        return sum(map(len, self.during.values()))


def files(namespace: Namespace, folder: Path) -> dict[str, Path]:
    """Write the files of values that the releases are installed with; by release."""
    pool = yaml.safe_load((released(VERSION) / "values/kind/pool.yaml").read_text())
    pool["modelServer"]["extraArgs"] = ["--inter-token-latency", "20ms"]
    pool["preview"] = {"parentRefs": PARENTS}
    route = {"parentRefs": PARENTS, "hostnames": [namespace.host], "weights": {"new": PERCENT}}
    made = {}
    for release, values in {"route": route, "pool-old": pool, "pool-new": pool}.items():
        made[release] = folder / f"{release}.yaml"
        made[release].write_text(yaml.safe_dump(values))
    return made


@contextmanager
def installed(cluster: Cluster, helm: str, folder: Path) -> Iterator[tuple[Namespace, dict[str, Path]]]:
    """The released charts in a namespace, ready and routed, and the file of each release, while the block runs."""
    with new_namespace(cluster, "upgrade", uninstall=True) as made:
        namespace = made.by(helm)
        values = files(namespace, folder)
        for release in ("pool-old", "pool-new", "route"):
            chart = released(VERSION) / "charts" / CHART_OF[release]
            namespace.helm("install", release, chart, "--values", values[release])
        for release in ("pool-old", "pool-new"):
            wait_until_ready(namespace, release)
        time.sleep(FOLLOWED_SECONDS)
        yield namespace, values


def upgraded(cluster: Cluster, helm: str, habit: str, folder: Path) -> Upgrade:
    """Upgrade all releases by one habit under load."""
    refused = {}
    with installed(cluster, helm, folder) as (namespace, values):
        whole = Completion("food-review", max_tokens=4, headers={"Host": namespace.host})
        stream = Completion("food-review", max_tokens=STREAM_TOKENS, stream=True, headers={"Host": namespace.host})
        with (
            background(cluster.gateway_url, whole, Plan(rate=30, seconds=400, workers=64)) as short,
            background(cluster.gateway_url, stream, Plan(rate=8, seconds=400, workers=64)) as long,
        ):
            time.sleep(2)
            before = {pod["metadata"]["uid"] for pod in namespace.pods()}
            began = time.monotonic()
            for release, chart in CHART_OF.items():
                words = [*HABITS[habit](values[release]), *RESTARTS[chart], "--wait", "--timeout=4m"]
                try:
                    namespace.helm("upgrade", release, CHARTS / chart, *words)
                    refused[release] = ""
                except Refused as refusal:
                    refused[release] = str(refusal)
            seconds = time.monotonic() - began
            time.sleep(DRAINED_SECONDS)
        gone = before - {pod["metadata"]["uid"] for pod in namespace.pods()}
        pods = pool_pods(cluster.client(), namespace.name)
        shares = by_pool(send(cluster.gateway_url, whole, Plan(count=REQUESTS, workers=16)), pods)
        listed = yaml.safe_load(namespace.helm("list", "--output=yaml"))
        charts = {each["name"]: each["chart"] for each in listed}
        during = {"whole": short.answers(), "stream": long.answers()}
        return Upgrade(refused, charts, dict(shares), during, f"{len(gone)} of {len(before)}", seconds)
