"""The requests that a rollout is judged by, beside the users' own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from inferencepool_rollout.plan.values import Duration, Headers, Part, Several, Text
from inferencepool_rollout.traffic.request import Completion


class Lengths(Part):
    """Numbers of tokens: all alike, or spread as a lognormal distribution."""

    mean: float = Field(ge=1, le=1_000_000, description="Mean number of tokens.")
    spread: float = Field(
        default=0.0,
        ge=0,
        le=3,
        description="Standard deviation of the logarithm; 0: all alike. Prompts of chats have about 1.",
    )
    most: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Longest length, at which longer ones are cut; needed with `spread`.",
    )


class SharedPrefix(Part):
    """Beginnings that prompts have in common, as system prompts."""

    tokens: int = Field(ge=1, description="Tokens of a beginning; they count as part of `promptTokens`.")
    groups: int = Field(ge=1, le=1_000_000, description="How many of them there are; each prompt has one at random.")


class Turns(Part):
    """Conversations, whose requests repeat what was said before."""

    mean: float = Field(ge=1, le=1000, description="Mean number of requests of a conversation, geometric.")
    most: int = Field(ge=1, le=1000, description="Most requests of a conversation.")
    think: Duration = Field(default=10.0, description="Mean time between two requests of a conversation, exponential.")


class Workload(Part):
    """Requests like users' own in place of one prompt; they are the same for the same seed."""

    seed: int = Field(default=1, ge=0, le=2**31, description="Another seed makes other requests.")
    arrivals: Literal["poisson", "even", "traced"] = Field(
        default="poisson",
        description="When requests are sent, with `probe.rate` as mean: at random, evenly, or at the times of `trace`, "
        "stretched to that rate.",
    )
    prompt_tokens: Lengths | None = Field(default=None, description="Tokens of a prompt; of a turn's part of it.")
    answer_tokens: Lengths | None = Field(default=None, description="Tokens of an answer.")
    shared_prefix: SharedPrefix | None = Field(default=None, description="Beginnings that prompts have in common.")
    turns: Turns | None = Field(default=None, description="Conversations. Default: each request stands alone.")
    trace: Text | None = Field(
        default=None,
        description="File with the requests' lengths and times, relative to the plan: CSV with TIMESTAMP, "
        "ContextTokens, GeneratedTokens (Azure's traces), or JSON lines with timestamp (ms), input_length, "
        "output_length, hash_ids (Mooncake's).",
    )
    mix: Mapping[Text, Annotated[float, Field(ge=0)]] = Field(
        default={},
        description="Share of each of `probe.models` in the requests, as weights; one that is not named has 1.",
    )
    ignore_eos: bool = Field(
        default=True,
        description="Ask for answers of the full length (ignore_eos). false for servers that refuse the field.",
    )


class Probe(Part):
    """The requests that the rollout is judged by, beside the users' own."""

    models: Annotated[tuple[Text, ...], Several, Field(min_length=1)] = Field(
        description="Models, adapters or aliases to ask for, in turn."
    )
    rate: float = Field(gt=0, le=10000, description="Requests/s in all.")
    prompt: Text = Field(default=Completion.prompt, description="The prompt of every request.")
    max_tokens: int = Field(default=Completion.max_tokens, ge=1, description="Most tokens of an answer.")
    stream: bool = Field(default=True, description="Ask for streams; TTFT, TPOT and ITL are measured on streams only.")
    chat: bool = Field(default=False, description="Use /v1/chat/completions in place of /v1/completions.")
    usage: bool = Field(
        default=True,
        description="Ask servers for the number of tokens of a stream (stream_options.include_usage), by which TPOT is "
        "measured. Without it each event counts as one token; needed for servers that refuse the field with 400.",
    )
    workload: Workload | None = Field(
        default=None, description="Requests like users' own in place of `prompt` and `maxTokens`."
    )
    workers: int = Field(default=64, ge=1, description="Most requests in flight, for each model.")
    timeout: Duration = Field(
        default=60.0,
        description="Time limit of one request. A request is judged once all that were sent before it have ended.",
    )
    to_old: Headers = Field(default={}, description="Headers that send a request to the old pool at any weight.")
    to_new: Headers = Field(
        default={}, description="The same for the new pool. With both, each pool is judged by requests of its own."
    )
