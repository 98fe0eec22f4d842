"""Two pools behind one route whose every answer, refusals too, names the pool that the gateway chose for it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit import pools
from kit.charts import Manifest, only, render
from kit.namespace import Namespace, new_namespace
from kit.wait import FOLLOWED_SECONDS

FAULTED, OTHER = "pool-old", "pool-new"
"""The pool that faults are injected into, and the one that must not notice."""
REQUEST_SECONDS = 8  # the route's own limit, so that a hung server is answered for by the gateway, which names the pool
STREAM_TOKENS = 50  # at 20 ms a token a stream lasts a second at most


@dataclass(frozen=True)
class TwoPools:
    """FAULTED and OTHER in a namespace, behind its host name."""

    namespace: Namespace
    failure_mode: str

    @property
    def gateway_url(self) -> str:
        return self.namespace.cluster.gateway_url

    def request(self, *, stream: bool = False) -> Completion:
        """A completion of the adapter: 4 tokens, or a stream of a second at most.

        By its own name: an alias is the EPP's to rewrite, and without one a server answers 404, FailOpen or not.
        """
        tokens = STREAM_TOKENS if stream else 4
        return Completion("food-review-1", max_tokens=tokens, stream=stream, headers={"Host": self.namespace.host})

    def split(self, percent: int) -> None:
        """Ask for `percent` of the requests for the faulted pool."""
        self.namespace.apply(self._route({FAULTED: percent, OTHER: 100 - percent}), server_side=True)

    def follow(self, percent: int, *, seconds: float = 60) -> None:
        """Wait until the gateway gives the faulted pool about `percent`: within 12 of it, four standard deviations."""
        deadline = time.monotonic() + seconds
        while True:
            answers = send(self.gateway_url, self.request(), Plan(count=200))
            share = 100 * float(np.mean(chosen(answers, FAULTED)))
            if abs(share - percent) < 12:
                return
            assert time.monotonic() < deadline, f"{share:.0f} % in place of {percent} % after {seconds:g} s"

    def pods(self, component: str, pool: str = FAULTED) -> list[str]:
        """Names of the pool's pods of that component that are not ending."""
        return [pod["metadata"]["name"] for pod in self.namespace.pods(pools.part(component, pool))]

    def ready(self) -> None:
        """Wait until all Deployments of both pools have what they ask for."""
        self.namespace.rolled_out(*(f"{pool}{suffix}" for pool in (FAULTED, OTHER) for suffix in ("", "-epp")))

    def _route(self, weights: Mapping[str, int]) -> Manifest:
        """The chart's route, whose backends mark every answer with their pool."""
        values = {
            "weights": {"new": weights[OTHER]},
            "parentRefs": pools.PARENTS,
            "hostnames": [self.namespace.host],
            "timeouts": {"request": f"{REQUEST_SECONDS}s"},
        }
        return only(render("rollout-route", "route", values, namespace=self.namespace.name), "HTTPRoute")


def chosen(answers: Answers, pool: str) -> npt.NDArray[np.bool_]:
    """Say of each answer, refusals too, whether the gateway chose that pool for it; "" where it chose none.

    The route marks answers with NAMESPACE/POOL.
    """
    return np.fromiter((str(mark).rpartition("/")[2] == pool for mark in answers.pool), np.bool_, len(answers))


@contextmanager
def two_pools(
    cluster: Cluster, failure_mode: str, values: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[TwoPools]:
    """Both pools, whose servers take 20 ms a token, and the route at 50/50, while the block runs.

    `values` are further ones, by pool and dotted key.
    """
    common = {"pool.failureMode": failure_mode, "modelServer.extraArgs": ["--inter-token-latency", "20ms"]}
    with new_namespace(cluster, "two-pools") as namespace:
        made = TwoPools(namespace, failure_mode)
        for pool in (FAULTED, OTHER):
            pools.start(namespace, pool, {**common, **(values or {}).get(pool, {})})
        made.ready()
        made.split(50)
        time.sleep(FOLLOWED_SECONDS)
        yield made
