"""A rollout to a new server version: from a pool with the EPP of an older line to one with the current EPP."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
import yaml

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.attribution import PICKS, by_pool, gained, pool_pods, read
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.traffic.statistics import multinomial_p
from kit.charts import only
from kit.epp_lines import LINES, Line
from kit.epp_metrics import reached, reader
from kit.namespace import Namespace
from kit.pools import PARENTS, PREVIEW, TESTERS, rendered, start, wait_until_ready
from kit.route import Release
from kit.wait import wait_until
from long.epp.namespaces import namespace_for

OLD, NEW = "pool-old", "pool-new"
CURRENT = LINES[-1]
OLDER = [line for line in LINES if line.family == CURRENT.family and line != CURRENT]
REQUESTS = 400
# The chance that right splits fail the file is 0.001; a share of 65 % in place of 50 % is refused with a power of 0.99.
ALPHA = 0.001 / len(OLDER)


@dataclass(frozen=True)
class Rollout:
    """Both pools behind one route, and the load that goes through it."""

    namespace: Namespace
    account: str
    """Who may read the EPPs' metrics: the oldest ask for a token whatever they are told."""

    def completion(self, model: str = "food-review-1") -> Completion:
        return Completion(model, max_tokens=2, headers={"Host": self.namespace.host})

    def serves(self, headers: Mapping[str, str]) -> bool:
        """Whether requests with these headers, of the route or of testers of one pool, are answered."""
        asked = Completion("food-review-1", max_tokens=2, headers=headers)
        return not send(self.namespace.cluster.gateway_url, asked, Plan(count=20)).lost

    def send(self, plan: Plan, model: str = "food-review-1") -> Answers:
        return send(self.namespace.cluster.gateway_url, self.completion(model), plan)

    def shift(self, percent: int) -> None:
        """Lead that share to the new pool, and wait until the gateway does."""
        Release(self.namespace).upgrade("--reset-then-reuse-values", "--set", f"weights.new={percent}")
        expected = {pool for pool, share in ((OLD, 100 - percent), (NEW, percent)) if share}
        shown = f"the answers are of {expected}"
        wait_until(lambda: self.answered(self.send(Plan(count=20))).keys() == expected, shown)

    def answered(self, answers: Answers) -> dict[str, int]:
        return dict(by_pool(answers, pool_pods(self.namespace.cluster.client(), self.namespace.name)))

    def picks(self) -> dict[str, int]:
        """How many picks the EPP of each pool has made."""
        made = {}
        for pool in (OLD, NEW):
            with reached(self.namespace, pool) as metrics:
                made[pool] = read(metrics.answer(self.account)[1], PICKS)
        return made


@pytest.fixture(scope="module", params=OLDER, ids=str)
def line(request: pytest.FixtureRequest) -> Line:
    chosen: Line = request.param
    return chosen


@pytest.fixture(scope="module")
def rollout(every_line: Cluster, line: Line, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    """Both pools, closed without their EPPs, and the route with all weight on the old one.

    The alias of the old pool is applied by hand: to most EPPs of older lines the chart refuses it.
    """
    with namespace_for(every_line, line, CURRENT) as namespace, reader(namespace) as account:
        both = {
            "pool.failureMode": "FailClose",
            "epp.metricsAuth": True,
            "objectives": [],
            **PREVIEW,
        }
        start(namespace, OLD, {**both, **line.values, "aliases": []})
        namespace.apply(only(rendered(namespace, OLD, {}), "InferenceModelRewrite"))
        start(namespace, NEW, {**both, **CURRENT.values})
        for pool in (OLD, NEW):
            wait_until_ready(namespace, pool)
        made = Rollout(namespace, account)
        values = {
            "parentRefs": PARENTS,
            "hostnames": [namespace.host],
            "guards": {"maxStep": 100},
        }
        file = tmp_path_factory.mktemp("route") / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        Release(namespace).install("--values", str(file))
        testers = ({TESTERS: f"{namespace.name}/{pool}"} for pool in (OLD, NEW))
        for served in ({"Host": namespace.host}, *testers):
            wait_until(functools.partial(made.serves, served), f"the gateway serves {served}")
        yield made


def test_no_request_is_lost_on_the_way_there_and_back(rollout: Rollout) -> None:
    url = rollout.namespace.cluster.gateway_url
    with background(url, rollout.completion(), Plan(rate=20, seconds=300, workers=32)) as load:
        for percent in (50, 100, 50, 0):
            rollout.shift(percent)
    answers = load.answers()
    assert answers.lost == 0, set(answers.detail)
    assert rollout.answered(answers).keys() == {OLD, NEW}


def test_at_half_and_half_each_epp_picks_what_its_pool_answers(rollout: Rollout) -> None:
    rollout.shift(50)
    before = rollout.picks()
    answers = rollout.send(Plan(count=REQUESTS))
    answered = rollout.answered(answers)
    assert answers.lost == 0, set(answers.detail)
    assert gained(before, rollout.picks()) == answered
    assert multinomial_p([answered[OLD], answered[NEW]], [50, 50]) > ALPHA, answered


def test_an_alias_is_served_by_just_those_epps_that_the_chart_gives_aliases_to(rollout: Rollout, line: Line) -> None:
    rollout.shift(0)
    answers = rollout.send(Plan(rate=4, count=20), "food-review")
    assert set(answers.status.tolist()) == {200 if line.rewrites else 404}
