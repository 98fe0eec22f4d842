"""All benchmarks, or those that are named, one after the other; only all of them write docs/benchmarks.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from benchmarks import (
    accelerator_hours,
    another_prober,
    demo_phases,
    emergency,
    load_rate,
    probe_clock,
    propagation,
    render_time,
    scale,
    workload_rate,
)
from benchmarks.plot import plot
from benchmarks.result import Result, machine
from inferencepool_lab import demo
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.ready import ready
from inferencepool_rollout.command import run_command
from inferencepool_rollout.progress import step
from inferencepool_rollout.traffic.attribution import pool_pods
from kit.charts import ROOT
from kit.namespace import Namespace

NAME, PORT = "inferencepool-demo", 18080
PAGE, PLOT = ROOT / "docs/benchmarks.md", ROOT / "docs/benchmarks.svg"
HEADER = """\
<!-- Written by ./scripts/bench; not by hand. -->
# Benchmarks

`./scripts/bench` runs all of this and writes this page; `./scripts/bench render scale` runs and prints these parts.

{when}: {machine}. {remark}

![How rendering and applying grow with adapters, pools and backends](benchmarks.svg)

"""


def parts(name: str, port: int) -> Mapping[str, Callable[[], Result]]:
    """Return each part's measurement by its word, in the order in which they run."""
    return {
        "render": lambda: render_time.measure(runs=20, helm_name="helm4"),
        "load": lambda: load_rate.measure(workers=16, length=5),
        "probe": lambda: probe_clock.measure(rate=200, seconds=10),
        "workload": lambda: workload_rate.measure(requests=20_000),
        "guidellm": lambda: another_prober.measure(rate=10, seconds=60, rounds=3),
        "accelerators": accelerator_hours.measure,
        "demo": lambda: demo_phases.measure(name, port),
        "propagation": lambda: propagation.measure(Namespace(with_pools(name, port), "default"), changes=20),
        "emergency": lambda: emergency.measure(ready(name, port), runs=5),
        "scale": lambda: scale.measure(ready(name, port)),
    }


def with_pools(name: str, port: int) -> Cluster:
    """Return the cluster as the demo leaves it, with both pools and the route."""
    cluster = ready(name, port)
    there = set(pool_pods(cluster.client(), "default").values())
    for release in {"pool-old", "pool-new"} - there:
        cluster.helm("install", release, demo.POOL, "--values", demo.POOL_VALUES, "--wait")
    cluster.helm("uninstall", "route", "--ignore-not-found", "--wait")
    cluster.helm("install", "route", demo.ROUTE, "--set", "guards.maxStep=100")
    return cluster


def bench(
    words: Annotated[list[str] | None, typer.Argument(metavar="[PART]...", help="a part; none means all")] = None,
    name: Annotated[str, typer.Option(help="name of the kind cluster")] = NAME,
    port: Annotated[int, typer.Option(help="port of 127.0.0.1 for its Gateway")] = PORT,
    remark: Annotated[str, typer.Option(help="added to the page, as who else used the machine")] = "",
) -> int:
    """Run all benchmarks and write docs/benchmarks.md, or run only some and print them.

    The parts are render, load, probe, workload, guidellm, accelerators, demo, propagation, emergency and scale. For all
    of them a cluster is made, and removed at the end; alone, propagation, emergency and scale use that of --name if it
    is up.
    """
    chosen, every = words or [], parts(name, port)
    if unknown := sorted(set(chosen) - every.keys()):
        raise typer.BadParameter(f"there is no part {', '.join(unknown)}; there are {', '.join(every)}")
    about, results = machine(), []
    for word, measure in every.items():
        if word in chosen or not chosen:
            with step(f"benchmark {word}"):
                results.append(measure())
            results[-1].show()
    if chosen:
        return 0
    demo.down(name)
    text = HEADER.format(when=time.strftime("%Y-%m-%d"), machine=about, remark=remark)
    plot([result for result in results if result.growth], PLOT)
    PAGE.write_text(text + "\n".join(result.markdown() for result in results))
    print(f"wrote {PAGE} and {PLOT}")
    return 0


if __name__ == "__main__":
    run_command(bench, "scripts/bench")
