"""The prompts by which the pools' answers are compared."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from inferencepool_rollout.plan.values import Duration, Headers, Part, Several, Text, Url


class Judge(Part):
    """A program or an endpoint that scores both answers to a prompt, each from 0 (bad) to 1 (good)."""

    command: Annotated[tuple[Text, ...], Several] = Field(
        default=(), description="Program and its arguments; it reads one JSON object and writes one."
    )
    url: Url | None = Field(default=None, description="Or where the same JSON is posted.")
    headers: Headers = Field(default={}, description="Headers of each post.")
    timeout: Duration = Field(default=60.0, description="Time limit of one score. A judge that fails holds the step.")
    concurrency: int = Field(default=4, ge=1, le=256, description="Most scores asked for at once.")


class BaseModels(Part):
    """The names by which each pool serves its base model."""

    old: Text = Field(description="In the old pool.")
    new: Text = Field(description="In the new pool.")


class Quality(Part):
    """Prompts that both pools answer before any weight moves, and again at each step."""

    prompts: Text = Field(description="File of prompts, one JSON object a line, relative to the plan.")
    concurrency: int = Field(default=8, ge=1, le=256, description="Most prompts asked at once.")
    logprobs: bool = Field(
        default=True,
        description="Ask for log-probabilities, which show where answers part token by token. false for servers that "
        "refuse them. At the first request for them vLLM compiles a kernel; an image without a C++ compiler ends then.",
    )
    base: BaseModels | None = Field(
        default=None,
        description="Base models' names. Prompts for other models are asked with them too, which shows what an adapter "
        "changes.",
    )
    judge: Judge | None = Field(default=None, description="A judge from outside.")
    texts: bool = Field(
        default=True, description="Write the texts of differing answers into the run log. false writes none."
    )
