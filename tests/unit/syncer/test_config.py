"""The configuration: the guide's shape is taken as it is, anything else is refused as a whole."""

from __future__ import annotations

import pytest
import yaml

from lora_syncer.config import Adapter, Config, ConfigError, parse

GUIDE = """\
vLLMLoRAConfig:
  name: vllm-llama3-8b-instruct-adapters-new
  port: 8000
  defaultBaseModel: meta-llama/Llama-3.1-8B-Instruct
  ensureExist:
    models:
    - id: food-review-1
      source: Kawon/llama3.1-food-finetune_v14_r8
"""
EVERY_FIELD = """\
vLLMLoRAConfig:
  host: 10.0.0.7
  name: all
  port: 8001
  defaultBaseModel: base-a
  ensureExist:
    models:
    - base-model: base-b
      id: one
      source: /adapters/one
    - id: two
      source: /adapters/two
  ensureNotExist:
    models:
    - base-model: base-b
      id: three
      source: /adapters/three
    - id: four
"""


def config(**fields: object) -> str:
    return yaml.safe_dump({"vLLMLoRAConfig": fields})


def adapters(*ids: str) -> dict[str, list[dict[str, str]]]:
    return {"models": [{"id": id_, "source": f"/adapters/{id_}"} for id_ in ids]}


def test_the_guides_configuration_is_taken_unchanged() -> None:
    adapter = Adapter(
        "food-review-1", "Kawon/llama3.1-food-finetune_v14_r8", base_model="meta-llama/Llama-3.1-8B-Instruct"
    )
    assert parse(GUIDE) == Config("localhost", 8000, (adapter,))


def test_every_field_of_the_guides_shape_is_read() -> None:
    assert parse(EVERY_FIELD) == Config(
        "10.0.0.7",
        8001,
        (Adapter("one", "/adapters/one", "base-b"), Adapter("two", "/adapters/two", "base-a")),
        frozenset({"three", "four"}),
    )


def test_no_base_model_at_all_is_no_check_of_it() -> None:
    assert parse(config(ensureExist=adapters("one"))).ensure_exist == (Adapter("one", "/adapters/one", None),)


def test_a_configuration_may_name_no_adapter() -> None:
    assert parse(config()) == Config("localhost", 8000)


def test_a_port_is_a_whole_number_however_it_is_written() -> None:
    assert isinstance(parse("vLLMLoRAConfig: {port: 8000.0}").port, int)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "must be object"),
        ("- a list", "must be object"),
        ("vLLMLoRAConfig: null", "vLLMLoRAConfig must be object"),
        ("vLLMLoraConfig: {}", "must contain .'vLLMLoRAConfig'. properties"),
        ("vLLMLoRAConfig: {", "is no YAML"),
        ("vLLMLoRAConfig: {port: 1, port: 2}", "is no YAML: .*duplicate key"),
        ("vLLMLoRAConfig: !!python/object:os.system {}", "is no YAML"),
        (config(ensureExists=adapters("one")), "must not contain .'ensureExists'. properties"),
        (config(port="8000"), "port must be integer"),
        (config(port=0), "port must be bigger than or equal to 1"),
        (config(port=65536), "port must be smaller than or equal to 65535"),
        (config(port=True), "port must be integer"),
        (config(host=""), "host must be longer than or equal to 1"),
        (config(ensureExist=[]), "ensureExist must be object"),
        (config(ensureExist={}), "ensureExist must contain .'models'. properties"),
        (config(ensureExist={"models": [{"id": "one"}]}), "must contain .'source'. properties"),
        (config(ensureExist={"models": [{"source": "x"}]}), "must contain .'id'. properties"),
        (config(ensureExist={"models": [{"id": "", "source": "x"}]}), "id must be longer"),
        (config(ensureExist={"models": [{"id": "a", "source": "x", "baseModel": "b"}]}), "must not contain"),
        (config(ensureNotExist={"models": [{}]}), "must contain .'id'. properties"),
    ],
)
def test_what_is_not_of_the_shape_is_refused(text: str, cause: str) -> None:
    with pytest.raises(ConfigError, match=cause):
        parse(text)


@pytest.mark.parametrize("text", ["", "- x", "vLLMLoRAConfig: {", config(port="x")])
def test_the_cause_of_a_refusal_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert len(str(refused.value).splitlines()) == 1


def test_an_adapter_in_both_lists_is_refused() -> None:
    with pytest.raises(ConfigError, match="^two is in ensureExist and in ensureNotExist; leave it in one"):
        parse(config(ensureExist=adapters("one", "two"), ensureNotExist=adapters("two")))


def test_an_adapter_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="^one is in ensureExist 2 times; leave it in once"):
        parse(config(ensureExist=adapters("one", "two", "one")))


def test_as_many_adapters_as_the_model_server_keeps_are_taken() -> None:
    assert len(parse(config(ensureExist=adapters("one", "two")), max_adapters=2).ensure_exist) == 2


def test_more_adapters_than_the_model_server_keeps_are_refused() -> None:
    with pytest.raises(ConfigError, match="has 3 adapters, the model server keeps 2; .*raise --max-cpu-loras"):
        parse(config(ensureExist=adapters("one", "two", "three")), max_adapters=2)
