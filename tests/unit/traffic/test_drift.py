"""How long the memory of two pools' difference is, and how many independent clusters events come from."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from inferencepool_rollout.traffic.drift import BLOCKS, MEMORIES, VARIANCES, clusters, prior, spectrum, weigh


def windows(rng: np.random.Generator, count: int, variance: float, memory: float) -> npt.NDArray[np.float64]:
    """Blocks of white noise of variance 1 and an AR(1) process (memory in blocks), a window a row."""
    lags = np.abs(np.subtract.outer(np.arange(BLOCKS), np.arange(BLOCKS)))
    root = np.linalg.cholesky(np.eye(BLOCKS) + variance * np.exp(-lags / memory))
    blocks: npt.NDArray[np.float64] = rng.normal(size=(count, BLOCKS)) @ root.T
    return blocks


def test_independent_blocks_are_taken_for_steady_and_drifting_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    steady = [weigh(prior(600), blocks, VARIANCES)[0][0].sum() for blocks in windows(rng, 40, 0, 1)]
    drifting = [weigh(prior(600), blocks, VARIANCES)[0][0].sum() for blocks in windows(rng, 40, 10, 8)]
    assert np.median(steady) > 0.9
    assert np.median(drifting) < 0.01


def test_a_memory_of_a_fifth_of_the_window_counts_and_batch_means_miss_it() -> None:
    """Of 95 % intervals of the mean, 88 % hold with the model's variance and 49 % with that of 12 batches."""
    rng, held, held_by_batches = np.random.default_rng(2), 0, 0
    for blocks in windows(rng, 100, 10, 10):
        weights, noise = weigh(prior(600), blocks, VARIANCES)
        variance = noise * (1 + np.outer(VARIANCES, spectrum().sums) / BLOCKS) / BLOCKS
        held += abs(blocks.mean()) < 1.96 * math.sqrt(float((weights * variance).sum()))
        batches = blocks.reshape(12, -1).mean(1)
        held_by_batches += abs(blocks.mean()) < 1.96 * batches.std(ddof=1) / math.sqrt(12)
    assert held >= 78
    assert held_by_batches <= 65


def test_each_spectrum_is_that_of_its_covariances() -> None:
    basis = spectrum()
    lags = np.abs(np.subtract.outer(np.arange(BLOCKS), np.arange(BLOCKS)))
    for number, memory in enumerate(MEMORIES):
        restored = basis.vectors[number].T @ np.diag(basis.values[number]) @ basis.vectors[number]
        np.testing.assert_allclose(restored, np.exp(-lags / memory), atol=1e-9)


def test_independent_events_are_as_many_clusters_as_blocks_and_a_burst_is_one() -> None:
    rng = np.random.default_rng(3)
    assert np.median([clusters(rng.poisson(5, BLOCKS).astype(float)) for _ in range(100)]) > BLOCKS / 2
    burst = np.zeros(BLOCKS)
    burst[10:14] = 50
    assert clusters(burst) < 2


@pytest.mark.parametrize("count", [3, 6])
def test_equal_bursts_far_apart_are_as_many_clusters_or_up_to_twice_as_many(count: int) -> None:
    bursts = np.zeros(BLOCKS)
    for place in np.linspace(2, BLOCKS - 4, count).astype(int):
        bursts[place : place + 2] = 50
    assert count <= clusters(bursts) < 2 * count
