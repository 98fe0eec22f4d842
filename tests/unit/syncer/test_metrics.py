"""The metrics: upstream's name and label where upstream has one, and the syncer's own."""

from __future__ import annotations

import pytest

from lora_syncer.metrics import Metrics
from lora_syncer.status import Status


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_status_of_an_adapter_has_upstreams_name_and_label() -> None:
    metrics = Metrics()
    metrics.show(Status(adapters={"one": True, "two": False}))
    assert value(metrics, "lora_syncer_adapter_status", adapter_name="one") == 1
    assert value(metrics, "lora_syncer_adapter_status", adapter_name="two") == 0


def test_an_adapter_that_is_named_no_more_has_no_status() -> None:
    metrics = Metrics()
    metrics.show(Status(adapters={"one": True}))
    metrics.show(Status(adapters={"two": True}))
    assert value(metrics, "lora_syncer_adapter_status", adapter_name="one") is None


@pytest.mark.parametrize(
    ("status", "name", "shown"),
    [
        (Status(ready=True), "lora_syncer_ready", 1),
        (Status(ready=False), "lora_syncer_ready", 0),
        (Status(config_error=None), "lora_syncer_config_valid", 1),
        (Status(config_error="is no YAML"), "lora_syncer_config_valid", 0),
        (Status(reached=True), "lora_syncer_model_server_up", 1),
        (Status(reached=False), "lora_syncer_model_server_up", 0),
        (Status(unmanaged=("x", "y")), "lora_syncer_unmanaged_adapters", 2),
    ],
)
def test_a_state_is_shown(status: Status, name: str, shown: int) -> None:
    metrics = Metrics()
    metrics.show(status)
    assert value(metrics, name) == shown


def test_a_load_is_timed_by_its_result() -> None:
    metrics = Metrics()
    with metrics.timed("load"):
        pass
    with pytest.raises(ZeroDivisionError), metrics.timed("load"):
        _ = 1 / 0
    count = "lora_syncer_operation_duration_seconds_count"
    assert value(metrics, count, operation="load", result="success") == 1
    assert value(metrics, count, operation="load", result="error") == 1
    assert value(metrics, count, operation="unload", result="success") is None
