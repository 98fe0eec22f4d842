"""The guide's rollout, run as a user would, on a real kind cluster; every stage is judged."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inferencepool_lab import docker as engine
from inferencepool_lab.builds.tools import tool
from inferencepool_lab.cluster import kind
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.cluster.ready import ready
from inferencepool_lab.stage import Seen, Stage, run_stage
from inferencepool_rollout.failure import run_cli
from inferencepool_rollout.progress import step

ROOT = Path(__file__).parents[2]
POOL, ROUTE = ROOT / "charts/inferencepool", ROOT / "charts/rollout-route"
POOL_VALUES = ROOT / "values/pool/kind/simulator.yaml"

OLD, SPLIT, NEW = {"pool-old": 100, "pool-new": 0}, {"pool-old": 90, "pool-new": 10}, {"pool-old": 0, "pool-new": 100}
ALL_TO_NEW = ("upgrade", "route", ROUTE, "--set", "weights.new=100,guards.force=true")
STAGES = (
    Stage("install", ("install", "route", ROUTE), {}, OLD),
    Stage("shift", ("upgrade", "route", ROUTE, "--set", "weights.new=10"), OLD, SPLIT),
    Stage("finish", ALL_TO_NEW, SPLIT, NEW),
    Stage("take back", ("rollback", "route"), NEW, SPLIT),
    Stage("forward again", ALL_TO_NEW, SPLIT, NEW),
    Stage("remove old", ("uninstall", "pool-old", "--wait"), {"pool-new": 100}, {"pool-new": 100}),
)
COLUMNS = "{:<14}{:>9}{:>10}{:>12}{:>13}{:>9}{:>9}{:>10}"
HEAD = ("stage", "asked", "requests", "answered", "picked", "non-200", "p", "follows s")


@dataclass(frozen=True)
class Options:
    """What the user asked for; `requests` are sent at each stage."""

    name: str
    port: int
    requests: int
    keep: bool
    down: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return 0 if every stage was right and 1 if one was not."""
    options = _options(arguments)
    if options.down:
        return _down(options.name)
    try:
        cluster = ready(options.name, options.port)
        findings = _roll_out(cluster, options.requests)
    except BaseException:
        if not options.keep:
            _down(options.name)
        raise
    for finding in findings:
        print(f"wrong: {finding}")
    if options.keep:
        print(_next_commands(cluster))
    else:
        _down(options.name)
    if not findings:
        print("every stage was right")
    return 1 if findings else 0


def _roll_out(cluster: Cluster, requests: int) -> list[str]:
    """Install two pools, run the stages and print a row for each; return what was wrong."""
    install_pools(cluster)
    print(COLUMNS.format(*HEAD))
    print(COLUMNS.format("", "old/new", "", "old/new", "old/new", "", "", ""))
    findings: list[str] = []
    for stage in STAGES:
        seen = run_stage(cluster, stage, requests)
        print(_row(stage, seen), flush=True)
        findings += [f"{stage.name}: {finding}" for finding in seen.verdict.findings]
    return findings


def install_pools(cluster: Cluster) -> None:
    """Install pool-old and pool-new, and wait until their pods are ready."""
    for release in ("pool-old", "pool-new"):
        with step(f"helm install {release}", "15 s"):
            cluster.helm("install", release, POOL, "--values", POOL_VALUES, "--wait", "--timeout", "3m")


def _row(stage: Stage, seen: Seen) -> str:
    def pair(counts: Mapping[str, float]) -> str:
        return f"{counts.get('pool-old', 0):g}/{counts.get('pool-new', 0):g}"

    p_values = [p for p in (seen.verdict.answers_p, seen.verdict.picks_p) if p is not None]
    return COLUMNS.format(
        stage.name, pair(stage.after), seen.requests, pair(seen.answered), pair(seen.picked), seen.lost,
        f"{min(p_values):.3f}" if p_values else "-", f"{seen.follows:.2f}" if seen.follows is not None else "-",
    )  # fmt: skip


def _down(name: str) -> int:
    """Remove the cluster and the engine that the harness started; the cache stays."""
    docker = engine.answering()
    removed = kind.down(docker, name) if docker else False
    stopped = engine.stop() if not kind.ours() else False
    done = [what for what, was in ((f"the kind cluster {name}", removed), ("dockerd", stopped)) if was]
    print(f"removed {' and '.join(done)}; the cache stays" if done else "there was nothing of ours to remove")
    return 0


def _next_commands(cluster: Cluster) -> str:
    docker = "".join(f"export {key}={value}\n" for key, value in cluster.engine.environment.items())
    return f"""
The cluster stays up. Next:

{docker}export KUBECONFIG={cluster.kubeconfig}
export PATH={tool("helm4").parent}:{tool("kubectl").parent}:$PATH
curl -i {cluster.gateway_url}/v1/completions -H 'Content-Type: application/json' \\
  -d '{{"model": "food-review", "prompt": "San Francisco", "max_tokens": 16}}'
helm history route
helm rollback route
helm install pool-old {POOL.relative_to(ROOT)} -f {POOL_VALUES.relative_to(ROOT)}
./scripts/demo --down
"""


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the cluster up and say what to try next")
    parser.add_argument("--down", action="store_true", help="remove what --keep left: cluster, docker engine of ours")
    parser.add_argument("--name", type=_name, default="inferencepool-demo", help="name of the cluster (%(default)s)")
    parser.add_argument("--port", type=_port, default=18080, help="port of 127.0.0.1 for the Gateway (%(default)s)")
    parser.add_argument("--requests", type=_count, default=1000, help="requests judged at each stage (%(default)s)")
    chosen = parser.parse_args(arguments)
    return Options(**vars(chosen))


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a cluster: take lower-case letters, digits and -")
    return text


def _port(text: str) -> int:
    if not (text.isdecimal() and 1024 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1024 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not (text.isdecimal() and 100 <= int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of requests from 100 to 1000000")
    return int(text)


if __name__ == "__main__":
    run_cli(main)
