"""Attribution: by the answering pod's pool, and by the EPPs' own counters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client import Counter as PromCounter

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic import attribution
from inferencepool_rollout.traffic.answers import Answer, Answers, Cause
from inferencepool_rollout.traffic.attribution import NOBODY, PICKS, SERVED, by_pool, gained, pools_by_prefix, read


def page(counter: attribution.Counter | None, count: int = 0) -> str:
    """What a program exports that has counted so much; None: some other program."""
    registry = CollectorRegistry()
    Histogram("workqueue_queue_duration_seconds", "of every controller", registry=registry).observe(1)
    if counter:
        Gauge(counter.always[0], "there from the start", ["model_name"], registry=registry).labels("m").set(1)
    if counter is PICKS and count:
        histogram = Histogram(PICKS.samples[0].removesuffix("_count"), "picks", registry=registry)
        for _ in range(count):
            histogram.observe(0.0003)
    if counter is SERVED and count:
        requests = PromCounter(SERVED.samples[0], "served", ["model_name", "finished_reason"], registry=registry)
        requests.labels("m", "length").inc(count - 1)
        requests.labels("m", "stop").inc(1)
    return generate_latest(registry).decode()


def answers(pods: list[str]) -> Answers:
    return Answers.of([Answer(0, 0.1, 0.0, 200 if pod else 503, _cause(pod), pod, 0, "") for pod in pods])


def _cause(pod: str) -> Cause:
    return Cause.NONE if pod else Cause.STATUS


@pytest.mark.parametrize("counter", [PICKS, SERVED])
@given(count=st.integers(0, 50))
def test_a_page_tells_its_count_over_all_labels(counter: attribution.Counter, count: int) -> None:
    assert read(page(counter, count), counter) == count


@pytest.mark.parametrize("other", ["", "404 page not found\n", page(None)])
def test_a_page_of_something_else_is_refused(other: str) -> None:
    with pytest.raises(Failure, match="picks of the EPP"):
        read(other, PICKS)


def test_what_counts_is_the_difference_of_two_readings() -> None:
    assert gained({"pool-old": 5, "pool-new": 0}, {"pool-old": 7, "pool-new": 1}) == {"pool-old": 2, "pool-new": 1}


def test_a_counter_that_ran_backwards_is_refused() -> None:
    with pytest.raises(Failure, match="pod of pool-new restarted"):
        gained({"pool-old": 5, "pool-new": 5}, {"pool-old": 7, "pool-new": 1})


def test_answers_are_counted_by_their_pod_s_pool_and_none_goes_missing() -> None:
    seen = answers(["pool-old-a", "pool-old-b", "pool-new-a", "nginx-1", ""])
    pools = {"pool-old-a": "pool-old", "pool-old-b": "pool-old", "pool-new-a": "pool-new"}
    assert by_pool(seen, pools) == {"pool-old": 2, "pool-new": 1, "pod nginx-1": 1}


def test_good_answers_that_name_nobody_are_counted_apart() -> None:
    seen = Answers.of([Answer(0, 0.1, 0.0, 200, Cause.NONE, "", 0, "")])
    assert by_pool(seen, {}) == {NOBODY: 1}


@pytest.mark.parametrize(
    ("mark", "pod", "who"),
    [
        ("default/pool-new", "", "pool-new"),
        ("pool-new", "pool-new-a", "pool-new"),
        ("default/pool-new", "unknown", "pool-new"),
        ("pool-new", "pool-old-a", "pool-new, by a pod of pool-old"),
    ],
)
def test_the_route_s_mark_outranks_the_pod_and_a_contradiction_is_neither_s(mark: str, pod: str, who: str) -> None:
    seen = Answers.of([Answer(0, 0.1, 0.0, 200, Cause.NONE, pod, 0, "", mark)])
    assert by_pool(seen, {"pool-old-a": "pool-old", "pool-new-a": "pool-new"}) == {who: 1}


@given(names=st.lists(st.sampled_from(["pool-old-1", "pool-new-1", "nginx-1", ""]), max_size=30))
def test_every_good_answer_is_counted_once(names: list[str]) -> None:
    seen = answers(names)
    assert by_pool(seen, pools_by_prefix(names, ["pool-old"])).total() == len(seen) - seen.lost


def test_a_pod_belongs_to_the_longest_pool_name_that_it_begins_with() -> None:
    pods = ["pool-7d9f-x", "pool-new-7d9f-x", "pool-newer-7d9f-x", "other-1"]
    assert pools_by_prefix(pods, ["pool", "pool-new"]) == {
        "pool-7d9f-x": "pool",
        "pool-new-7d9f-x": "pool-new",
        "pool-newer-7d9f-x": "pool",
    }
