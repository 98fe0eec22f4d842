"""What an answer of the OpenAI API gave its user: text, reasoning, tool calls, a refusal; or why it gave nothing.

An answer is good if each of its choices gave the user something and ended as the model meant it to. Judged from
https://platform.openai.com/docs/api-reference and from what vLLM, SGLang, TensorRT-LLM, Triton's frontend, TGI and
llm-d's simulator send:

- A refusal in words (`refusal`) is an answer: the model served it, and it has tokens like any other.
- `finish_reason: content_filter` is a good end of an answer that gave something, as `length` is. If the filter left
  nothing, the answer is lost as `filtered`: a pool whose filter withholds everything must not pass.
- An answer that ended well and is empty is lost as `empty`. A model may answer with its end token at once, but the
  user got nothing. The probe asks one prompt at temperature 0, so the preflight request already shows a prompt that a
  healthy model answers with nothing.
- `finish_reason` other than those in ENDS (vLLM's `abort` and `error`; names that nobody knows yet) is lost as `abort`.
- A server that names `finish_reason` and leaves it null to the end has not ended the answer: lost as `cut`. A server
  that never names it says the same by [DONE], or by the end of a whole body.
- Audio, log probabilities and unknown fields say nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeGuard

from inferencepool_rollout.traffic.answers import Cause, Lost

ENDS = frozenset(
    ["stop", "length", "tool_calls", "function_call", "content_filter", "eos_token", "stop_sequence", "end_turn"]
)
"""Finish reasons of answers that ended as they were meant to; the last three are TGI's and Anthropic's."""


def _text(value: Any) -> bool:
    """Tell whether a text has characters; raises TypeError if it is none."""
    if not isinstance(value, str):
        raise TypeError
    return bool(value)


def _parts(value: Any) -> bool:
    """Tell the same of a text, or of one in parts, each a text or a map with `text`, as Mistral's models have it."""
    if not isinstance(value, list):
        return _text(value)
    return True in [_text(part.get("text", "") if isinstance(part, dict) else part) for part in value]


def _map(value: Any) -> bool:
    if not isinstance(value, dict):
        raise TypeError
    return bool(value)


def _maps(value: Any) -> bool:
    if not isinstance(value, list):
        raise TypeError
    return True in [_map(each) for each in value]


_MESSAGE: Mapping[str, Callable[[Any], bool]] = {
    "content": _parts,
    "reasoning_content": _text,  # SGLang, and vLLM until 0.12
    "reasoning": _text,  # vLLM since
    "refusal": _text,
    "tool_calls": _maps,
    "function_call": _map,
}
"""Fields of a message, or of its delta, that carry content; each may be null."""


def _any(fields: Mapping[str, Callable[[Any], bool]], value: Any) -> bool:
    """Tell whether a map has content in one of the fields; every one is checked."""
    _map(value)
    return True in [carries(value[name]) for name, carries in fields.items() if value.get(name) is not None]


@dataclass
class Content:
    """What has been read of one answer; `streamed` if it comes in events, each with a part of every choice."""

    streamed: bool
    events: int = 0
    """Events that carried content."""
    tokens: int = 0
    """Tokens of all choices as the server counted them last; 0 where it did not, or where its count cannot be."""
    _bytes: int = 0
    _choices: dict[int, _Choice] = field(default_factory=dict)

    def read(self, text: bytes) -> bool:
        """Take the JSON of a body or of an event, and tell whether it carries content.

        Raises Lost if it is no completion, or if it reports an error.
        """
        answer = _parsed(text)
        if not isinstance(answer, dict) or answer.get("error"):
            _malformed(text)
        choices = answer.get("choices")
        if not isinstance(choices, list):
            _malformed(text)
        try:
            # A list, since every choice must be read whichever has content.
            carries = True in [self._read(choice) for choice in choices]
        except TypeError:
            _malformed(text)
        self.events += carries
        self._bytes += len(text)
        self._count(answer.get("usage"))
        return carries

    def end(self) -> None:
        """Judge the whole answer; raises Lost if it is not good."""
        for _, choice in sorted(self._choices.items()):
            if choice.end is None:
                raise Lost(Cause.CUT, "the answer ended with finish_reason null")
            if choice.end not in ENDS | {""}:
                raise Lost(Cause.ABORT, f"finish_reason {choice.end[:40]!a}")
        for _, choice in sorted(self._choices.items()):
            if not choice.content and choice.end == "content_filter":
                raise Lost(Cause.FILTERED, "finish_reason content_filter, and no content")
            if not choice.content:
                raise Lost(Cause.EMPTY, f"no content, finish_reason {choice.end or 'not named'}")
        if not self._choices:
            raise Lost(Cause.EMPTY, "no content, and no choice")

    def _read(self, choice: Any) -> bool:
        if not isinstance(choice, dict) or choice.get("error"):
            raise TypeError
        index = choice.get("index", 0)
        if not _is_count(index):
            raise TypeError
        message = choice.get("delta" if self.streamed else "message")
        carries = _any({"text": _text}, choice) | (message is not None and _any(_MESSAGE, message))
        seen = self._choices.setdefault(index, _Choice())
        seen.content |= carries
        if "finish_reason" in choice:
            end = choice["finish_reason"]
            # Ollama writes "" for null. A reason that was given is not taken back by a later null.
            if end is not None:
                _text(end)
            seen.end = end or seen.end or None
        return carries

    def _count(self, usage: Any) -> None:
        """Take the server's count of tokens if it can be: one an event at least, and a byte each."""
        tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
        if _is_count(tokens) and self.events <= tokens <= self._bytes:
            self.tokens = tokens


@dataclass
class _Choice:
    """One of the answers to the same prompt; `end` is its finish_reason, "" while none was named."""

    content: bool = False
    end: str | None = ""


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _parsed(text: bytes) -> Any:
    try:
        return _DECODER.decode(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # also bytes that are no UTF-8, and integers of thousands of digits
        _malformed(text)


def _no_json(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python's json takes and no other client does."""
    raise ValueError(name)


def _malformed(text: bytes) -> NoReturn:
    raise Lost(Cause.BODY, text[:200].decode(errors="replace") or "an empty text instead of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_json)
