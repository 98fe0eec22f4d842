"""The file of prompts: one JSON object a line, each with what is asked and what the answer has to be."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.quality.expect import Expect

SHUFFLED_BY = 1
"""The seed of the order in which prompts are asked: the same at every step, and no order that a file was sorted by."""


class Prompt(BaseModel):
    """One prompt; sampling is greedy unless `temperature` says otherwise."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True, allow_inf_nan=False
    )

    name: str = Field(default="", description="Name in reports. Default: the line's number.")
    model: str = Field(default="", description="Model, adapter or alias. Default: the first of probe.models.")
    prompt: str | None = Field(default=None, min_length=1, description="Text for /v1/completions.")
    messages: tuple[Mapping[str, Any], ...] = Field(default=(), description="Messages for /v1/chat/completions.")
    max_tokens: int = Field(default=64, ge=1, description="Most tokens of the answer.")
    stop: tuple[str, ...] = Field(default=(), max_length=4, description="Texts at which the answer ends.")
    temperature: float = Field(default=0.0, ge=0, le=2, description="0 is greedy: the likeliest token each time.")
    seed: int | None = Field(default=None, description="Seed of a sampled answer.")
    tools: tuple[Mapping[str, Any], ...] = Field(default=(), description="Tools that the model may call.")
    tool_choice: str | Mapping[str, Any] | None = Field(default=None, description="As the OpenAI API has it.")
    expect: Expect | None = Field(default=None, description="What the answer has to be. Without it: parity only.")
    line: SkipJsonSchema[int] = Field(default=0, exclude=True)

    @model_validator(mode="after")
    def _one_kind(self) -> Prompt:
        if (self.prompt is None) == (not self.messages):
            raise ValueError("give either `prompt` or `messages`")
        if self.tools and self.prompt is not None:
            raise ValueError("`tools` need `messages`: only /v1/chat/completions takes them")
        return self

    @property
    def path(self) -> str:
        """The endpoint below the gateway's URL."""
        return "v1/completions" if self.prompt is not None else "v1/chat/completions"

    def body(self, model: str, logprobs: bool) -> bytes:
        """Return the JSON body, as the OpenAI API has it, that asks `model`."""
        chat = self.prompt is None
        asked = {
            "model": model, "max_tokens": self.max_tokens, "stop": list(self.stop) or None,
            "temperature": self.temperature, "seed": self.seed,
            "prompt": self.prompt, "messages": list(self.messages) or None, "tools": list(self.tools) or None,
            "tool_choice": self.tool_choice, "logprobs": (True if chat else 1) if logprobs else None,
        }  # fmt: skip
        return json.dumps({key: value for key, value in asked.items() if value is not None}).encode()


def read_prompts(file: Path) -> tuple[Prompt, ...]:
    """Return the prompts of a jsonl file; raises Failure with every wrong line, one a line, as FILE:LINE: what."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"quality.prompts: {file} cannot be read: {error}") from None
    prompts, wrong = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            prompts.append(Prompt.model_validate({**_object(line), "line": number}))
        except ValidationError as refused:
            wrong += [f"{file}:{number}: {_reason(error)}" for error in refused.errors()]
        except ValueError as error:
            wrong.append(f"{file}:{number}: {error}")
        except RecursionError:
            wrong.append(f"{file}:{number}: nested too deeply")
    names = [prompt.name for prompt in prompts if prompt.name]
    wrong += [f"{file}: the name {name!r} is given twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if not prompts and not wrong:
        wrong = [f"{file}: there is no prompt in it; write one JSON object a line"]
    if wrong:
        raise Failure("the prompts are refused\n" + "\n".join(wrong))
    return tuple(prompts)


def in_order(prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """Return the prompts in the order in which they are asked, in which no neighbour is alike by the file's order."""
    return tuple(random.Random(SHUFFLED_BY).sample(prompts, len(prompts)))


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg} at character {error.colno}") from None
    if not isinstance(value, dict):
        raise ValueError('a prompt is a JSON object, as {"prompt": "..."}')
    if "line" in value:
        raise ValueError("line: there is no such key")
    return value


def _reason(error: Any) -> str:
    path = ".".join(map(str, error["loc"]))
    text = "there is no such key" if error["type"] == "extra_forbidden" else str(error["msg"])
    return f"{path}: {text}" if path else text.removeprefix("Value error, ")
