"""Pools whose pods export metrics, behind the paths of an API server's proxy: real pages, read over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.snapshot import Pod, Pool
from kit.kubeconfig import kubeconfig

EDGES = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""vLLM's of the time to first token."""


@dataclass
class ServerPod:
    """A model server of vLLM's metrics; a new one is what a restart leaves."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        made: dict[str, Any] = {"labelnames": ["model_name"], "registry": self.registry}
        names = {"ttft": "vllm:time_to_first_token_seconds", "tpot": "vllm:request_time_per_output_token_seconds"}
        self._latency = {key: Histogram(name, "", buckets=EDGES, **made).labels("m") for key, name in names.items()}
        self.waiting = Gauge("vllm:num_requests_waiting", "", **made).labels("m")

    def observe(self, metric: str, values: Sequence[float]) -> None:
        for value in values:
            self._latency[metric].observe(value)


@dataclass
class PickerPod:
    """An endpoint picker of GAIE's metrics."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        made: dict[str, Any] = {"labelnames": ["model_name", "target_model_name"], "registry": self.registry}
        self._requests = Counter("inference_objective_request", "", **made).labels("a", "m")
        self._errors = Counter("inference_objective_request_error", "", **made).labels("a", "m")

    def count(self, requests: int, errors: int = 0) -> None:
        self._requests.inc(requests)
        self._errors.inc(errors)


def pool(name: str, servers: Sequence[str], pickers: Sequence[str]) -> Pool:
    """An InferencePool of these pods."""
    manifest = {
        "apiVersion": "inference.networking.k8s.io/v1", "metadata": {"name": name, "namespace": "default"},
        "spec": {"targetPorts": [{"number": 8000}]},
    }  # fmt: skip
    pods = [Pod(each, each, {}, ready=True, leaving=False) for each in servers]
    picking = [Pod(each, each, {}, ready=True, leaving=False, ports={"metrics": 9090}) for each in pickers]
    return Pool(manifest, tuple(pods), tuple(picking))


@contextmanager
def proxied(folder: Path, pods: Mapping[str, ServerPod | PickerPod | str]) -> Iterator[Client]:
    """A client of an API server that passes on the pages of `pods` (a text is a page as it is) while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.split("/pods/")[1].split(":")[0]
            found = pods.get(name)
            page = found.encode() if isinstance(found, str) else generate_latest(found.registry) if found else b""
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file = kubeconfig(folder, f"http://127.0.0.1:{server.server_port}")
    try:
        yield Client(kubeconfig=file)
    finally:
        server.shutdown()
        server.server_close()
