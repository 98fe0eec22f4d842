"""Answers as servers of the OpenAI API send them: events of streams, and whole bodies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from inferencepool_rollout.traffic.answers import Lost
from inferencepool_rollout.traffic.received import Received

DONE = b"data: [DONE]\n\n"
ROLE = {"role": "assistant", "content": ""}
USAGE = {"prompt_tokens": 9, "completion_tokens": 40, "total_tokens": 49}


def event(*choices: Any, **more: Any) -> bytes:
    """An event with these choices."""
    return b"data: " + json.dumps({"object": "chunk", "choices": list(choices), **more}).encode() + b"\n\n"


def delta(fields: Any, end: Any = None, index: Any = 0) -> dict[str, Any]:
    """A choice of a chat stream."""
    return {"index": index, "delta": fields, "finish_reason": end}


def text(words: Any, end: Any = None, index: Any = 0) -> dict[str, Any]:
    """A choice of a completion, whole or in a stream."""
    return {"index": index, "text": words, "finish_reason": end}


def message(fields: Any, end: Any = "stop") -> dict[str, Any]:
    """A choice of a whole chat completion."""
    return {"index": 0, "message": fields, "finish_reason": end}


def body(*choices: Any, **more: Any) -> bytes:
    """A whole answer with these choices."""
    return json.dumps({"choices": list(choices), **more}).encode()


GOOD_CHAT = [event(delta(ROLE)), event(delta({"content": "It was"})), event(delta({"content": " fine."}, "stop")), DONE]


def received(pieces: Sequence[bytes], status: int = 200) -> Received:
    """An answer whose pieces came at 1 s, 2 s, 3 s and so on."""
    answer = Received(status=status)
    for number, piece in enumerate(pieces, start=1):
        answer.take(float(number), piece)
    return answer


def lost(answer: Received, stream: bool = True, failed: Exception | None = None) -> str:
    """Why an answer is lost; empty for a good one."""
    try:
        asyncio.run(answer.judge(stream, failed))
    except Lost as reason:
        return str(reason.cause)
    return ""
