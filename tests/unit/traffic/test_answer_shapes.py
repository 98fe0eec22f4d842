"""An answer is judged by what its user got; each shape that gave nothing, or broke, is lost for its own reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inferencepool_rollout.traffic.event_stream import EVENT_BYTES
from inferencepool_rollout.traffic.received import BODY_BYTES
from unit.traffic.answer_shapes import (
    DONE,
    GOOD_CHAT,
    ROLE,
    USAGE,
    body,
    delta,
    event,
    lost,
    message,
    received,
    text,
)

TOOL_CALL = [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": ""}}]
GOT = {
    "text": {"content": "fine"},
    "text in parts": {"content": [{"type": "text", "text": "fine"}]},
    "reasoning of SGLang": {"content": None, "reasoning_content": "Let me think"},
    "reasoning of vLLM": {"content": None, "reasoning": "Let me think"},
    "a tool call": {"content": None, "tool_calls": TOOL_CALL},
    "a function call": {"function_call": {"name": "look_up", "arguments": ""}},
    "a refusal": {"content": None, "refusal": "I cannot help with that."},
}


@pytest.mark.parametrize("fields", GOT.values(), ids=GOT.keys())
def test_a_stream_that_gave_something_and_ended_is_good(fields: dict[str, Any]) -> None:
    assert lost(received([event(delta(ROLE)), event(delta(fields)), event(delta({}, "stop")), DONE])) == ""


@pytest.mark.parametrize("fields", GOT.values(), ids=GOT.keys())
def test_a_body_that_gave_something_and_ended_is_good(fields: dict[str, Any]) -> None:
    assert lost(received([body(message(fields))]), stream=False) == ""


@pytest.mark.parametrize("end", ["stop", "length", "tool_calls", "function_call", "content_filter", "eos_token"])
def test_every_way_that_an_answer_is_meant_to_end_is_good(end: str) -> None:
    assert lost(received([event(text("fine", end)), DONE])) == ""


@pytest.mark.parametrize("end", ["abort", "error", "unheard of", "\ud800"])
def test_an_answer_that_the_server_gave_up_is_lost(end: str) -> None:
    assert lost(received([event(text("fine")), event(text("", end)), DONE])) == "abort"
    assert lost(received([body(text("fine", end))]), stream=False) == "abort"


def test_a_server_that_names_finish_reasons_and_gives_none_has_cut_the_answer() -> None:
    assert lost(received([event(text("fine")), DONE])) == "cut"
    assert lost(received([body(text("fine", None))]), stream=False) == "cut"


def test_a_server_that_never_names_finish_reasons_is_believed_by_how_its_answer_ends() -> None:
    assert lost(received([event({"text": "fine"}), DONE])) == ""
    assert lost(received([body({"text": "fine"})]), stream=False) == ""


EMPTY = {
    "[DONE] alone": [DONE],
    "a role alone": [event(delta(ROLE)), event(delta({}, "stop")), DONE],
    "no text": [event(text("", "stop")), DONE],
    "null": [event(delta({"content": None, "tool_calls": []}, "length")), DONE],
    "usage alone": [event(usage=USAGE), DONE],
    "audio alone": [event(delta({"audio": {"data": "UklGRg=="}}, "stop")), DONE],
    "a whole message in an event": [event(message({"content": "fine"})), DONE],
}


@pytest.mark.parametrize("pieces", EMPTY.values(), ids=EMPTY.keys())
def test_a_stream_that_ended_and_gave_nothing_is_empty(pieces: list[bytes]) -> None:
    assert lost(received(pieces)) == "empty"


@pytest.mark.parametrize("choices", [[], [text("", "stop")], [message({"content": ""})], [{"finish_reason": "stop"}]])
def test_a_body_that_gave_nothing_is_empty(choices: list[Any]) -> None:
    assert lost(received([body(*choices)]), stream=False) == "empty"


def test_an_answer_that_a_filter_withheld_is_lost_as_filtered() -> None:
    assert lost(received([event(delta(ROLE)), event(delta({}, "content_filter")), DONE])) == "filtered"
    assert lost(received([body(message({"content": ""}, "content_filter"))]), stream=False) == "filtered"


def test_each_of_several_choices_must_give_something_and_end() -> None:
    both = [event(text("a", "stop", 0), text("b", "stop", 1)), DONE]
    assert lost(received(both)) == ""
    assert lost(received([event(text("a", "stop", 0)), event(text("b", None, 1)), DONE])) == "cut"
    assert lost(received([event(text("a", "stop", 0)), event(text("b", "abort", 1)), DONE])) == "abort"
    assert lost(received([event(text("a", "stop", 0)), event(text("", "stop", 1)), DONE])) == "empty"


def test_a_last_event_with_usage_and_no_choice_is_part_of_a_good_stream() -> None:
    assert lost(received([event(text("fine", "stop")), event(usage=USAGE), DONE])) == ""


BROKEN_JSON = {
    "an error": b'{"error": {"message": "engine died"}}',
    "an error as vLLM had it": b'{"object": "error", "message": "engine died", "code": 500}',
    "an error beside choices": b'{"choices": [{"text": "fine"}], "error": "engine died"}',
    "an error in a choice": b'{"choices": [{"text": "fine", "error": {"code": 502}}]}',
    "nothing": b"",
    "half a text": b'{"choices": [{"te',
    "a page": b"<html>Welcome!</html>",
    "a number": b"7",
    "a list": b"[]",
    "null": b"null",
    "NaN": b'{"choices": [{"text": "fine", "logprobs": NaN}]}',
    "bytes that are no UTF-8": b'{"choices": [{"text": "\xff\xfe"}]}',
    "no choices": b"{}",
    "null for choices": b'{"choices": null}',
    "a map for choices": b'{"choices": {"text": "fine"}}',
    "a text for a choice": b'{"choices": ["fine"]}',
    "null for a choice": b'{"choices": [null]}',
    "a number for the text": b'{"choices": [{"text": 7}]}',
    "a text for the index": b'{"choices": [{"text": "fine", "index": "0"}]}',
    "a number for the finish reason": b'{"choices": [{"text": "fine", "finish_reason": 7}]}',
    "an endless number": b'{"choices": [{"text": "fine", "index": ' + b"9" * 5000 + b"}]}",
    "too deep a nest": b'{"choices": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
}


@pytest.mark.parametrize("text_", BROKEN_JSON.values(), ids=BROKEN_JSON.keys())
def test_an_answer_with_json_that_is_no_completion_is_lost(text_: bytes) -> None:
    assert lost(received([text_]), stream=False) == "body"
    assert lost(received([event(text("fine")), b"data: " + text_ + b"\n\n", DONE])) == "body"


@pytest.mark.parametrize("place", ["message", "delta"])
@pytest.mark.parametrize("wrong", ["fine", 7, ["fine"], {"content": 7}, {"content": [7]}, {"tool_calls": {}}])
def test_a_message_of_another_type_is_lost(place: str, wrong: Any) -> None:
    broken = {place: wrong, "finish_reason": "stop"}
    assert lost(received([event(broken), DONE] if place == "delta" else [body(broken)]), place == "delta") == "body"


def test_an_event_of_type_error_is_lost_whatever_its_data() -> None:
    assert lost(received([event(text("fine", "stop")), b"event: error\n" + event(text("fine")), DONE])) == "body"


def test_clients_stop_at_done_so_what_follows_is_lost() -> None:
    assert lost(received([event(text("It was", "stop")), DONE, event(text(" fine", "stop"))])) == "body"


def test_a_second_done_changes_nothing() -> None:
    assert lost(received([*GOOD_CHAT, DONE])) == ""


def test_a_stream_without_done_is_cut() -> None:
    assert lost(received([event(text("fine", "stop"))])) == "cut"
    assert lost(received([])) == "cut"


def test_a_whole_body_is_no_stream() -> None:
    assert lost(received([body(text("fine", "stop"))])) == "body"


def test_what_the_server_said_is_a_better_reason_than_how_the_connection_ended() -> None:
    said = [event(text("fine")), b'data: {"error": {"message": "engine died"}}\n\n']
    assert lost(received(said), failed=ConnectionResetError()) == "body"
    assert lost(received([event(text("fine")), b'data: {"choi']), failed=ConnectionResetError()) == "cut"


def test_a_line_above_the_bound_is_lost_as_too_large() -> None:
    assert lost(received([event(text("x" * EVENT_BYTES)), event(text("", "stop")), DONE])) == "too large"
    assert lost(received([b":" + b"x" * EVENT_BYTES + b"\n", *GOOD_CHAT])) == "too large"
    assert lost(received([b"x" * (EVENT_BYTES + 1)])) == "too large"


def test_an_event_of_many_lines_above_the_bound_is_lost_as_too_large() -> None:
    assert lost(received([b"data: " + b"x" * 1000 + b"\n"] * (EVENT_BYTES // 1000 + 1))) == "too large"


def test_an_answer_above_the_bound_is_not_read_further() -> None:
    answer = received([b"x" * BODY_BYTES])
    with pytest.raises(Exception, match=f"more than {BODY_BYTES}"):
        answer.take(2.0, b"x")


def test_a_refused_request_is_lost_by_its_status_whatever_its_body() -> None:
    assert lost(received([body(text("fine", "stop"))], status=503)) == "status"
    assert lost(received([], status=204)) == "status"


def test_times_are_those_of_events_that_carry_content() -> None:
    answer = received([event(delta(ROLE)), event(delta({"content": "a"})), event(delta({"content": "b"})),
                       event(delta({}, "stop")), DONE])  # fmt: skip
    assert lost(answer) == ""
    assert (answer.first, answer.last, answer.content.events, answer.tpot()) == (2.0, 3.0, 2, 1.0)


def test_the_longest_time_between_two_events_with_content_is_seen_and_others_do_not_shorten_it() -> None:
    some = [event(text("a")), event(text("b")), event(text("")), event(text("")), event(text("c")), event(text("d"))]
    answer = received([*some, event(text("", "stop")), DONE])
    assert lost(answer) == ""
    assert (answer.longest, answer.tpot()) == (3.0, 5 / 3)


def test_the_first_token_may_be_reasoning() -> None:
    answer = received(
        [event(delta(ROLE)), event(delta({"reasoning": "Hm"})), event(delta({"content": "a"}, "stop")), DONE]
    )
    lost(answer)
    assert answer.first == 2.0


def test_tokens_that_come_several_in_an_event_are_counted_by_the_server() -> None:
    three = [event(text("a b c d")), event(text("e f g h")), event(text("i j k l", "stop"))]
    answer = received([*three, event(usage={"completion_tokens": 12}), DONE])
    assert lost(answer) == ""
    assert answer.tpot() == pytest.approx(0.25)  # 2 s for the 8 tokens after the first event's 4


@pytest.mark.parametrize("absurd", [-1, 0, 1, "12", 12.0, None, True, 10**30, [12], {}])
def test_a_count_of_tokens_that_cannot_be_is_ignored(absurd: Any) -> None:
    answer = received(
        [event(text("a")), event(text("b")), event(text("c", "stop"), usage={"completion_tokens": absurd}), DONE]
    )
    assert lost(answer) == ""
    assert answer.tpot() == 1.0


def test_a_stream_of_one_event_has_no_time_per_token() -> None:
    answer = received([event(text("fine", "stop")), DONE])
    lost(answer)
    assert answer.tpot() != answer.tpot()
    assert answer.longest != answer.longest


def test_unknown_fields_say_nothing() -> None:
    odd = {**json.loads(event(text("fine", "stop"))[6:]), "prompt_filter_results": [{}], "error": None}
    assert lost(received([b"data: " + json.dumps(odd).encode() + b"\n\n", DONE])) == ""
