"""Failures that come in bursts: how many clusters they are, and how much less they say than independent ones.

Failures of one cause follow each other. Against a pool, evidence by failures is divided by the mean cluster size as a
failure sees it, sum n^2 / sum n: the design effect of clusters (Kish 1965, "Survey Sampling"). For a pool, the clusters
are counted instead, as events of a Poisson process, which are fewer at the same share of failures by their mean size.
Independent failures have an effect and a mean size of 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GAP = 2  # requests between two failures of one cluster, at most
EXPECTED = 10


def cluster_sizes(failed: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the number of failures in each cluster of `failed` (requests in the order in which they were sent)."""
    places = np.flatnonzero(failed)
    firsts = np.flatnonzero(np.diff(places, prepend=-2 * GAP) > GAP)
    return np.diff(np.append(firsts, len(places)))


def effect(sizes: npt.NDArray[np.int64]) -> float:
    """Return the design effect of clusters, at least 1."""
    return float((sizes**2).sum() / sizes.sum()) if len(sizes) else 1.0


def mean_size(sizes: npt.NDArray[np.int64], expected: float) -> float:
    """Return the mean size of clusters, of which EXPECTED of the size `expected` are added to those that were seen."""
    return float((sizes.sum() + EXPECTED * expected) / (len(sizes) + EXPECTED))
