"""Each condition of an answer, met and unmet."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import to_json

from inferencepool_rollout.quality.expect import Expect
from inferencepool_rollout.quality.reply import Call, Reply, difference, read_reply
from inferencepool_rollout.traffic.answers import Lost

CALL = Reply(calls=(Call("weather", {"city": "Rome", "days": [1, 2], "unit": "C"}),), finish="tool_calls")


@pytest.mark.parametrize(
    ("expect", "met", "unmet"),
    [
        ({"exact": "Paris"}, Reply(" Paris\n"), Reply("Paris.")),
        ({"contains": "Paris"}, Reply("It is Paris."), Reply("It is Rome.")),
        ({"regex": r"\b4\b"}, Reply("= 4"), Reply("= 42")),
        ({"jsonSchema": {"required": ["a"]}}, Reply('{"a": 1}'), Reply('{"b": 1}')),
        ({"jsonSchema": {"type": "object"}}, Reply(" {}"), Reply("```json {}```")),
        ({"finishReason": "stop"}, Reply("x", finish="stop"), Reply("x", finish="length")),
        ({"toolCall": {"name": "weather"}}, CALL, Reply("It rains.")),
        ({"toolCall": {"name": "weather", "arguments": {"city": "Rome", "days": [1, 2]}}}, CALL,
         Reply(calls=(Call("weather", {"city": "Oslo"}),))),
        ({"toolCall": {"name": "weather", "arguments": {"unit": "C"}}}, CALL, Reply(calls=(Call("weather", "{city"),))),
        ({"contains": "a", "finishReason": "stop"}, Reply("a", finish="stop"), Reply("a", finish="length")),
    ],
)  # fmt: skip
def test_an_answer_meets_a_condition_or_the_reason_is_said(expect: dict[str, Any], met: Reply, unmet: Reply) -> None:
    condition = Expect.model_validate(expect)
    assert condition.unmet(met) == ""
    assert condition.unmet(unmet)


def test_an_answer_that_is_lost_meets_nothing() -> None:
    assert Expect(contains="").unmet(Reply(problem="status 500: out of memory")) == "status 500: out of memory"


def test_two_lost_answers_are_not_the_same() -> None:
    assert not Reply(problem="timeout").same(Reply(problem="timeout"))


def test_the_first_difference_is_told_by_token_with_its_certainty() -> None:
    one = Reply("It is four", tokens=("It", " is", " four"), logprobs=(-0.1, -0.1, math.log(0.5)))
    other = Reply("It is 4", tokens=("It", " is", " 4"), logprobs=(-0.1, -0.1, -0.9))
    found = difference(one, other)
    assert (found.token, found.character) == (2, 6)
    assert found.certainty == pytest.approx(0.5)


def test_without_tokens_the_first_difference_is_a_character() -> None:
    found = difference(Reply("abc"), Reply("ab"))
    assert (found.token, found.character) == (None, 2)
    assert math.isnan(found.certainty)


def test_a_chat_is_read_with_its_tool_call_and_tokens() -> None:
    body = b"""{"choices": [{"message": {"content": null, "reasoning": "hm", "tool_calls": [
        {"function": {"name": "f", "arguments": "{\\"a\\": 1}"}}]}, "finish_reason": "tool_calls",
        "logprobs": {"content": [{"token": "x", "logprob": -0.5}]}}], "usage": {"completion_tokens": 7}}"""
    reply = read_reply(body, 200, "default/pool-old")
    assert reply.calls == (Call("f", {"a": 1}),)
    assert (reply.reasoning, reply.finish, reply.length) == ("hm", "tool_calls", 7)
    assert (reply.tokens, reply.logprobs) == (("x",), (-0.5,))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "message", "text", "content", "tool_calls", "function", "arguments", "logprobs",
                         "tokens", "token_logprobs", "finish_reason", "usage", "completion_tokens", "name"]),
        inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@example({"tokens": True}, "logprobs")
@example({"tokens": ["a"], "token_logprobs": [10**400]}, "logprobs")
@given(JSON, st.sampled_from(["text", "content", "tool_calls", "logprobs"]))
def test_a_body_of_any_shape_is_a_reply_or_lost(part: Any, place: str) -> None:
    choice: dict[str, Any] = {"text": "fine", "finish_reason": "stop", "message": {"content": "fine"}}
    if place in ("content", "tool_calls"):
        choice["message"] = {"content": "fine", place: part}
    else:
        choice[place] = part
    for body in (part, {"choices": [choice]}):
        with contextlib.suppress(Lost):
            assert isinstance(read_reply(to_json(body), 200, ""), Reply)
