"""Readiness: a pod joins its pool when its adapters are served, and a bad change does not take it out again."""

from __future__ import annotations

import pytest

from kit.vllm_server import Fault, VllmServer
from lora_syncer.syncer import Syncer
from unit.syncer.conftest import Clock, make_syncer
from unit.syncer.test_syncer import rounds
from unit.syncer.volume import Volume


@pytest.fixture
def ready(vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock) -> Syncer:
    """A syncer whose pod has joined with the adapter `one`."""
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(syncer, clock)
    assert syncer.status.ready
    return syncer


def test_a_pod_is_not_ready_before_the_first_round(syncer: Syncer) -> None:
    assert not syncer.status.ready


def test_a_pod_is_not_ready_without_a_good_configuration(volume: Volume, syncer: Syncer, clock: Clock) -> None:
    volume.write("")
    rounds(syncer, clock)
    assert not syncer.status.ready


def test_a_pod_is_not_ready_while_one_adapter_is_missing(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    volume.configure(vllm.port, {"one": "a/one", "two": "missing/two"})
    rounds(syncer, clock)
    assert vllm.sources == {"one": "a/one"}
    assert not syncer.status.ready


def test_a_pod_is_not_ready_while_an_adapter_is_served_from_elsewhere(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    vllm.by_hand("load", lora_name="one", lora_path="b/one")
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(syncer, clock)
    assert not syncer.status.ready


def test_a_pod_that_needs_no_adapter_is_ready_when_the_server_is(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    vllm.healthy = False
    volume.configure(vllm.port, {})
    rounds(syncer, clock)
    assert not syncer.status.ready
    vllm.healthy = True
    rounds(syncer, clock)
    assert syncer.status.ready


def test_an_adapter_that_can_not_be_added_leaves_the_pod_in_its_pool(
    vllm: VllmServer, volume: Volume, ready: Syncer, clock: Clock
) -> None:
    volume.configure(vllm.port, {"one": "a/one", "two": "missing/two"})
    rounds(ready, clock)
    assert ready.status.ready
    assert "two" in ready.status.missing


def test_an_adapter_whose_base_model_is_changed_to_another_is_refused_and_leaves_the_pod_in_its_pool(
    vllm: VllmServer, volume: Volume, ready: Syncer, clock: Clock
) -> None:
    volume.configure(vllm.port, {"one": "a/one"}, defaultBaseModel="mistral")
    rounds(ready, clock)
    assert ready.status.adapters == {"one": False}
    assert "is for the base model mistral" in ready.status.missing["one"]
    assert vllm.sources == {"one": "a/one"}
    assert ready.status.ready


def test_a_configuration_that_is_refused_leaves_the_pod_in_its_pool(
    volume: Volume, ready: Syncer, clock: Clock
) -> None:
    volume.write("vLLMLoRAConfig: [")
    rounds(ready, clock)
    assert ready.status.ready
    assert ready.status.config_error is not None


def test_a_pod_leaves_while_an_adapter_that_it_has_served_is_missing(
    vllm: VllmServer, ready: Syncer, clock: Clock
) -> None:
    vllm.faults["/v1/load_lora_adapter"] = [Fault.ERROR]
    vllm.by_hand("unload", lora_name="one")
    ready.round()
    assert not ready.status.ready
    rounds(ready, clock)
    rounds(ready, clock)
    assert ready.status.ready


def test_a_pod_leaves_when_the_server_is_gone_and_joins_again_with_its_adapters(
    vllm: VllmServer, ready: Syncer, clock: Clock
) -> None:
    vllm.stop()
    rounds(ready, clock, 1)
    assert not ready.status.ready
    vllm.start()
    rounds(ready, clock)
    assert ready.status.ready
    assert vllm.sources == {"one": "a/one"}


def test_a_server_that_started_anew_since_the_last_round_is_not_ready(vllm: VllmServer, ready: Syncer) -> None:
    assert ready.status_now().ready
    vllm.restart()
    assert ready.status.ready
    assert not ready.status_now().ready


def test_a_server_that_is_gone_since_the_last_round_is_not_ready(vllm: VllmServer, ready: Syncer) -> None:
    vllm.stop()
    assert not ready.status_now().ready


def test_a_late_answer_to_the_probe_leaves_the_pod_in_its_pool(vllm: VllmServer, ready: Syncer) -> None:
    vllm.faults["/v1/models"] = [Fault.LATE]
    assert ready.status_now().ready


def test_an_adapter_that_is_being_replaced_leaves_the_pod_in_its_pool(
    vllm: VllmServer, volume: Volume, ready: Syncer
) -> None:
    vllm.faults["/v1/load_lora_adapter"] = [Fault.ERROR] * 9
    volume.configure(vllm.port, {"one": "b/one"})
    ready.round()
    vllm.by_hand("unload", lora_name="one")
    assert ready.status_now().ready


def test_a_late_answer_leaves_the_pod_in_its_pool(vllm: VllmServer, ready: Syncer, clock: Clock) -> None:
    vllm.faults["/v1/models"] = [Fault.LATE]
    ready.round()
    assert ready.status.ready


def test_a_dropped_adapter_is_not_missed(vllm: VllmServer, volume: Volume, ready: Syncer, clock: Clock) -> None:
    volume.configure(vllm.port, {})
    rounds(ready, clock)
    assert vllm.sources == {}
    assert ready.status.ready


def test_a_syncer_that_restarts_finds_its_pod_ready(
    vllm: VllmServer, volume: Volume, ready: Syncer, clock: Clock
) -> None:
    second = make_syncer(volume, clock)
    second.round()
    assert second.status.ready
