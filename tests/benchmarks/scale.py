"""How rendering and server-side apply grow: adapters of a pool, pools of a namespace, backends of a route.

    python tests/benchmarks/scale.py [--name inferencepool-demo] [--port 18080]

Everything is really applied, into a namespace of its own whose quota lets no pod in, and deleted afterwards. The time
of rendering is helm's, one call a release; that of applying is kubectl's, one call for all releases of a size.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from benchmarks.result import Line, Result  # noqa: E402
from inferencepool_lab.builds.tools import tool  # noqa: E402
from inferencepool_lab.cluster.handle import Cluster  # noqa: E402
from inferencepool_lab.docker import ensure  # noqa: E402
from inferencepool_rollout.process import run  # noqa: E402

NAMESPACE = "scale"
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


def render(releases: Releases) -> str:
    """Render each release by a helm of its own; a refusal ends the benchmark."""
    texts = []
    for chart, name, values in releases:
        path = str(ROOT / "charts" / chart)
        words = [str(tool("helm4")), "template", name, path, "--namespace", NAMESPACE, "--no-hooks", "-f", "-"]
        texts.append(run(words, stdin=json.dumps(values)))
    return "\n---\n".join(texts)


@contextmanager
def empty_namespace(cluster: Cluster) -> Iterator[None]:
    """A namespace in which nothing runs."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    try:
        cluster.kubectl("--namespace", NAMESPACE, "apply", "--filename=-", stdin=yaml.safe_dump(NO_PODS))
        yield
    finally:
        cluster.kubectl("delete", "namespace", NAMESPACE, "--wait")


def seconds(call: Callable[[], object], times: int = 1) -> float:
    """Median time of a call."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def apply(cluster: Cluster, text: str) -> None:
    """Apply manifests on the server's side."""
    cluster.kubectl("--namespace", NAMESPACE, "apply", "--server-side", "--filename=-", stdin=text)


def measure(cluster: Cluster) -> Result:
    """Measure all growths, size by size."""
    rows: list[tuple[str, ...]] = []
    growth: dict[str, dict[str, Line]] = {}
    for each in GROWTHS:
        rendering, applying, again = [], [], []
        for size in each.sizes:
            releases = each.releases(size)
            text = render(releases)  # the first reads the disk
            rendering.append(seconds(partial(render, releases), RUNS))
            with empty_namespace(cluster):
                applying.append(seconds(partial(apply, cluster, text)))
                again.append(seconds(partial(apply, cluster, text), RUNS))
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="inferencepool-demo", help="name of the kind cluster")
    parser.add_argument("--port", type=int, default=18080, help="port of 127.0.0.1 for its Gateway")
    options = parser.parse_args()
    measure(Cluster(ensure(), options.name, options.port)).show()


if __name__ == "__main__":
    main()
