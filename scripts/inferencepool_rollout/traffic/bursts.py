"""How much less failures say that come in bursts: the design effect of clusters.

Failures of one cause follow each other. A cluster of n failures is one event, so evidence by failures is divided by the
mean cluster size as a failure sees it, sum n^2 / sum n (Kish 1965, "Survey Sampling"). Independent failures make 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GAP = 2  # requests between two failures of one cluster, at most


def cluster_sizes(failed: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the number of failures in each cluster of `failed` (requests in the order in which they were sent)."""
    places = np.flatnonzero(failed)
    firsts = np.flatnonzero(np.diff(places, prepend=-2 * GAP) > GAP)
    return np.diff(np.append(firsts, len(places)))


def effect(sizes: npt.NDArray[np.int64], expected: float = 0.0) -> float:
    """Return the design effect of clusters, at least 1; `expected` adds one cluster of that size to what was seen."""
    total = sizes.sum() + expected
    return max(1.0, float(((sizes**2).sum() + expected**2) / total)) if total else 1.0
