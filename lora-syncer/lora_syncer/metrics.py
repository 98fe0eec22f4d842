"""What Prometheus is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from lora_syncer.status import Status


class Metrics:
    """The metrics in a registry of their own; `lora_syncer_adapter_status` is called as upstream's syncer calls it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._adapters = Gauge(
            "lora_syncer_adapter_status",
            "1 if the model server serves the adapter as the configuration names it, else 0",
            ["adapter_name"],
            registry=self.registry,
        )
        self._ready = Gauge("lora_syncer_ready", "1 if the pod may be in its pool", registry=self.registry)
        self._config_valid = Gauge(
            "lora_syncer_config_valid",
            "1 if the configuration in the file is in force, 0 if it was refused and the last good one stays",
            registry=self.registry,
        )
        self._reached = Gauge("lora_syncer_model_server_up", "1 if the model server answers", registry=self.registry)
        self._unmanaged = Gauge(
            "lora_syncer_unmanaged_adapters",
            "Adapters served that the configuration does not name and that were not loaded from here",
            registry=self.registry,
        )
        self._seconds = Histogram(
            "lora_syncer_operation_duration_seconds",
            "Time that a load or an unload took, by its result",
            ["operation", "result"],
            buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600),
            registry=self.registry,
        )
        self.contact_failures = Counter(
            "lora_syncer_model_server_failures",
            "Rounds in which the model server did not answer",
            registry=self.registry,
        )
        self._named: frozenset[str] = frozenset()

    @contextmanager
    def timed(self, operation: str) -> Iterator[None]:
        """Measure a load or an unload; one that raises has the result `error`."""
        start, result = perf_counter(), "error"
        try:
            yield
            result = "success"
        finally:
            self._seconds.labels(operation, result).observe(perf_counter() - start)

    def show(self, status: Status) -> None:
        """Take over the state after a round."""
        for gone in self._named - status.adapters.keys():
            self._adapters.remove(gone)
        self._named = frozenset(status.adapters)
        for id_, served in status.adapters.items():
            self._adapters.labels(id_).set(served)
        self._ready.set(status.ready)
        self._config_valid.set(status.config_error is None)
        self._reached.set(status.reached)
        self._unmanaged.set(len(status.unmanaged))
