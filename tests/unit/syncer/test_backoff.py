"""The back-off: pauses double up to a cap, and each is shortened at random."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from lora_syncer.backoff import Backoff


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_the_nth_pause_is_between_a_half_and_the_whole_of_the_doubled_one(seed: int, failures: int) -> None:
    backoff = Backoff(1, 60, random.Random(seed))
    pauses = [backoff.failed(0) for _ in range(failures)]
    whole = min(60, 2 ** (failures - 1))
    assert whole / 2 <= pauses[-1] <= whole


@given(st.integers(0, 2**32), st.floats(0, 1e6))
def test_it_is_due_when_the_pause_is_over_and_not_before(seed: int, now: float) -> None:
    backoff = Backoff(1, 60, random.Random(seed))
    assert backoff.due(now)
    pause = backoff.failed(now)
    assert not backoff.due(now + pause / 2)
    assert backoff.due(now + pause)


def test_a_success_starts_anew() -> None:
    backoff = Backoff(1, 60, random.Random(0))
    for _ in range(6):
        backoff.failed(0)
    backoff.succeeded()
    assert backoff.due(0)
    assert backoff.failed(0) <= 1


def test_the_pods_of_a_pool_do_not_pause_in_step() -> None:
    pauses = {Backoff(1, 60, random.Random(seed)).failed(0) for seed in range(20)}
    assert len(pauses) == 20
