"""The file of prompts: what each line may be, and every wrong line by its number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.quality.prompts import Prompt, in_order, read_prompts


def prompts_of(folder: Path, *lines: str) -> tuple[Prompt, ...]:
    file = folder / "prompts.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return read_prompts(file)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "no JSON: Expecting property name enclosed in double quotes at character 2"),
        ("[1]", "a prompt is a JSON object"),
        ("{}", "give either `prompt` or `messages`"),
        ('{"prompt": "a", "messages": [{"role": "user", "content": "b"}]}', "give either `prompt` or `messages`"),
        ('{"prompt": "a", "maxTokens": 0}', "maxTokens: Input should be greater than or equal to 1"),
        ('{"prompt": "a", "max_tokens": 5, "x": 1}', "x: there is no such key"),
        ('{"prompt": "a", "line": 4}', "line: there is no such key"),
        ('{"prompt": "a", "tools": [{}]}', "`tools` need `messages`"),
        ('{"prompt": "a", "temperature": NaN}', "temperature: Input should be a finite number"),
        ('{"prompt": "a", "expect": {}}', "`expect` is empty"),
        ('{"prompt": "a", "expect": {"regex": "("}}', "is not a regular expression"),
        ('{"prompt": "a", "expect": {"jsonSchema": {"type": "strange"}}}', "not a JSON schema"),
        ('{"prompt": "a", "expect": {"jsonSchema": 5}}', "jsonSchema"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_wrong_line_is_refused_by_its_number(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(Failure) as refused:
        prompts_of(tmp_path, '{"prompt": "fine"}', "", line)
    text = str(refused.value)
    assert f"prompts.jsonl:3: {says}" in text or ("prompts.jsonl:3: expect" in text and says in text)


def test_every_wrong_line_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(Failure) as refused:
        prompts_of(tmp_path, "{", '{"prompt": "fine"}', "7")
    assert [line.split(":")[1] for line in str(refused.value).splitlines()[1:]] == ["1", "3"]


def test_a_file_that_is_empty_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="there is no prompt in it"):
        prompts_of(tmp_path, "")
    with pytest.raises(Failure, match="cannot be read"):
        read_prompts(tmp_path / "none.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Failure, match="cannot be read"):
        read_prompts(tmp_path / "binary.jsonl")


def test_a_name_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="the name 'a' is given twice"):
        prompts_of(tmp_path, '{"name": "a", "prompt": "1"}', '{"name": "a", "prompt": "2"}')


def test_sampling_is_greedy_unless_the_prompt_says_otherwise(tmp_path: Path) -> None:
    greedy, sampled = prompts_of(tmp_path, '{"prompt": "1"}', '{"prompt": "2", "temperature": 0.7, "seed": 3}')
    assert json.loads(greedy.body("m", logprobs=False)) == {
        "model": "m", "max_tokens": 64, "temperature": 0.0, "prompt": "1",
    }  # fmt: skip
    assert {"temperature": 0.7, "seed": 3}.items() <= json.loads(sampled.body("m", logprobs=False)).items()


def test_messages_and_tools_go_to_the_chat_endpoint_as_they_stand(tmp_path: Path) -> None:
    message, tool = {"role": "user", "content": "hello"}, {"type": "function", "function": {"name": "f"}}
    [prompt] = prompts_of(tmp_path, json.dumps({"messages": [message], "tools": [tool], "toolChoice": "auto"}))
    assert prompt.path == "v1/chat/completions"
    body = json.loads(prompt.body("m", logprobs=True))
    assert body["messages"] == [message]
    assert body["tools"] == [tool]
    assert body["tool_choice"] == "auto"
    assert body["logprobs"] is True


def test_prompts_are_asked_in_one_order_that_is_not_the_files(tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path, *(json.dumps({"prompt": str(number)}) for number in range(50)))
    assert in_order(prompts) == in_order(prompts)
    assert sorted(prompt.line for prompt in in_order(prompts)) == list(range(1, 51))
    assert in_order(prompts) != prompts
