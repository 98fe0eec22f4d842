"""Traffic through every kind of change of the route: it follows, and no request or stream of a minute is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import yaml

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.attribution import by_pool, pool_pods
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.traffic.statistics import multinomial_p
from kit.namespace import Namespace, new_namespace
from kit.pools import PARENTS, PREVIEW, start, wait_until_ready
from kit.route import Release
from kit.wait import FOLLOWED_SECONDS

REQUESTS = 400
ALPHA = 0.001 / 22  # 11 changes by two helms: the chance that a right split fails the whole file is 0.001
STREAM_TOKENS = 60  # at 20 ms a token many streams last longer than a second, so every change meets some
KEEP = "--reset-then-reuse-values"


@dataclass(frozen=True)
class Change:
    """A change of the route and the percent that the new pool has after it."""

    name: str
    percent: int
    make: Callable[[Release], object]


def upgrade(percent: int) -> Change:
    return Change(f"upgrade to {percent}", percent, lambda r: r.upgrade(KEEP, "--set", f"weights.new={percent}"))


def rollback(revision: int, percent: int) -> Change:
    return Change(f"rollback to {percent}", percent, lambda r: r.rollback(revision))


BY_HAND = {"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 450}  # beside 50
FORCE = {"helm3": ("--force",), "helm4": ("--server-side=true", "--force-conflicts")}
CHANGES = (
    *(upgrade(percent) for percent in (1, 10, 50, 99, 100)),  # revisions 2 to 6
    rollback(4, 50),
    rollback(6, 100),
    rollback(1, 0),
    upgrade(50),  # revision 10
    Change("hand edit to 10:90", 90, lambda r: r.edit_by_hand(BY_HAND)),
    Change("rollback over a hand edit", 10, lambda r: r.rollback(3, *FORCE[r.tool])),
)


@dataclass(frozen=True)
class Run:
    """What one helm's run of all changes showed."""

    splits: dict[str, dict[str, int]]
    """Answers by pool after each change."""
    same: dict[str, bool]
    """Whether the live spec was the rendered one after each change that helm made."""
    changed: list[float]
    """When each change was asked for, Unix time in s."""
    during: dict[str, Answers]
    """All answers of the steady load, streamed and not."""


@pytest.fixture(scope="module")
def pools(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace with two real pools, whose servers take 20 ms a token."""
    values = {**PREVIEW, "modelServer.extraArgs": ["--inter-token-latency", "20ms"]}
    with new_namespace(cluster, "traffic") as namespace:
        for name in ("pool-old", "pool-new"):
            start(namespace, name, values)
        for name in ("pool-old", "pool-new"):
            wait_until_ready(namespace, name)
        yield namespace


@pytest.fixture(scope="module", params=["helm3", "helm4"])
def run(pools: Namespace, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All changes by one helm, under a steady load of streams and of whole answers."""
    release, cluster = Release(pools).by(request.param), pools.cluster
    host = f"{request.param}.{pools.host}"
    values = tmp_path_factory.mktemp("route") / "values.yaml"
    values.write_text(_values(host))
    release.install("--values", str(values))
    time.sleep(FOLLOWED_SECONDS)
    pods = pool_pods(cluster.client(), pools.name)
    whole = Completion("food-review", max_tokens=4, headers={"Host": host})
    stream = Completion("food-review", max_tokens=STREAM_TOKENS, stream=True, headers={"Host": host})
    splits, same, changed = {}, {}, []
    with (
        background(cluster.gateway_url, whole, Plan(rate=40, seconds=300, workers=64)) as short,
        background(cluster.gateway_url, stream, Plan(rate=10, seconds=300, workers=64)) as long,
    ):
        time.sleep(1)
        for change in CHANGES:
            changed.append(time.time())
            change.make(release)
            time.sleep(FOLLOWED_SECONDS)
            answers = send(cluster.gateway_url, whole, Plan(count=REQUESTS, workers=16))
            splits[change.name] = dict(by_pool(answers, pods))
            same[change.name] = release.live()["spec"] == release.rendered()["spec"]
    release.namespace.helm("uninstall", "route")
    return Run(splits, same, changed, {"whole": short.answers(), "stream": long.answers()})


def _values(host: str) -> str:
    return yaml.safe_dump(
        {
            "parentRefs": PARENTS,
            "hostnames": [host],
            "guards": {"maxStep": 100},
        }
    )


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name.replace(" ", "-"))
def test_traffic_follows_the_change(run: Run, change: Change) -> None:
    seen = run.splits[change.name]
    assert sum(seen.values()) == REQUESTS
    counts = [seen.get("pool-old", 0), seen.get("pool-new", 0)]
    assert multinomial_p(counts, [100 - change.percent, change.percent]) > ALPHA, counts


@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_no_request_is_lost_through_all_changes(run: Run, kind: str) -> None:
    answers = run.during[kind]
    assert answers.lost == 0, answers.causes()
    assert answers.started.max() - answers.started.min() > 30


def test_streams_were_under_way_at_every_change(run: Run) -> None:
    streams = run.during["stream"]
    for moment in run.changed:
        assert ((streams.started < moment) & (streams.started + streams.latency > moment)).any()


def test_the_live_route_is_the_rendered_one_after_each_change_by_helm(run: Run) -> None:
    assert {name for name, same in run.same.items() if not same} == {"hand edit to 10:90"}
