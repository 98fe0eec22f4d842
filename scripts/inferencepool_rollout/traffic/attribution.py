"""Who answered and who picked: requests by pool, told by the answering pod and by the EPPs' own counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from kubernetes.client import ApiException, CoreV1Api
from prometheus_client.parser import text_string_to_metric_families
from urllib3.exceptions import HTTPError

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.answers import Answers

EPP_METRICS_PORT = 9090
PICKS = "inference_extension_scheduler_e2e_duration_seconds"  # EPP, pkg/epp/metrics/metrics.go: one a Schedule call
EPP_ALWAYS = "inference_extension_info"  # every EPP exports it from its start on


def by_pool(answers: Answers, pools: Mapping[str, str]) -> Counter[str]:
    """Count the good answers by pool.

    `pools`: pod name -> pool name. Answers by a pod that is not in it count under "pod <name>", those that name no
    pod under "no pod", so that none goes missing.
    """
    counts: Counter[str] = Counter()
    for pod, answered in answers.by_pod().items():
        counts[pools.get(pod) or (f"pod {pod}" if pod else "no pod")] += answered
    return counts


def pools_by_prefix(pods: Iterable[str], pools: Iterable[str]) -> dict[str, str]:
    """Map pod names to pools by the name alone: `<pool>-...`; the longest pool name that fits wins."""
    longest_first = sorted(pools, key=len, reverse=True)
    fits = {pod: next((pool for pool in longest_first if pod.startswith(f"{pool}-")), None) for pod in pods}
    return {pod: pool for pod, pool in fits.items() if pool}


def picks(api: CoreV1Api, namespace: str, pool: str) -> int:
    """Return how many picks the EPP pods of release `pool` made since they started.

    Reads each EPP's metrics through the API server's pod proxy. Only differences of two calls mean anything, and
    only if no EPP restarted between them (see picked). Raises Failure if there is no EPP or one does not answer.
    """
    selector = f"app.kubernetes.io/instance={pool},app.kubernetes.io/component=epp"
    try:
        pods = api.list_namespaced_pod(namespace, label_selector=selector).items
        epps = [pod.metadata.name for pod in pods if pod.metadata and pod.metadata.name]
        if not epps:
            raise Failure(f"no EPP pod in namespace {namespace} with labels {selector}; is {pool} installed there?")
        return sum(
            picks_in(api.connect_get_namespaced_pod_proxy_with_path(f"{epp}:{EPP_METRICS_PORT}", namespace, "metrics"))
            for epp in epps
        )
    except ApiException as error:
        raise Failure(f"the EPP metrics of {pool} could not be read: {error.status} {error.reason}") from None
    except HTTPError as error:
        raise Failure(f"the cluster does not answer, so no EPP metrics of {pool}: {error}") from None


def picked(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return the picks between two readings, pool -> count; raises Failure if a counter ran backwards."""
    restarted = [pool for pool in after if after[pool] < before[pool]]
    if restarted:
        raise Failure(f"an EPP of {', '.join(restarted)} restarted in between; its picks are lost, so measure again")
    return {pool: after[pool] - before[pool] for pool in after}


def picks_in(page: str) -> int:
    """Return the picks that an EPP's metrics page (Prometheus text format) tells of; raises Failure for other pages."""
    try:
        families = {family.name: family for family in text_string_to_metric_families(page)}
    except ValueError as error:
        raise Failure(f"not the metrics of an EPP: {error}") from None
    if EPP_ALWAYS not in families and PICKS not in families:
        raise Failure(f"not the metrics of an EPP: neither {EPP_ALWAYS} nor {PICKS} is in them")
    if PICKS not in families:  # a histogram without an observation is not exported
        return 0
    return int(sum(sample.value for sample in families[PICKS].samples if sample.name == f"{PICKS}_count"))
