"""Who answered and who picked: requests by pool, told by the answering pod and by EPPs' and model servers' counters."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubernetes.client import ApiException, CoreV1Api
from prometheus_client.parser import text_string_to_metric_families
from urllib3.exceptions import HTTPError

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.answers import Answers


@dataclass(frozen=True)
class Counter:
    """A Prometheus counter that tells of requests, and where a pool's pods export it."""

    what: str
    component: str
    """Label app.kubernetes.io/component of the pods."""
    port: int
    sample: str
    always: str
    """Another sample of the same page, there from the program's start on, even before the first request."""


PICKS = Counter(  # Gateway API Inference Extension, pkg/epp/metrics/metrics.go: one observation a Schedule call
    what="picks of the EPP",
    component="epp",
    port=9090,
    sample="inference_extension_scheduler_e2e_duration_seconds_count",
    always="inference_extension_info",
)
SERVED = Counter(  # vLLM, vllm/v1/metrics/loggers.py, and the simulator alike
    what="requests of the model server",
    component="model-server",
    port=8000,
    sample="vllm:request_success_total",
    always="vllm:num_requests_running",
)


def by_pool(answers: Answers, pools: Mapping[str, str]) -> collections.Counter[str]:
    """Count the good answers by pool.

    `pools`: pod name -> pool name. Answers by a pod that is not in it count under "pod <name>", those that name no
    pod under "no pod", so that none goes missing.
    """
    counts: collections.Counter[str] = collections.Counter()
    for pod, answered in answers.by_pod().items():
        counts[pools.get(pod) or (f"pod {pod}" if pod else "no pod")] += answered
    return counts


def pool_pods(api: CoreV1Api, namespace: str) -> dict[str, str]:
    """Return the pool (release) of each model server pod in the namespace, by the pod's name."""
    pods = api.list_namespaced_pod(namespace, label_selector="app.kubernetes.io/component=model-server")
    found = [pod.metadata for pod in pods.items if pod.metadata]
    return {meta.name or "": (meta.labels or {}).get("app.kubernetes.io/instance", "") for meta in found}


def pools_by_prefix(pods: Iterable[str], pools: Iterable[str]) -> dict[str, str]:
    """Map pod names to pools by the name alone: `<pool>-...`; the longest pool name that fits wins."""
    longest_first = sorted(pools, key=len, reverse=True)
    fits = {pod: next((pool for pool in longest_first if pod.startswith(f"{pool}-")), None) for pod in pods}
    return {pod: pool for pod, pool in fits.items() if pool}


def picks(api: CoreV1Api, namespace: str, pool: str) -> int:
    """Return how many picks the EPP pods of release `pool` have made since they started; see counted."""
    return counted(api, namespace, pool, PICKS)


def served(api: CoreV1Api, namespace: str, pool: str) -> int:
    """Return how many requests the model servers of release `pool` have finished since they started; see counted.

    Tells the answering pool where answers do not name their pod, as those of vLLM itself. Health checks and
    warm-ups that ask for completions count too.
    """
    return counted(api, namespace, pool, SERVED)


def counted(api: CoreV1Api, namespace: str, pool: str, counter: Counter) -> int:
    """Return the sum of a counter over the pods of release `pool`, read through the API server's pod proxy.

    A pod that is on its way out gets nothing new and does not count. Only what was gained between two readings means
    anything. Raises Failure if there is no such pod or one does not answer.
    """
    selector = f"app.kubernetes.io/instance={pool},app.kubernetes.io/component={counter.component}"
    try:
        pods = api.list_namespaced_pod(namespace, label_selector=selector).items
        names = [meta.name for pod in pods if (meta := pod.metadata) and meta.name and not meta.deletion_timestamp]
        if not names:
            raise Failure(f"no pod in namespace {namespace} with labels {selector}; is {pool} installed there?")
        pages = [
            api.connect_get_namespaced_pod_proxy_with_path(f"{name}:{counter.port}", namespace, "metrics")
            for name in names
        ]
    except ApiException as error:
        raise Failure(f"the {counter.what} of {pool} could not be read: {error.status} {error.reason}") from None
    except HTTPError as error:
        raise Failure(f"the cluster does not answer, so no {counter.what} of {pool}: {error}") from None
    return sum(read(page, counter) for page in pages)


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
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    except ValueError as error:
        raise Failure(f"no metrics, so no {counter.what}: {error}") from None
    if not any(sample.name in (counter.always, counter.sample) for sample in samples):
        raise Failure(f"no {counter.what} in metrics that have neither {counter.always} nor {counter.sample}")
    return int(sum(sample.value for sample in samples if sample.name == counter.sample))
