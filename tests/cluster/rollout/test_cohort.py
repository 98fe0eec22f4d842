"""500 ids followed through a rollout: none goes back while the share grows, and each weight has its share of them.

Alpha and power: the share of the ids at each weight is tested exactly, both sides, at ALPHA. With 500 ids a share of
20 % where 10 % was asked for is refused with a probability of at least POWER, and so are 35 and 65 % where 50 % was
(`test_500_ids_tell_a_wrong_share`). Where each single id goes needs no statistics: its last digits say it.
"""

from __future__ import annotations

import secrets
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.kube.route import PoolRef, Route
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.traffic.statistics import binomial_p, power
from kit.charts import CHARTS
from kit.rollout import Rollout
from kit.rollout import rollout as new_rollout
from kit.wait import FOLLOWED_SECONDS

HEADER = "x-user-hash"
IDS = 500
WEIGHTS = (10, 50)  # at 0 and 100 the share is exact
ALPHA = 0.001 / 4  # two weights, of the ids and of those without: the chance that right shares fail the file is 0.001
POWER = 0.99
BODY = b'{"model": "food-review", "prompt": "Taste:", "max_tokens": 2}'

Followed = Mapping[str, str]
"""The pool that answered each id."""


@dataclass
class Ids:
    """Ids and what their requests met."""

    rollout: Rollout
    ids: Sequence[str] = field(default_factory=lambda: [secrets.token_hex(16) for _ in range(IDS)])

    def ask(self, each: str) -> str:
        """The pool that answers one request with this id."""
        namespace = self.rollout.namespace
        headers = {"Host": namespace.host, HEADER: each, "Content-Type": "application/json"}
        url = f"{namespace.cluster.gateway_url}/v1/completions"
        with urllib.request.urlopen(urllib.request.Request(url, BODY, headers), timeout=60) as answer:
            return str(answer.headers["x-inference-pool"]).rpartition("/")[2]

    def all(self) -> Followed:
        """Ask once with each id."""
        with ThreadPoolExecutor(16) as threads:
            return dict(zip(self.ids, threads.map(self.ask, self.ids), strict=True))


@pytest.fixture(scope="module")
def rollout(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    with new_rollout(cluster, tmp_path_factory.mktemp("cohort"), "pool-old", "pool-new", "pool-bad") as made:
        yield made


def by_ids(rollout: Rollout, new: str = "pool-new") -> None:
    """All weight to the old pool, and ids decide who moves."""
    rollout.to_old(new)
    set_values(rollout, f"cohort.header={HEADER}")


def set_values(rollout: Rollout, *values: str) -> None:
    words = [word for value in values for word in ("--set", value)]
    rollout.namespace.helm("upgrade", "route", CHARTS / "rollout-route", "--reset-then-reuse-values", *words)
    time.sleep(FOLLOWED_SECONDS)


def percent(rollout: Rollout) -> float:
    """The new pool's percent in the live route, by weights and by ids alike."""
    live = Route(rollout.namespace.get("httproute/route"))
    new = PoolRef(rollout.namespace.name, "pool-new")
    assert live.percent(new) == live.least(new)
    return live.percent(new)


@pytest.fixture(scope="module")
def followed(rollout: Rollout) -> dict[str, Followed]:
    """Where each id went at 0, 10, 50 and 100 percent, and after the way back; `none` are requests without an id."""
    ids = Ids(rollout)
    by_ids(rollout)
    found: dict[str, Followed] = {"0": ids.all()}
    for weight in (10, 50, 100):
        set_values(rollout, f"weights.new={weight}")
        found[str(weight)] = ids.all()
    rollout.namespace.helm("rollback", "route", "2")
    time.sleep(FOLLOWED_SECONDS)
    found["back"] = ids.all()
    return found


def moved(followed: Followed) -> set[str]:
    return {each for each, pool in followed.items() if pool == "pool-new"}


def test_no_id_goes_back_while_the_share_grows(followed: dict[str, Followed]) -> None:
    stages = [moved(followed[stage]) for stage in ("0", "10", "50", "100")]
    assert all(before <= after for before, after in pairwise(stages))
    assert [len(stages[0]), len(stages[-1])] == [0, IDS]


def test_the_way_back_takes_every_id_back(followed: dict[str, Followed]) -> None:
    assert set(followed["back"].values()) == {"pool-old"}


@pytest.mark.parametrize("weight", WEIGHTS)
def test_each_id_goes_where_its_last_digits_say(followed: dict[str, Followed], weight: int) -> None:
    wrong = {
        each: pool
        for each, pool in followed[str(weight)].items()
        if (pool == "pool-new") != (int(each[-3:], 16) < round(4096 * weight / 100))
    }
    assert wrong == {}


@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_share_of_the_ids_is_the_weight(followed: dict[str, Followed], weight: int) -> None:
    count = len(moved(followed[str(weight)]))
    assert binomial_p(count, IDS, weight / 100) > ALPHA, count


@pytest.mark.parametrize(("asked", "wrong"), [(0.1, 0.2), (0.5, 0.35), (0.5, 0.65)])
def test_500_ids_tell_a_wrong_share(asked: float, wrong: float) -> None:
    assert power(asked, wrong, ALPHA, IDS) >= POWER


@pytest.mark.parametrize("weight", WEIGHTS)
def test_requests_without_an_id_are_split_by_the_weights(rollout: Rollout, weight: int) -> None:
    by_ids(rollout)
    set_values(rollout, f"weights.new={weight}")
    namespace = rollout.namespace
    request = Completion("food-review", max_tokens=2, headers={"Host": namespace.host})
    answers = send(namespace.cluster.gateway_url, request, Plan(count=IDS, workers=16))
    assert answers.lost == 0, answers.causes()
    count = sum(str(mark).endswith("/pool-new") for mark in answers.pool)
    assert binomial_p(count, IDS, weight / 100) > ALPHA, count


def test_the_driver_moves_each_id_once_and_only_forward(rollout: Rollout) -> None:
    """Ids are asked again and again while the driver goes from 0 to 100, and while it takes everything back."""
    by_ids(rollout)
    ids = Ids(rollout)
    rounds: list[Followed] = []
    ended = threading.Event()

    def follow() -> None:
        while not ended.is_set():
            rounds.append(ids.all())

    with ThreadPoolExecutor(1) as background:
        following = background.submit(follow)
        try:
            done = rollout.run("run")
        finally:
            ended.set()
        following.result()
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert len(rounds) > 4
    back = {each for before, after in pairwise(rounds) for each in moved(before) - moved(after)}
    assert back == set()
    assert (len(moved(rounds[0])), len(moved(ids.all())), percent(rollout)) == (0, IDS, 100)
    taken = rollout.run("rollback")
    assert taken.returncode == 0, taken.stdout + taken.stderr
    assert (moved(ids.all()), percent(rollout)) == (set(), 0)


def test_ids_that_moved_to_a_bad_pool_are_taken_back(rollout: Rollout) -> None:
    """Its failures are judged by the step; they are no reason to hold users on it because of the ids."""
    by_ids(rollout, "pool-bad")
    done = rollout.run("run", new="pool-bad", steps=(50, 100))
    assert done.returncode == ExitCode.ROLLED_BACK, done.stdout + done.stderr
    assert set(Ids(rollout).all().values()) == {"pool-old"}
