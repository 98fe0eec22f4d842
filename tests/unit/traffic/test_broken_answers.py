"""Every request is one row, and what is not a whole completion is a loss with its cause."""

from __future__ import annotations

import math

import pytest
from aiohttp import web

from inferencepool_rollout.traffic.answers import Cause
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit import completion_servers as servers
from kit.completion_servers import Behaviour, serving

REQUESTS = 12

BROKEN: list[tuple[Behaviour, bool, Cause, int]] = [
    (servers.error_500, False, Cause.STATUS, 500),
    (servers.error_500, True, Cause.STATUS, 500),
    (servers.redirect, False, Cause.STATUS, 307),
    (servers.reset, False, Cause.RESET, 0),
    (servers.reset, True, Cause.RESET, 0),
    (servers.half_a_body, False, Cause.CUT, 200),
    (servers.web_page, False, Cause.BODY, 200),
    (servers.error_with_200, False, Cause.BODY, 200),
    (servers.stream_reset, True, Cause.CUT, 200),
    (servers.stream_reset_after_done, True, Cause.CUT, 200),
    (servers.stream_cut_cleanly, True, Cause.CUT, 200),
    (servers.stream_with_error, True, Cause.BODY, 200),
    (servers.web_page, True, Cause.CUT, 200),
    (servers.endless_line, True, Cause.TOO_LARGE, 200),
    (servers.endless_body, False, Cause.TOO_LARGE, 200),
    (servers.endless_body, True, Cause.TOO_LARGE, 200),
    (servers.no_gzip, False, Cause.CUT, 200),
]


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize(("behaviour", "stream", "cause", "status"), BROKEN)
def test_a_broken_answer_is_lost_with_its_cause_and_not_retried(
    behaviour: Behaviour, stream: bool, cause: Cause, status: int, keep_alive: bool
) -> None:
    with serving(behaviour) as server:
        answers = send(server.url, Completion("m", stream=stream), Plan(3, REQUESTS, keep_alive=keep_alive))
    assert (answers.lost, len(answers), server.requests) == (REQUESTS, REQUESTS, REQUESTS)
    assert set(answers.cause.tolist()) == {cause}
    assert set(answers.status.tolist()) == {status}
    assert all(answers.detail != "")
    assert not answers.by_pod()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("chat", [True, False])
def test_a_whole_answer_is_good_and_names_its_pod(stream: bool, chat: bool) -> None:
    with serving(servers.whole) as server:
        answers = send(server.url, Completion("m", stream=stream, chat=chat), Plan(count=REQUESTS))
    assert answers.lost == 0
    assert answers.by_pod() == {"pool-old-1": REQUESTS}
    assert set(answers.chunks.tolist()) == {servers.EVENTS if stream else 0}
    assert all(math.isfinite(first) == stream for first in answers.ttft.tolist())


def test_a_stream_is_read_whatever_its_packets_and_line_ends_are() -> None:
    with serving(servers.stream_in_bits) as server:
        answers = send(server.url, Completion("m", stream=True), Plan(count=REQUESTS))
    assert answers.lost == 0
    assert set(answers.chunks.tolist()) == {1}


def test_the_first_event_comes_no_later_than_the_end() -> None:
    with serving(servers.late) as server:
        answers = send(server.url, Completion("m", stream=True), Plan(count=REQUESTS))
    assert all(answers.ttft >= 0.05)
    assert all(answers.ttft <= answers.latency)


def test_a_server_that_hangs_is_a_timeout() -> None:
    with serving(servers.hanging) as server:
        answers = send(server.url, Completion("m"), Plan(count=4, timeout=0.3))
    assert answers.causes() == {"timeout": 4}
    assert all(answers.latency >= 0.3)


def test_a_closed_port_is_a_failed_connection() -> None:
    with serving(servers.whole) as server:
        pass
    answers = send(server.url, Completion("m"), Plan(count=4))
    assert answers.causes() == {"connect": 4}


def test_causes_are_counted_apart_by_status() -> None:
    behaviours = iter([servers.error_500, servers.redirect, servers.redirect, servers.whole])

    async def varying(request: web.Request) -> web.StreamResponse:
        return await next(behaviours)(request)

    with serving(varying) as server:
        answers = send(server.url, Completion("m"), Plan(1, 4))
    assert answers.causes() == {"status 500": 1, "status 307": 2}
    assert answers.by_pod() == {"pool-old-1": 1}


def test_a_refused_request_too_is_told_by_the_pool_that_the_route_names() -> None:
    async def refusing(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503, text="no healthy upstream", headers={"x-inference-pool": "pool-new"})

    with serving(refusing) as server:
        answers = send(server.url, Completion("m"), Plan(1, 3))
    assert answers.lost == 3
    assert answers.pool.tolist() == ["pool-new"] * 3


def test_a_connection_that_dies_between_requests_is_a_loss_and_not_retried() -> None:
    answered = 0

    async def every_other(request: web.Request) -> web.StreamResponse:
        nonlocal answered
        answered += 1
        return await (servers.whole if answered % 2 else servers.reset)(request)

    with serving(every_other) as server:
        answers = send(server.url, Completion("m"), Plan(1, 20))
    assert server.requests == len(answers) == 20
    assert answers.causes() == {"reset": 10}


def test_a_compressed_answer_is_read() -> None:
    with serving(servers.gzipped) as server:
        assert send(server.url, Completion("m"), Plan(count=3)).lost == 0


def test_names_of_pods_are_fit_for_a_terminal() -> None:
    with serving(servers.head_of_control_bytes) as server:
        answers = send(server.url, Completion("m"), Plan(count=1))
    assert answers.lost == 0
    assert all(pod.isprintable() for pod in answers.pod.tolist())
