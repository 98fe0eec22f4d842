"""How rendering and server-side apply grow: adapters of a pool, pools of a namespace, backends of a route.

Everything is really applied, into a namespace of its own whose quota lets no pod in, and deleted afterwards. The time
of rendering is helm's, one call a release; that of applying is kubectl's, one call for all releases of a size.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import yaml

from benchmarks.result import Line, Result
from inferencepool_lab.builds.tools import tool
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.process import run
from kit.charts import CHARTS
from kit.namespace import Namespace, new_namespace

RUNS = 3
NO_PODS = {
    "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no-pods"}, "spec": {"hard": {"pods": "0"}},
}  # fmt: skip

Releases = list[tuple[str, str, Mapping[str, object]]]
"""Chart, name and values of each release."""


def adapters(count: int) -> Releases:
    """One pool with so many adapters."""
    listed = [{"id": f"adapter-{i}", "source": f"example/adapter-{i}"} for i in range(count)]
    return [("inferencepool", "pool", {"lora": {"adapters": listed, "maxCpuLoras": max(count, 2)}})]


def pools(count: int) -> Releases:
    """So many pools."""
    return [("inferencepool", f"pool-{i}", {}) for i in range(count)]


def backends(count: int) -> Releases:
    """One route to so many pools, each with a share."""
    listed = [{"name": f"b{i}", "pool": f"pool-{i}"} for i in range(count)]
    shares = {each["name"]: 100 // count for each in listed[1:]}
    return [("rollout-route", "route", {"backends": listed, "weights": {"new": None, **shares}})]


@dataclass(frozen=True)
class Growth:
    """What is made larger, and to which sizes."""

    what: str
    sizes: tuple[int, ...]
    releases: Callable[[int], Releases]


GROWTHS = (
    Growth("adapters of a pool", (1, 10, 50, 200), adapters),
    Growth("pools of a namespace", (1, 10, 25, 50), pools),
    Growth("backends of a route", (2, 4, 8, 16), backends),
)


def render(releases: Releases, namespace: str) -> str:
    """Render each release by a helm of its own; a refusal ends the benchmark."""
    texts = []
    for chart, name, values in releases:
        path = str(CHARTS / chart)
        words = [str(tool("helm4")), "template", name, path, "--namespace", namespace, "--no-hooks", "-f", "-"]
        texts.append(run(words, stdin=json.dumps(values)))
    return "\n---\n".join(texts)


@contextmanager
def empty_namespace(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace in which nothing runs."""
    with new_namespace(cluster, "scale", wait=True) as namespace:
        namespace.apply(NO_PODS)
        yield namespace


def seconds(call: Callable[[], object], times: int = 1) -> float:
    """Median time of a call."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def apply(namespace: Namespace, text: str) -> None:
    """Apply manifests on the server's side."""
    namespace.kubectl("apply", "--server-side", "--filename=-", stdin=text)


def measure(cluster: Cluster) -> Result:
    """Measure all growths, size by size."""
    rows: list[tuple[str, ...]] = []
    growth: dict[str, dict[str, Line]] = {}
    for each in GROWTHS:
        rendering, applying, again = [], [], []
        for size in each.sizes:
            releases = each.releases(size)
            with empty_namespace(cluster) as namespace:
                text = render(releases, namespace.name)  # the first reads the disk
                rendering.append(seconds(partial(render, releases, namespace.name), RUNS))
                applying.append(seconds(partial(apply, namespace, text)))
                again.append(seconds(partial(apply, namespace, text), RUNS))
            objects = sum(1 for manifest in yaml.safe_load_all(text) if manifest)
            told = (each.what, str(size), str(objects), f"{len(text) / 1024:.0f}")
            rows.append((*told, *(f"{line[-1]:.2f}" for line in (rendering, applying, again))))
        lines = {"helm template": rendering, "apply, new": applying, "apply, there already": again}
        growth[each.what] = {name: Line(each.sizes, line) for name, line in lines.items()}
    about = (
        "`helm template`, one call a release, and `kubectl apply --server-side` of all objects in one call: into an "
        f"empty namespace, and once more over what is there. Medians of {RUNS}, but for the first apply."
    )
    columns = ("what grows", "to", "objects", "KiB", "helm template, s", "apply, new, s", "apply, there already, s")
    return Result("Growth", about, columns, rows, growth)
