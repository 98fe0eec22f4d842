"""The questions to vLLM: one request each, and whatever goes wrong is an error that says what and where."""

from __future__ import annotations

import json

import pytest

from kit.vllm_server import BASE, BY_HAND, ROOT, TIMEOUT, Asked, Fault, Served, VllmServer, vllm_server
from lora_syncer.config import Adapter
from lora_syncer.model_server import Models, ModelServer, ServerDown, ServerError, Timeouts

ONE = Adapter("one", "/adapters/one", BASE)


def client(vllm: VllmServer, api_key: str | None = None) -> ModelServer:
    return ModelServer("127.0.0.1", vllm.port, Timeouts(TIMEOUT, TIMEOUT), api_key)


def test_the_base_models_names_and_the_adapters_sources_are_told_apart(vllm: VllmServer) -> None:
    vllm.adapters["one"] = Served("/adapters/one", BY_HAND)
    assert client(vllm).models() == Models(frozenset({BASE, ROOT}), {"one": "/adapters/one"})


def test_a_load_names_the_adapter_its_source_and_its_base_model(vllm: VllmServer) -> None:
    client(vllm).load(ONE)
    assert vllm.asked == [Asked("load", "one", "/adapters/one", BASE, "lora-syncer")]


def test_an_unload_of_what_is_not_there_is_no_error(vllm: VllmServer) -> None:
    client(vllm).unload("one")


def test_the_cause_of_an_error_is_vllms(vllm: VllmServer) -> None:
    with pytest.raises(ServerError, match="with 404: Loading lora one failed: No adapter found for <path>$") as error:
        client(vllm).load(Adapter("one", "missing/one"))
    assert error.value.status == 404


@pytest.mark.parametrize("question", ["load", "unload"])
def test_a_server_that_takes_no_adapters_at_run_time_is_told_from_an_unknown_adapter(question: str) -> None:
    with vllm_server(updating=False) as vllm, pytest.raises(ServerError, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
        client(vllm).load(ONE) if question == "load" else client(vllm).unload("one")


def test_the_api_key_goes_with_each_question() -> None:
    with vllm_server(api_key="secret") as vllm:
        assert client(vllm, "secret").models().adapters == {}
        with pytest.raises(ServerError, match="with 401: .*Unauthorized"):
            client(vllm).models()


def test_a_server_that_is_starting_is_not_healthy(vllm: VllmServer) -> None:
    vllm.healthy = False
    with pytest.raises(ServerError, match="/health with 503"):
        client(vllm).check_health()


def test_a_server_that_does_not_listen_is_down(vllm: VllmServer) -> None:
    vllm.stop()
    with pytest.raises(ServerDown, match=f"^127.0.0.1:{vllm.port} refuses connections$"):
        client(vllm).models()


@pytest.mark.parametrize("fault", [Fault.LATE, Fault.CUT_BEFORE, Fault.CUT_AFTER])
def test_no_answer_is_not_taken_for_a_server_that_is_down(vllm: VllmServer, fault: Fault) -> None:
    vllm.faults["/v1/models"] = [fault]
    with pytest.raises(ServerError, match="did not answer /v1/models") as error:
        client(vllm).models()
    assert not isinstance(error.value, ServerDown)
    assert error.value.status is None


@pytest.mark.parametrize(
    "answer",
    [b"<html>", b"{}", b"[]", b"null", b'{"data": null}', b'{"data": [1]}', b'{"data": [{"parent": null}]}', b"\xff"],
)
def test_an_answer_that_is_no_list_of_models_is_an_error(vllm: VllmServer, answer: bytes) -> None:
    vllm.bodies["/v1/models"] = answer
    with pytest.raises(ServerError, match="with no list of models"):
        client(vllm).models()


def test_a_card_without_a_parent_is_a_base_model(vllm: VllmServer) -> None:
    vllm.bodies["/v1/models"] = json.dumps({"data": [{"id": "llama", "root": "/models/llama"}]}).encode()
    assert client(vllm).models() == Models(frozenset({"llama", "/models/llama"}), {})
