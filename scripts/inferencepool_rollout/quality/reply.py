"""One whole answer as the quality gate sees it, and where two of them part."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any, TypeGuard

from inferencepool_rollout.traffic.content import Content


@dataclass(frozen=True)
class Call:
    """A tool call; `arguments` is what its JSON says, or its text where it is none."""

    name: str
    arguments: Any


@dataclass(frozen=True)
class Reply:
    """What a pool answered: content, reasoning and tool calls; `problem` says why it is no good answer, if it is not.

    `tokens` and their natural `logprobs` are empty where the server does not give them, and `length` (tokens) is NaN
    where it does not count them. `mark` is the pool as the route named it.
    """

    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = ""
    tokens: tuple[str, ...] = ()
    logprobs: tuple[float, ...] = ()
    length: float = math.nan
    problem: str = ""
    status: int = 0
    mark: str = ""

    def same(self, other: Reply) -> bool:
        """Whether two replies say the same; a reply with a problem is the same as none."""
        if self.problem or other.problem:
            return False
        return (self.text, self.reasoning, self.calls) == (other.text, other.reasoning, other.calls)

    def shown(self) -> dict[str, Any]:
        """Return the reply for a judge and for the run log."""
        calls = [asdict(call) for call in self.calls]
        return {
            "text": self.text, "reasoning": self.reasoning, "toolCalls": calls, "finishReason": self.finish,
            "problem": self.problem,
        }  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """Where two replies part: the index of the first token that differs (None where tokens are not known), the first
    character, and the probability that the first reply's server gave its own token there (NaN where not known)."""

    token: int | None
    character: int
    certainty: float


def difference(one: Reply, other: Reply) -> Difference:
    """Return where two replies first differ; where neither text nor tokens do, their ends."""
    character = _first(one.text, other.text)
    if not (one.tokens and other.tokens):
        return Difference(None, character, math.nan)
    token = _first(one.tokens, other.tokens)
    known = token < len(one.logprobs)
    return Difference(token, character, math.exp(one.logprobs[token]) if known else math.nan)


def read_reply(body: bytes, status: int, mark: str) -> Reply:
    """Return a whole body of the OpenAI API as a reply; raises traffic.answers.Lost if it is no good answer.

    Content judges it as it judges the probe's answers, so all that follows may trust its shape.
    """
    content = Content(streamed=False)
    content.read(body)
    content.end()
    answer = json.loads(body.decode("utf-8-sig"))
    choice = answer["choices"][0]
    message = choice.get("message") or {}
    tokens, logprobs = _tokens(choice.get("logprobs"))
    return Reply(
        text=choice.get("text") or _text(message.get("content")) or message.get("refusal") or "",
        reasoning=message.get("reasoning_content") or message.get("reasoning") or "",
        calls=tuple(_call(each) for each in message.get("tool_calls") or ()),
        finish=choice.get("finish_reason") or "",
        tokens=tokens,
        logprobs=logprobs,
        length=float(content.tokens) if content.tokens else math.nan,
        status=status,
        mark=mark,
    )


def _first(one: Any, other: Any) -> int:
    for index, (mine, its) in enumerate(zip_longest(one, other)):
        if mine != its:
            return index
    return len(one)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") if isinstance(part, dict) else part for part in content)
    return content or ""


def _call(each: Any) -> Call:
    function = each.get("function")
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    with contextlib.suppress(ValueError):  # the text of arguments that are no JSON
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    return Call(str(function.get("name", "")), arguments)


def _tokens(logprobs: Any) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return tokens and log-probabilities of a choice: `content` in a chat, two lists in a completion."""
    if not isinstance(logprobs, dict):
        return (), ()
    rows = logprobs.get("content")
    if isinstance(rows, list):
        pairs = [(row.get("token"), row.get("logprob")) for row in rows if isinstance(row, dict)]
    else:
        pairs = list(zip(_list(logprobs.get("tokens")), _list(logprobs.get("token_logprobs")), strict=False))
    fit = [(token, float(value)) for token, value in pairs if isinstance(token, str) and _is_number(value)]
    return tuple(token for token, _ in fit), tuple(value for _, value in fit)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a number that a float can hold; JSON has integers of any size."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max
