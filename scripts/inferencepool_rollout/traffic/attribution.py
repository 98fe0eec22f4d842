"""Who answered and who picked: requests by pool, from the answering pod and from EPPs' and model servers' counters."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.snapshot import Pool, read_pools
from inferencepool_rollout.traffic import metric_names
from inferencepool_rollout.traffic.answers import Answers


@dataclass(frozen=True)
class Counter:
    """A Prometheus counter of requests; the first of its names that a page has is read."""

    what: str
    samples: Sequence[str]
    always: Sequence[str]
    """Other samples of the same page, there from the program's start on, even before the first request."""


PICKS = Counter(
    what="picks of the EPP",
    samples=metric_names.PICKS,
    always=metric_names.EPP.always,
)
SERVED = Counter(
    what="requests of the model server",
    samples=metric_names.SERVERS["vllm"].requests,
    always=metric_names.SERVERS["vllm"].always,
)


NOBODY = "no pool or pod"


def by_pool(answers: Answers, pools: Mapping[str, str]) -> collections.Counter[str]:
    """Count the good answers by pool: the one that the route marked (x-inference-pool), else the pod's.

    `pools`: pod name -> pool name. So that none goes missing, answers by a pod that is not in it count under "pod
    <name>", those that name neither under NOBODY, and those whose mark and pod contradict each other under "<pool>, by
    a pod of <pool>".
    """
    good = answers.where(answers.good)
    named = zip(good.pool.tolist(), good.pod.tolist(), strict=True)
    return collections.Counter(_who(mark.rpartition("/")[2], pools.get(pod, ""), pod) for mark, pod in named)


def _who(marked: str, by_pod: str, pod: str) -> str:
    if marked and by_pod and marked != by_pod:
        return f"{marked}, by a pod of {by_pod}"
    return marked or by_pod or (f"pod {pod}" if pod else NOBODY)


def pool_pods(client: Client, namespace: str) -> dict[str, str]:
    """Return the pool of each model server pod in the namespace, by the pod's name."""
    pools = read_pools(client, namespace)
    return {pod.name: name for name, pool in pools.items() if pool for pod in pool.servers}


def pools_by_prefix(pods: Iterable[str], pools: Iterable[str]) -> dict[str, str]:
    """Map pod names to pools by the name alone: `<pool>-...`; the longest pool name that fits wins."""
    longest_first = sorted(pools, key=len, reverse=True)
    fits = {pod: next((pool for pool in longest_first if pod.startswith(f"{pool}-")), None) for pod in pods}
    return {pod: pool for pod, pool in fits.items() if pool}


def picks(client: Client, namespace: str, pool: str) -> int:
    """Return how many picks the EPP pods of a pool have made since they started; see picks_of."""
    return picks_of(client, _found(client, namespace, pool))


def served(client: Client, namespace: str, pool: str) -> int:
    """Return how many requests the model servers of a pool have finished since they started; see served_of."""
    return served_of(client, _found(client, namespace, pool))


def picks_of(client: Client, pool: Pool) -> int:
    """Return the sum of PICKS over the pods of the pool's endpoint picker, read through the API server's pod proxy.

    A pod that is on its way out gets nothing new and does not count. Only what was gained between two readings means
    anything. Raises Failure, with the reason, if the count is not known.
    """
    pods = pool.staying_pickers
    if not pods:
        raise Failure(f"no {PICKS.what} of {pool.ref}: its endpoint picker's Service selects no pod")
    ports = [(pod.name, pool.metrics_port(pod)) for pod in pods]
    unknown = [name for name, port in ports if port is None]
    if unknown:
        raise Failure(
            f"no {PICKS.what} of {pool.ref}: neither its Service nor pod {unknown[0]} names a port for metrics; "
            "name the container's port `metrics`"
        )
    return _sum(client, pool, [(name, port) for name, port in ports if port is not None], PICKS)


def served_of(client: Client, pool: Pool) -> int:
    """Return the sum of SERVED over the pool's model servers, read as picks_of reads.

    Shows which pool answered where answers do not name their pod, as those of vLLM itself. Health checks and warm-ups
    that ask for completions count too.
    """
    pods = [pod.name for pod in pool.staying]
    if not pods:
        raise Failure(f"no {SERVED.what} of {pool.ref}: it selects no pod")
    return _sum(client, pool, [(name, port) for name in pods for port in pool.ports], SERVED)


def _found(client: Client, namespace: str, name: str) -> Pool:
    pool = read_pools(client, namespace, [name])[name]
    if pool is None:
        raise Failure(f"there is no InferencePool {namespace}/{name}")
    return pool


def _sum(client: Client, pool: Pool, ports: Sequence[tuple[str, int]], counter: Counter) -> int:
    return sum(
        read(client.proxy(pool.ref.namespace, name, port, "metrics").decode(errors="replace"), counter)
        for name, port in ports
    )


def gained(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return what the counters gained between two readings, pool -> count; raises Failure if one ran backwards."""
    restarted = [pool for pool in after if after[pool] < before[pool]]
    if restarted:
        raise Failure(f"a pod of {', '.join(restarted)} restarted in between and lost its count; measure again")
    return {pool: after[pool] - before[pool] for pool in after}


def read(page: str, counter: Counter) -> int:
    """Return a counter's sum over all labels in a page of the Prometheus text format.

    0 while it has no observation, which Prometheus leaves out. Raises Failure for a page of another program.
    """
    try:
        found = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    except ValueError as error:
        raise Failure(f"no metrics, so no {counter.what}: {error}") from None
    names = {sample.name for sample in found}
    if not names.intersection((*counter.always, *counter.samples)):
        raise Failure(
            f"no {counter.what} in metrics that have none of {', '.join((*counter.samples, *counter.always))}"
        )
    name = next((name for name in counter.samples if name in names), None)
    return int(sum(sample.value for sample in found if sample.name == name))
