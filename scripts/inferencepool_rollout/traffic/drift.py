"""How far, and for how long, the difference between two pools drifts: what dependent requests do to a mean.

The observation window is cut into BLOCKS of equal length. Each block holds the difference between the pools, so
whatever both meet at the same time (users' bursts, a shared drift) cancels. What is left is modelled as white noise
plus a stationary AR(1) process with a variance and a memory, both unknown: a grid of them is weighed by its likelihood
with the unknown mean integrated out (restricted maximum likelihood: Patterson, Thompson 1971, Biometrika 58; Harville
1974, Biometrika 61), and every later probability is an average over that grid. So a memory that the window cannot
exclude counts, instead of being estimated too short, which is what makes batch means and bandwidths fail in windows of
a few memories (Kiefer, Vogelsang 2005, Econometric Theory 21).

Covariances of blocks depend on the memory in blocks alone, so their eigenvectors are computed once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BLOCKS = 48
MEMORIES = 0.8 * np.array([0.3, 1, 2, 4, 8, 16, 32, 64, 128])  # blocks
LONGEST_MEMORY = 900.0  # s
VARIANCES = np.array([0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
"""Of the drift, in units of the variance of one request's normal score."""
STEADY = 0.9  # prior probability that there is no drift
DRIFTING = np.array([0.02, 0.08, 0.2, 0.25, 0.2, 0.15, 0.1])  # of each other variance, if there is
STEADY_ELSEWHERE = 0.02  # prior probability that a percentile drifts though the rest of the distribution does not
SAME_CLUSTER = 0.1  # least autocorrelation of blocks that count as one cluster


@dataclass(frozen=True)
class Spectrum:
    """Of the AR(1) covariances of blocks, for each memory: eigenvalues, eigenvectors, and the sum of all entries."""

    values: Floats
    vectors: Floats
    ones: Floats
    sums: Floats


@functools.cache
def spectrum() -> Spectrum:
    """Return the spectrum for MEMORIES."""
    lags = np.abs(np.subtract.outer(np.arange(BLOCKS), np.arange(BLOCKS)))
    covariances = np.exp(-lags / MEMORIES[:, None, None])
    values, vectors = np.linalg.eigh(covariances)
    vectors = vectors.transpose(0, 2, 1)
    return Spectrum(values, vectors, vectors.sum(-1), covariances.sum((1, 2)))


def block_of(times: Floats, length: float) -> Integers:
    """Return each time's block, of a window of `length` s that begins at 0."""
    return np.minimum((times * (BLOCKS / length)).astype(np.int64), BLOCKS - 1)


def prior(length: float) -> Floats:
    """Return the prior probability of each variance and memory in a window of `length` s."""
    possible = (MEMORIES * length / BLOCKS <= LONGEST_MEMORY) | (MEMORIES < 1)
    weights = np.concatenate([[STEADY], (1 - STEADY) * DRIFTING])
    return np.outer(weights, possible / possible.sum())


@functools.cache
def elsewhere() -> Floats:
    """Return the probability of each variance at a percentile (columns) by that of the whole distribution (rows)."""
    several = len(VARIANCES)
    apart = np.abs(np.subtract.outer(np.arange(several), np.arange(several)))
    table = np.exp(-apart.astype(np.float64))
    table[:, 0] = np.where(np.arange(several) > 0, table[:, 0], 0.0)
    table[0] = np.concatenate([[1 - STEADY_ELSEWHERE], STEADY_ELSEWHERE * DRIFTING])
    normalised: Floats = table / table.sum(1, keepdims=True)
    return normalised


def weigh(prior: Floats, blocks: Floats, variances: Floats, least_noise: float = 0.0) -> tuple[Floats, Floats]:
    """Return the posterior of each variance and memory, and the white noise's variance under each.

    `blocks` are differences whose white noise has variance 1 for independent requests, `variances` those of the drift
    on that scale. The noise is estimated, but never taken for less than `least_noise`.
    """
    basis = spectrum()
    rotated = basis.vectors @ blocks
    inverse = 1 / (1 + variances[:, None, None] * basis.values)
    information = (basis.ones**2 * inverse).sum(-1)
    explained = (basis.ones * rotated * inverse).sum(-1) ** 2 / information
    rest = np.maximum((rotated**2 * inverse).sum(-1) - explained, 1e-12)
    noise = np.maximum(rest / (BLOCKS - 1), least_noise)
    likelihood = 0.5 * (
        np.log(inverse).sum(-1) - np.log(information) - (BLOCKS - 1) * np.log(noise) - np.minimum(rest / noise, 1e9)
    )
    weights = prior * np.exp(likelihood - likelihood.max())
    return weights / weights.sum(), noise


def clusters(counts: Floats) -> float:
    """Return how many equal, independent clusters `counts` of events in blocks amount to, 1 to BLOCKS.

    Kish's effective sample size (sum n)^2 / sum n^2 over clusters, of which blocks belong to one as far as the counts
    are autocorrelated (up to the first lag where they are not: Geyer 1992, Statistical Science 7). Independent events
    make BLOCKS; a single burst makes 1.
    """
    total, apart = counts.sum(), counts - counts.mean()
    excess = apart @ apart - total
    if excess <= 0:
        return float(BLOCKS)
    squares = max(counts @ counts - total, 1e-9)
    for lag in range(1, BLOCKS // 2):
        correlation = min(1.0, apart[:-lag] @ apart[lag:] / excess * BLOCKS / (BLOCKS - lag))
        if correlation <= SAME_CLUSTER:
            break
        squares += 2 * correlation * (counts[:-lag] @ counts[lag:])
    return float(np.clip(total * total / squares, 1, BLOCKS))
