"""A real HTTP server on 127.0.0.1 that answers completions as told: whole, late, broken or not at all."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]

EVENT = b'data: {"choices": [{"index": 0, "text": "fine "}]}\n\n'
DONE = b"data: [DONE]\n\n"
EVENTS = 5


class Server:
    """What the server has seen; `url` is its base URL."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.url = ""
        self.requests = 0
        self.most_in_flight = 0
        self.connections: set[object] = set()
        self.hosts: set[str] = set()
        self._in_flight = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))
        self.hosts.add(request.host)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            await request.read()
            return await self.behaviour(request)
        finally:
            self._in_flight -= 1


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Server]:
    """Serve /v1/completions and /v1/chat/completions with `behaviour` on a free port while the block runs."""
    server = Server(behaviour)
    started, loop = threading.Event(), asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/completions", server.handle)
        app.router.add_post("/v1/chat/completions", server.handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}"
        return runner

    def run() -> None:
        runner = loop.run_until_complete(start())
        started.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def whole(request: web.Request) -> web.StreamResponse:
    """A good answer: a stream if one was asked for."""
    if json.loads(await request.read()).get("stream"):
        return await _stream(request, EVENT * EVENTS, DONE)
    return web.json_response({"choices": [{"text": "fine"}]}, headers={"X-INFERENCE-POD": "pool-old-1"})


async def late(request: web.Request) -> web.StreamResponse:
    """A good answer, after 50 ms."""
    await asyncio.sleep(0.05)
    return await whole(request)


async def hanging(request: web.Request) -> web.StreamResponse:
    """No answer for 30 s."""
    await asyncio.sleep(30)
    return await whole(request)


async def error_500(request: web.Request) -> web.StreamResponse:
    """A whole answer with status 500."""
    return web.Response(status=500, text="out of cheese", headers={"x-inference-pod": "pool-old-1"})


async def redirect(request: web.Request) -> web.StreamResponse:
    """A redirect, which is no answer from the gateway that was asked."""
    return web.Response(status=307, headers={"location": "/v1/chat/completions"})


async def reset(request: web.Request) -> web.StreamResponse:
    """The connection is reset before a head was sent."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def half_a_body(request: web.Request) -> web.StreamResponse:
    """A connection that ends in the middle of the announced body."""
    response = web.StreamResponse(headers={"content-length": "1000", "x-inference-pod": "pool-old-1"})
    await response.prepare(request)
    await response.write(b'{"choices": [')
    return _hang_up(request, response)


async def web_page(request: web.Request) -> web.StreamResponse:
    """A 200 that is no completion."""
    return web.Response(text="<html>Welcome!</html>", content_type="text/html")


async def error_with_200(request: web.Request) -> web.StreamResponse:
    """A 200 that tells of an error."""
    return web.json_response({"error": {"message": "no such adapter"}})


async def stream_reset(request: web.Request) -> web.StreamResponse:
    """A stream whose connection ends after some events."""
    return _hang_up(request, await _stream(request, EVENT * EVENTS, end=False))


async def stream_reset_after_done(request: web.Request) -> web.StreamResponse:
    """A stream whose connection ends after [DONE] but before the end of the chunked body."""
    return _hang_up(request, await _stream(request, EVENT * EVENTS, DONE, end=False))


async def stream_cut_cleanly(request: web.Request) -> web.StreamResponse:
    """A stream that ends as HTTP asks, but without its [DONE]: what a drained server leaves behind a proxy."""
    return await _stream(request, EVENT * EVENTS)


async def stream_with_error(request: web.Request) -> web.StreamResponse:
    """A stream that tells of an error and then ends properly, as vLLM does."""
    return await _stream(request, EVENT, b'data: {"error": {"message": "engine died"}}\n\n', DONE)


async def stream_in_bits(request: web.Request) -> web.StreamResponse:
    """A good stream with CRLF line ends and comments whose bytes come one by one."""
    events = b": ping\r\n\r\n" + EVENT.replace(b"\n", b"\r\n") + DONE
    return await _stream(request, *(bytes([byte]) for byte in events))


async def endless_line(request: web.Request) -> web.StreamResponse:
    """A stream with one line that is longer than any client reads."""
    return await _stream(request, EVENT, b"data: " + b"x" * (600 * 1024) + b"\n\n", DONE)


async def endless_body(request: web.Request) -> web.StreamResponse:
    """A body of 32 MiB, whether a stream was asked for or not."""
    return await _stream(request, *[b"x" * 2**20] * 32)


async def no_gzip(request: web.Request) -> web.StreamResponse:
    """A body that is not compressed as its head says."""
    return web.Response(body=b"plain", headers={"content-encoding": "gzip"})


async def gzipped(request: web.Request) -> web.StreamResponse:
    """A good answer, compressed."""
    response = await whole(request)
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def head_of_control_bytes(request: web.Request) -> web.StreamResponse:
    """A good answer whose pod's name no terminal takes."""
    assert request.transport is not None
    text = b'{"choices": [{"text": "fine"}]}'
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nx-inference-pod: \xff\x9b31m\r\n\r\n" % len(text)
    request.transport.write(head + text)
    return await asyncio.sleep(1, web.Response())


async def _stream(request: web.Request, *parts: bytes, end: bool = True) -> web.StreamResponse:
    headers = {"content-type": "text/event-stream", "x-inference-pod": "pool-old-1"}
    response = web.StreamResponse(headers=headers)
    response.enable_chunked_encoding()
    await response.prepare(request)
    for part in parts:
        await response.write(part)
    if end:
        await response.write_eof()
    return response


def _hang_up(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return response
