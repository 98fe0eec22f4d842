"""Upstream's rollout guide, run as a user would, on a kind cluster; every stage is judged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from inferencepool_lab import docker
from inferencepool_lab.builds.tools import tool
from inferencepool_lab.cluster import kind
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.ready import ready
from inferencepool_lab.stage import Seen, Stage, run_stage
from inferencepool_rollout.command import run_command
from inferencepool_rollout.progress import step
from inferencepool_rollout.traffic.statistics import detectable, sample_size
from inferencepool_rollout.traffic.verdict import ALPHA, POWER

ROOT = Path(__file__).parents[2]
POOL, ROUTE = ROOT / "charts/inferencepool", ROOT / "charts/rollout-route"
POOL_VALUES = ROOT / "values/pool/kind/simulator.yaml"

OLD, SPLIT, NEW = {"pool-old": 100, "pool-new": 0}, {"pool-old": 90, "pool-new": 10}, {"pool-old": 0, "pool-new": 100}
ALL_TO_NEW = ("upgrade", "route", ROUTE, "--set", "weights.new=100,guards.force=true")
STAGES = (
    Stage("install", ("install", "route", ROUTE), {}, OLD),
    Stage("shift", ("upgrade", "route", ROUTE, "--set", "weights.new=10"), OLD, SPLIT),
    Stage("finish", ALL_TO_NEW, SPLIT, NEW),
    Stage("take back", ("rollback", "route", "2"), NEW, SPLIT),
    Stage("forward again", ALL_TO_NEW, SPLIT, NEW),
    Stage("remove old", ("uninstall", "pool-old", "--wait"), {"pool-new": 100}, {"pool-new": 100}),
)
DIFFERENCE = 0.05
"""What the demo claims to see: a share of pool-new at 90/10 that is 5 percent points off, either way."""
JUDGES = 2  # the answers and the picks, which share ALPHA (traffic.verdict.judge)
COLUMNS = "{:<13}{:>7}{:>9}{:>14}{:>14}{:>5}{:>7}{:>10}"
HEAD = ("stage", "asked", "requests", "answered", "picked", "lost", "p", "follows s")


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?", text):
        raise typer.BadParameter(f"{text!r} is not a name of a cluster: use up to 50 lower-case letters, digits and -")
    return text


def demo(
    name: Annotated[str, typer.Option(help="name of the cluster", parser=_name)] = "inferencepool-demo",
    port: Annotated[int, typer.Option(help="port of 127.0.0.1 for the Gateway", min=1024, max=65535)] = 18080,
    requests: Annotated[
        int | None,
        typer.Option(help="requests judged at each stage; as many as its claim needs", min=100, max=1_000_000),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="leave the cluster up and print what to try next")] = False,
    remove: Annotated[bool, typer.Option("--down", help="remove what --keep left: cluster and docker daemon")] = False,
) -> int:
    """Run upstream's rollout on a real kind cluster; exits with 0 if every stage was right, with 1 if one was not."""
    if remove:
        return down(name)
    requests = requests or enough()
    try:
        cluster = ready(name, port)
        findings = _roll_out(cluster, requests)
    except BaseException:
        if not keep:
            down(name)
        raise
    for finding in findings:
        print(f"wrong: {finding}")
    if keep:
        print(_next_commands(cluster))
    else:
        down(name)
    if not findings:
        print("every stage was right")
        print(_power(requests))
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


def enough() -> int:
    """Return the requests a stage by which the demo keeps its claim.

    It refuses a share of pool-new that is DIFFERENCE off with probability POWER, and a right one with ALPHA at most.
    """
    new = SPLIT["pool-new"] / sum(SPLIT.values())
    return max(sample_size(new, new + off, ALPHA / JUDGES, POWER) for off in (-DIFFERENCE, DIFFERENCE))


def _power(requests: int) -> str:
    """What so many requests at 90/10 could have shown to be wrong, by the test that judged them."""
    low, high = detectable(SPLIT["pool-new"] / sum(SPLIT.values()), requests, ALPHA / JUDGES, POWER)
    return (
        f"{requests} requests at 90/10 refuse a true share of pool-new below {low:.1%} or above {high:.1%} with "
        f"probability {POWER:.0%} at least; more --requests refuse smaller differences"
    )


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


def down(name: str) -> int:
    """Remove the cluster, and the docker daemon if the laboratory started it; the cache stays."""
    daemon = docker.answering()
    removed = kind.down(daemon, name) if daemon else False
    stopped = docker.stop() if not kind.names() else False
    done = [what for what, was in ((f"the kind cluster {name}", removed), ("dockerd", stopped)) if was]
    print(f"removed {' and '.join(done)}; the cache stays" if done else f"there is no cluster {name} of the demo")
    return 0


def _next_commands(cluster: Cluster) -> str:
    exports = "".join(f"export {key}={value}\n" for key, value in cluster.docker.environment.items())
    return f"""
The cluster stays up. Next:

{exports}export KUBECONFIG={cluster.kubeconfig}
export PATH={tool("helm4").parent}:{tool("kubectl").parent}:$PATH
curl -i {cluster.gateway_url}/v1/completions -H 'Content-Type: application/json' \\
  -d '{{"model": "food-review", "prompt": "San Francisco", "max_tokens": 16}}'
helm history route
helm install pool-old {POOL.relative_to(ROOT)} -f {POOL_VALUES.relative_to(ROOT)} --wait
helm rollback route 2
./scripts/demo --down --name {cluster.name}
"""


if __name__ == "__main__":
    run_command(demo, "scripts/demo")
