"""The rounds: what is asked of vLLM, what never is, and what is tried again."""

from __future__ import annotations

import logging

import pytest

from kit.vllm_server import BASE, BY_HAND, BY_SYNCER, Asked, Fault, Served, VllmServer, vllm_server
from lora_syncer.plan import TRIAL
from lora_syncer.syncer import Syncer
from unit.syncer.conftest import Clock, make_syncer
from unit.syncer.volume import Volume, configuration

LOAD, UNLOAD, MODELS = "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/v1/models"


def rounds(syncer: Syncer, clock: Clock, count: int = 4, pause: float = 61) -> None:
    """Rounds with so many seconds between them that every back-off is over."""
    for _ in range(count):
        syncer.round()
        clock.now += pause


def asked(vllm: VllmServer) -> list[tuple[str, str]]:
    return [(request.what, request.name) for request in vllm.asked if request.by == BY_SYNCER]


@pytest.fixture
def serving_v1(vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock) -> Syncer:
    """A syncer that has loaded the adapter `one` from `a/one-v1`."""
    volume.configure(vllm.port, {"one": "a/one-v1"})
    rounds(syncer, clock)
    return syncer


def test_what_is_configured_is_loaded_and_then_left_alone(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    volume.configure(vllm.port, {"one": "a/one", "two": "a/two"})
    rounds(syncer, clock)
    assert vllm.sources == {"one": "a/one", "two": "a/two"}
    assert asked(vllm) == [("load", "one"), ("load", "two")]


def test_nothing_is_asked_but_the_health_before_the_server_is_healthy(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    vllm.healthy = False
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(syncer, clock)
    assert set(vllm.paths) == {"/health"}
    vllm.healthy = True
    rounds(syncer, clock)
    assert vllm.sources == {"one": "a/one"}


def test_nothing_is_asked_before_there_is_a_configuration(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    volume.write("vLLMLoRAConfig: [")
    rounds(syncer, clock)
    assert vllm.paths == []
    assert syncer.status.config_error is not None


def test_an_adapter_that_is_dropped_is_unloaded(vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock) -> None:
    volume.configure(vllm.port, {"one": "a/one", "two": "a/two"})
    rounds(syncer, clock)
    volume.configure(vllm.port, {"two": "a/two"})
    rounds(syncer, clock)
    assert vllm.sources == {"two": "a/two"}


def test_an_adapter_of_anothers_stays_although_no_list_names_it(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    vllm.adapters["hers"] = Served("b/hers", BY_HAND)
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(syncer, clock)
    assert vllm.sources == {"hers": "b/hers", "one": "a/one"}
    assert syncer.status.unmanaged == ("hers",)


def test_an_adapter_of_anothers_is_unloaded_when_ensure_not_exist_names_it(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    vllm.adapters["hers"] = Served("b/hers", BY_HAND)
    volume.configure(vllm.port, {}, absent=("hers",))
    rounds(syncer, clock)
    assert vllm.sources == {}
    assert syncer.status.adapters == {"hers": False}


def test_an_adapter_that_another_unloads_is_loaded_again(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(syncer, clock)
    assert vllm.by_hand("unload", lora_name="one") == 200
    rounds(syncer, clock)
    assert vllm.sources == {"one": "a/one"}


def test_all_are_loaded_again_after_a_restart_of_the_server(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    volume.configure(vllm.port, {"one": "a/one", "two": "a/two"})
    rounds(syncer, clock)
    vllm.stop()
    rounds(syncer, clock, 2)
    assert not syncer.status.reached
    vllm.start()
    rounds(syncer, clock)
    assert vllm.sources == {"one": "a/one", "two": "a/two"}


def test_a_syncer_that_restarts_loads_nothing_twice(vllm: VllmServer, volume: Volume, clock: Clock) -> None:
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(make_syncer(volume, clock), clock)
    rounds(make_syncer(volume, clock), clock)
    assert asked(vllm) == [("load", "one")]


def test_a_syncer_that_restarts_unloads_what_is_dropped_afterwards(
    vllm: VllmServer, volume: Volume, clock: Clock
) -> None:
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(make_syncer(volume, clock), clock)
    second = make_syncer(volume, clock)
    rounds(second, clock)
    volume.configure(vllm.port, {})
    rounds(second, clock)
    assert vllm.sources == {}


def test_what_a_server_that_was_seen_down_brings_along_is_not_taken_for_the_syncers_own(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    vllm.stop()
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(syncer, clock, 1)
    vllm.start()
    vllm.adapters["one"] = Served("a/one", BY_HAND)
    rounds(syncer, clock)
    volume.configure(vllm.port, {})
    rounds(syncer, clock)
    assert vllm.sources == {"one": "a/one"}


def test_a_load_whose_answer_is_lost_is_the_syncers_own(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    vllm.faults[LOAD] = [Fault.LATE]
    volume.configure(vllm.port, {"one": "a/one"})
    syncer.round()
    volume.configure(vllm.port, {})
    vllm.settle()
    assert vllm.sources == {"one": "a/one"}
    rounds(syncer, clock)
    assert vllm.sources == {}


def test_an_adapter_for_another_base_model_is_refused_before_the_server_is_asked(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    exist = [{"id": "one", "source": "a/one", "base-model": "mistral"}]
    volume.write(configuration(vllm.port, exist, defaultBaseModel=BASE))
    with caplog.at_level(logging.ERROR):
        rounds(syncer, clock)
    assert asked(vllm) == []
    assert "mistral" in syncer.status.missing["one"]
    assert BASE in syncer.status.missing["one"]
    assert len(caplog.records) == 1


def test_no_more_is_loaded_than_the_server_keeps(vllm: VllmServer, volume: Volume, clock: Clock) -> None:
    vllm.adapters["hers"] = Served("b/hers", BY_HAND)
    syncer = make_syncer(volume, clock, max_adapters=2)
    volume.configure(vllm.port, {"one": "a/one", "two": "a/two"})
    rounds(syncer, clock)
    assert vllm.sources == {"hers": "b/hers", "one": "a/one"}
    assert "raise --max-cpu-loras" in syncer.status.missing["two"]


def test_the_room_of_a_dropped_adapter_is_used(vllm: VllmServer, volume: Volume, clock: Clock) -> None:
    syncer = make_syncer(volume, clock, max_adapters=1)
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(syncer, clock)
    volume.configure(vllm.port, {"two": "a/two"})
    rounds(syncer, clock)
    assert vllm.sources == {"two": "a/two"}


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("path", [LOAD, MODELS])
def test_a_load_is_tried_again_after_a_fault(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock, path: str, fault: Fault
) -> None:
    vllm.faults[path] = [fault]
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(syncer, clock, 3)
    vllm.settle()
    rounds(syncer, clock, 1)
    assert syncer.status.adapters == {"one": True}
    assert syncer.status.missing == {}


@pytest.mark.parametrize("fault", list(Fault))
def test_an_unload_is_tried_again_after_a_fault(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock, fault: Fault
) -> None:
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(syncer, clock)
    vllm.faults[UNLOAD] = [fault]
    volume.configure(vllm.port, {})
    rounds(syncer, clock, 3)
    vllm.settle()
    rounds(syncer, clock, 1)
    assert vllm.sources == {}


def test_what_fails_again_and_again_is_asked_less_and_less(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    volume.configure(vllm.port, {"one": "missing/one"})
    rounds(syncer, clock, 300, pause=1)
    assert 8 <= len(asked(vllm)) <= 20
    assert "No adapter found for <path>" in syncer.status.missing["one"]


def test_one_adapter_that_fails_does_not_hold_up_the_others(
    vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock
) -> None:
    volume.configure(vllm.port, {"bad": "missing/bad", "good": "a/good"})
    syncer.round()
    assert vllm.sources == {"good": "a/good"}


def test_a_new_configuration_is_tried_at_once(vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock) -> None:
    volume.configure(vllm.port, {"one": "missing/one"})
    rounds(syncer, clock, 10)
    syncer.round()
    volume.configure(vllm.port, {"one": "a/one"})
    syncer.round()
    assert vllm.sources == {"one": "a/one"}


def test_another_source_replaces_the_old_one(vllm: VllmServer, volume: Volume, serving_v1: Syncer) -> None:
    volume.configure(vllm.port, {"one": "a/one-v2"})
    serving_v1.round()
    assert vllm.sources == {"one": "a/one-v2"}


def test_a_replacement_is_first_tried_under_a_name_of_its_own(
    vllm: VllmServer, volume: Volume, serving_v1: Syncer, clock: Clock
) -> None:
    volume.configure(vllm.port, {"one": "a/one-v2"})
    rounds(serving_v1, clock)
    trial = f"one{TRIAL}"
    assert asked(vllm)[1:] == [("load", trial), ("unload", trial), ("unload", "one"), ("load", "one")]


@pytest.mark.parametrize(
    ("source", "cause"), [("missing/one-v2", "No adapter found"), ("rank64/one-v2", "LoRA rank 64")]
)
def test_an_adapter_whose_new_source_can_not_be_loaded_is_never_taken_out(
    vllm: VllmServer, volume: Volume, serving_v1: Syncer, clock: Clock, source: str, cause: str
) -> None:
    volume.configure(vllm.port, {"one": source})
    rounds(serving_v1, clock, 10)
    assert cause in serving_v1.status.missing["one"]
    assert vllm.sources == {"one": "a/one-v1"}
    assert ("unload", "one") not in asked(vllm)
    volume.configure(vllm.port, {"one": "a/one-v3"})
    serving_v1.round()
    assert vllm.sources == {"one": "a/one-v3"}


def test_the_old_source_is_loaded_again_where_the_new_one_fails_after_its_trial(
    vllm: VllmServer, volume: Volume, serving_v1: Syncer, clock: Clock
) -> None:
    def fail_the_next_load(asked: Asked) -> None:
        if (asked.what, asked.name) == ("unload", "one"):
            vllm.faults[LOAD] = [Fault.ERROR]
            vllm.on_asked = lambda asked: None

    vllm.on_asked = fail_the_next_load
    volume.configure(vllm.port, {"one": "a/one-v2"})
    serving_v1.round()
    assert vllm.sources == {"one": "a/one-v1"}
    assert "answered /v1/load_lora_adapter with 500" in serving_v1.status.missing["one"]
    rounds(serving_v1, clock, 2)
    assert vllm.sources == {"one": "a/one-v2"}


def test_what_is_left_of_a_trial_is_unloaded_by_the_next_syncer_too(
    vllm: VllmServer, volume: Volume, serving_v1: Syncer, clock: Clock
) -> None:
    vllm.faults[UNLOAD] = [Fault.ERROR]
    volume.configure(vllm.port, {"one": "a/one-v2"})
    serving_v1.round()
    assert set(vllm.sources) == {"one", f"one{TRIAL}"}
    rounds(make_syncer(volume, clock), clock)
    assert vllm.sources == {"one": "a/one-v1"}


def test_another_port_is_another_server(vllm: VllmServer, volume: Volume, syncer: Syncer, clock: Clock) -> None:
    volume.configure(vllm.port, {"one": "a/one"})
    rounds(syncer, clock)
    with vllm_server() as other:
        volume.configure(other.port, {"two": "a/two"})
        rounds(syncer, clock)
        assert other.sources == {"two": "a/two"}
    assert vllm.sources == {"one": "a/one"}


def test_the_api_key_is_given(volume: Volume, clock: Clock) -> None:
    with vllm_server(api_key="secret") as vllm:
        volume.configure(vllm.port, {"one": "a/one"})
        rounds(make_syncer(volume, clock, api_key="secret"), clock)
        assert vllm.asked == [Asked("load", "one", "a/one", None, BY_SYNCER)]
