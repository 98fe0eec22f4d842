"""The names of the metrics that are read of endpoint pickers and model servers: the one place that knows them.

Each entry lists the names that a program's releases have had, the newest first; the first that a page has is read.
The charts' presets (charts/inferencepool/files/model-servers) are held to the same names by a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PICKS = (  # one observation for each Schedule call
    "inference_extension_scheduler_e2e_duration_seconds_count",  # GAIE, pkg/epp/metrics/metrics.go
    "llm_d_epp_scheduler_e2e_duration_seconds_count",  # llm-d-router from 0.11 on, docs/metrics.md
)


@dataclass(frozen=True)
class Names:
    """What one program exports; what it has no metric for is empty."""

    requests: Sequence[str] = ()
    """Counters of the requests that reached it, those that failed included."""
    errors: Sequence[str] = ()
    waiting: Sequence[str] = ()
    """Gauges of the requests in its queue."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the samples of `waiting` that count."""
    latency: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Histograms by latency: ttft, tpot, e2e. A tpot that is observed for each token weighs long answers more."""
    unit: float = 1.0
    """Seconds in a unit of the histograms."""
    always: Sequence[str] = ()
    """Samples that it has from its start on, before the first request."""

    @property
    def recognised(self) -> frozenset[str]:
        """Samples by which a page is known to be this program's."""
        return frozenset((*self.requests, *self.waiting, *self.always))


EPP = Names(
    requests=(
        "llm_d_epp_request_total",  # llm-d-router from 0.11 on
        "inference_objective_request_total",  # GAIE from 1.0 on
        "inference_model_request_total",  # GAIE 0.5
    ),
    errors=(
        "llm_d_epp_request_error_total",
        "inference_objective_request_error_total",
        "inference_model_request_error_total",
    ),
    always=("inference_extension_info", "llm_d_epp_info", "llm_d_epp_ready_endpoints"),
)
PATHS = ("metrics", "prometheus/metrics")
"""Where a program has its page; trtllm-serve has it at the second, and JSON at the first."""
SERVERS: Mapping[str, Names] = {
    "vllm": Names(  # vllm/v1/metrics/loggers.py; llm-d's simulator has the same
        requests=("vllm:request_success_total",),
        waiting=("vllm:num_requests_waiting",),
        latency={
            "ttft": ("vllm:time_to_first_token_seconds",),
            "tpot": (
                "vllm:request_time_per_output_token_seconds",  # one observation a request
                "vllm:inter_token_latency_seconds",  # one a token, from 0.11 on
                "vllm:time_per_output_token_seconds",
            ),
            "e2e": ("vllm:e2e_request_latency_seconds",),
        },
        always=("vllm:num_requests_running",),
    ),
    "sglang": Names(  # python/sglang/srt/metrics/collector.py, with --enable-metrics
        requests=("sglang:num_requests_total",),
        errors=("sglang:num_aborted_requests_total",),
        waiting=("sglang:num_queue_reqs",),
        latency={
            "ttft": ("sglang:time_to_first_token_seconds",),
            "tpot": ("sglang:inter_token_latency_seconds", "sglang:time_per_output_token_seconds"),
            "e2e": ("sglang:e2e_request_latency_seconds",),
        },
        always=("sglang:num_running_reqs",),
    ),
    "trtllm-serve": Names(  # tensorrt_llm/metrics/collector.py, with return_perf_metrics
        requests=("trtllm_request_success_total",),
        waiting=("trtllm_num_requests_waiting",),
        latency={
            "ttft": ("trtllm_time_to_first_token_seconds",),
            "tpot": ("trtllm_time_per_output_token_seconds",),
            "e2e": ("trtllm_e2e_request_latency_seconds",),
        },
        always=("trtllm_num_requests_running",),
    ),
    "triton-tensorrt-llm": Names(  # Triton's docs/user_guide/metrics.md; the histogram needs histogram_latencies=true
        requests=("nv_inference_request_success",),
        errors=("nv_inference_request_failure",),
        waiting=("nv_trt_llm_request_metrics",),
        labels={"request_type": "waiting"},
        latency={"ttft": ("nv_inference_first_response_histogram_ms",)},
        unit=0.001,
    ),
}
"""By `engine` of the chart's presets."""
