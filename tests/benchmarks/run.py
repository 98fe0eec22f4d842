"""All benchmarks, or those that are named, one after the other; only all of them write docs/benchmarks.md.

./scripts/bench                  everything: a cluster of the demo's own is made, and removed at the end
./scripts/bench render scale     these parts, printed; propagation and scale use the cluster of --name if it is up
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping

from benchmarks import demo_phases, load_rate, propagation, render_time, scale
from benchmarks.plot import plot
from benchmarks.result import Result, machine
from inferencepool_lab import demo
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.cluster.ready import ready
from inferencepool_rollout.failure import run_cli
from inferencepool_rollout.progress import step
from inferencepool_rollout.traffic.attribution import pool_pods
from kit.charts import ROOT
from kit.namespace import Namespace

NAME, PORT = "inferencepool-demo", 18080
PAGE, PLOT = ROOT / "docs/benchmarks.md", ROOT / "docs/benchmarks.svg"
HEADER = """\
<!-- Written by ./scripts/bench; not by hand. -->
# Benchmarks

`./scripts/bench` runs all of this and writes this page; with words, as in `./scripts/bench render scale`, those parts.

{when}: {machine}. {remark}

![How rendering and applying grow with adapters, pools and backends](benchmarks.svg)

"""


def parts(name: str, port: int) -> Mapping[str, Callable[[], Result]]:
    """Return each part's measurement by its word, in the order in which they run."""
    return {
        "render": lambda: render_time.measure(runs=20, helm_name="helm4"),
        "load": lambda: load_rate.measure(workers=16, length=5),
        "demo": lambda: demo_phases.measure(name, port),
        "propagation": lambda: propagation.measure(Namespace(with_pools(name, port), "default"), changes=20),
        "scale": lambda: scale.measure(ready(name, port)),
    }


def with_pools(name: str, port: int) -> Cluster:
    """Return the cluster as the demo leaves it, with both pools and the route."""
    cluster = ready(name, port)
    there = set(pool_pods(cluster.client(), "default").values())
    for release in {"pool-old", "pool-new"} - there:
        cluster.helm("install", release, demo.POOL, "--values", demo.POOL_VALUES, "--wait")
    cluster.helm("upgrade", "route", demo.ROUTE, "--install", "--set", "weights.new=0,guards.force=true")
    return cluster


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(parts(NAME, PORT))}; none means all")
    parser.add_argument("--name", default=NAME, help="name of the kind cluster (%(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="port of 127.0.0.1 for its Gateway (%(default)s)")
    parser.add_argument(
        "--remark", default="", help="what the page is to say of this run, as who else used the machine"
    )
    options = parser.parse_args()
    every = parts(options.name, options.port)
    if unknown := sorted(set(options.parts) - every.keys()):
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(every)}")
    about, results = machine(), []
    for word, measure in every.items():
        if word in options.parts or not options.parts:
            with step(f"benchmark {word}"):
                results.append(measure())
            results[-1].show()
    if options.parts:
        return 0
    demo.main(["--down", "--name", options.name])
    text = HEADER.format(when=time.strftime("%Y-%m-%d"), machine=about, remark=options.remark)
    plot([result for result in results if result.growth], PLOT)
    PAGE.write_text(text + "\n".join(result.markdown() for result in results))
    print(f"wrote {PAGE} and {PLOT}")
    return 0


if __name__ == "__main__":
    run_cli(main)
