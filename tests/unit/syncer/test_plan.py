"""The plan: the shortest way from what is served to what is configured, within the bounds."""

from __future__ import annotations

from lora_syncer.config import Adapter, Config
from lora_syncer.model_server import Models
from lora_syncer.plan import TRIAL, Load, Plan, Unload, plan

BASE = frozenset({"llama", "/models/llama"})
ONE, TWO, THREE = (Adapter(id_, f"/adapters/{id_}", "llama") for id_ in ("one", "two", "three"))


def served(*adapters: Adapter) -> Models:
    return Models(BASE, {adapter.id: adapter.source for adapter in adapters})


def config(*exist: Adapter, absent: set[str] = frozenset()) -> Config:  # type: ignore[assignment]
    return Config("localhost", 8000, exist, frozenset(absent))


def loaded(*adapters: Adapter) -> dict[str, str]:
    return {adapter.id: adapter.source for adapter in adapters}


def test_nothing_is_done_where_everything_is_served() -> None:
    assert plan(config(ONE), served(ONE), {}) == Plan((), {})


def test_what_is_missing_is_loaded_in_the_order_of_the_configuration() -> None:
    assert plan(config(TWO, ONE), served(), {}).steps == (Load(TWO), Load(ONE))


def test_what_the_syncer_loaded_and_is_named_no_more_is_unloaded() -> None:
    assert plan(config(), served(ONE, TWO), loaded(ONE)).steps == (Unload("one"),)


def test_what_ensure_not_exist_names_is_unloaded_whoever_loaded_it() -> None:
    assert plan(config(absent={"one"}), served(ONE, TWO), {}).steps == (Unload("one"),)


def test_what_ensure_not_exist_names_and_is_not_served_needs_no_step() -> None:
    assert plan(config(absent={"one"}), served(), {}) == Plan((), {})


def test_what_a_trial_left_behind_is_unloaded_whoever_loaded_it() -> None:
    assert plan(config(ONE), served(ONE, Adapter(f"one{TRIAL}", "/adapters/one-v2")), {}).steps == (
        Unload(f"one{TRIAL}"),
    )


def test_another_source_of_an_adapter_of_the_syncers_replaces_it() -> None:
    new = Adapter("one", "/adapters/one-v2", "llama")
    assert plan(config(new), served(ONE), loaded(ONE)).steps == (Load(new, replaced="/adapters/one"),)


def test_an_adapter_that_another_loaded_from_elsewhere_is_left_and_told() -> None:
    by_hand = Adapter("one", "/by-hand/one")
    result = plan(config(ONE), served(by_hand), {})
    assert result.steps == ()
    assert result.refused["one"].startswith("is served from /by-hand/one and was loaded by another, not from /adapters")


def test_an_adapter_for_another_base_model_is_refused_naming_both() -> None:
    result = plan(config(Adapter("one", "/adapters/one", "mistral"), TWO), served(), {})
    assert result.steps == (Load(TWO),)
    assert result.refused == {"one": "is for the base model mistral, the model server serves /models/llama or llama"}


def test_an_adapter_that_is_served_and_whose_base_model_is_changed_to_another_is_left_and_told() -> None:
    result = plan(config(Adapter("one", ONE.source, "mistral")), served(ONE), loaded(ONE))
    assert result == Plan((), {"one": "is for the base model mistral, the model server serves /models/llama or llama"})


def test_the_base_model_is_known_by_its_served_name_and_by_its_path() -> None:
    by_path = Adapter("one", "/adapters/one", "/models/llama")
    assert plan(config(by_path), served(), {}).steps == (Load(by_path),)


def test_an_adapter_with_the_name_of_the_base_model_is_refused() -> None:
    assert plan(config(Adapter("llama", "/a")), served(), {}).refused == {
        "llama": "has the name of the base model; give it another id"
    }


def test_no_more_is_loaded_than_the_model_server_keeps() -> None:
    result = plan(config(ONE, TWO, THREE), served(Adapter("x", "/x")), {}, max_adapters=2)
    assert result.steps == (Load(ONE),)
    assert set(result.refused) == {"two", "three"}
    assert "has 1 adapters and keeps 2" in result.refused["two"]


def test_a_load_that_needs_the_room_of_an_unload_waits_for_it() -> None:
    result = plan(config(TWO), served(ONE), loaded(ONE), max_adapters=1)
    assert result == Plan((Unload("one"),), {})
    assert plan(config(TWO), served(), {}, max_adapters=1) == Plan((Load(TWO),), {})


def test_a_replacement_needs_no_room() -> None:
    new = Adapter("one", "/adapters/one-v2", "llama")
    assert plan(config(new), served(ONE), loaded(ONE), max_adapters=1).steps == (Load(new, "/adapters/one"),)
