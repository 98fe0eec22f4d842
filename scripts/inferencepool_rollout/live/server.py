"""The page's server: anyone who reaches it may read, and only who has the token may act.

It listens on this machine alone unless it is told otherwise. A page of another site can neither read it (no CORS), nor
frame it, nor act through a reader's browser (the token is no cookie), nor reach it by a name of its own (the names that
a browser may ask for are few).
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.resources import files

from aiohttp import web

from inferencepool_rollout.drive.run_log import Event, json_text
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.live.actions import Actions
from inferencepool_rollout.live.view import Drawing, Drawn, Seen, Status, seen
from inferencepool_rollout.report.page import rendered

TOKEN = "ROLLOUT_PAGE_TOKEN"
"""Environment variable with the token; without it one is made at each start."""
LEAST_TOKEN = 16
LOOK_SECONDS = 2.0
ALIVE_SECONDS = 15.0
READERS = 32
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """Serves one rollout at `listen` (HOST:PORT); `names` are further names by which a browser may ask for it.

    `events` and `status` are called in a thread of their own; `status` raises Failure where the cluster does not tell.
    """

    listen: str
    names: Sequence[str]
    events: Callable[[], Sequence[Event]]
    status: Callable[[], Status]
    actions: Actions
    look_seconds: float = LOOK_SECONDS
    token: str = ""
    _drawing: Drawing = field(default_factory=Drawing, init=False)
    _drawn: Drawn = field(default_factory=Drawn, init=False)
    _status: Status | Failure | None = field(default=None, init=False)
    _seen: Seen = field(default_factory=lambda: Seen("", {}, None, {}), init=False)
    _time: float = field(default=0.0, init=False)
    _turn: asyncio.Condition = field(default_factory=asyncio.Condition, init=False)
    _readers: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.token = self.token or os.environ.get(TOKEN, "") or secrets.token_urlsafe(32)
        if len(self.token) < LEAST_TOKEN:
            raise Failure(f"{TOKEN} has fewer than {LEAST_TOKEN} characters; take a longer one", ExitCode.USAGE)
        self.host, _, port = self.listen.rpartition(":")
        if not self.host or not port.isdecimal() or int(port) > 65535:
            raise Failure(f"--listen {self.listen!r} is not HOST:PORT, as in 127.0.0.1:8088", ExitCode.USAGE)
        self.port = int(port)

    def run(self, say: Callable[[str], None]) -> None:
        """Serve until Ctrl-C; `say` is told the address with the token. Raises Failure where the port is taken."""
        with suppress(KeyboardInterrupt):
            asyncio.run(self._run(say))

    async def _run(self, say: Callable[[str], None]) -> None:
        async with self.serving() as url:
            say(f"{url}#token={self.token}")
            say("without the token the page is read only; Ctrl-C ends it, the rollout goes on")
            await asyncio.Event().wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve while the block runs; yields the page's URL. Port 0 takes a free one."""
        application = web.Application(middlewares=[self._guard], client_max_size=4096)
        application.add_routes(
            [
                web.get("/", _file("live.html.j2", "text/html")),
                web.get("/live.css", _file("live.css.j2", "text/css")),
                web.get("/live.js", _file("live.js", "text/javascript")),
                web.get("/events", self._events),
                web.post("/act/{verb}", self._act),
            ]
        )
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, self.host.strip("[]"), self.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise Failure(f"{self.listen} cannot be listened on: {error.strerror or error}; name another") from None
        self.port = runner.addresses[0][1]
        tasks = [asyncio.create_task(task) for task in (self._look(), self._draw(), self._show())]
        try:
            yield f"http://{self.host}:{self.port}/"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await runner.cleanup()

    async def _look(self) -> None:
        """Keep up to date what the cluster says."""
        while True:
            self._status = await asyncio.to_thread(self._asked)
            await asyncio.sleep(self.look_seconds)

    def _asked(self) -> Status | Failure:
        try:
            return self.status()
        except Failure as failure:
            return failure

    async def _draw(self) -> None:
        """Keep up to date what the run log says; a long rollout takes longer to draw, and is drawn less often."""
        last: object = None
        while True:
            began = time.monotonic()
            events = await asyncio.to_thread(self.events)
            status = self._status
            is_driven = isinstance(status, Mapping) and bool(status["driver"])
            if last != (last := (len(events), events[-1]["time"] if events else 0, is_driven)):
                self._drawn = await asyncio.to_thread(self._drawn_of, events, is_driven)
            await asyncio.sleep(max(self.look_seconds, 2 * (time.monotonic() - began)))

    def _drawn_of(self, events: Sequence[Event], is_driven: bool) -> Drawn:
        try:
            return self._drawing.of(events, is_driven=is_driven)
        except Exception as error:  # what the cluster says stays, and the buttons with it
            return Drawn(fault=f"The run log cannot be drawn ({type(error).__name__}: {error})")

    async def _show(self) -> None:
        """Tell the readers what is new."""
        while True:
            shown = seen(self._drawn, self._status, self.actions.last)
            async with self._turn:
                self._seen, self._time = shown, time.time()
                self._turn.notify_all()
            await asyncio.sleep(self.look_seconds)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse names that are not this page's, and put the headers on every answer that keep other sites out."""
        if not self._is_ours(request.host):
            answer: web.StreamResponse = web.Response(status=421, text="this page has another name; see --host")
        else:
            try:
                answer = await handler(request)
            except web.HTTPException as refused:
                answer = web.Response(status=refused.status, text=refused.reason)
        if not answer.prepared:
            answer.headers.update(HEADERS)
        return answer

    def _is_ours(self, host: str) -> bool:
        """Whether a browser may ask by this name: an address, localhost, or what --host names.

        A site that makes its own name point here (DNS rebinding) is none of them.
        """
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        with suppress(ValueError):
            ipaddress.ip_address(name.strip("[]"))
            return True
        return name in ("localhost", *self.names)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send what changed, as server-sent events; the first has everything."""
        if self._readers >= READERS:
            return web.Response(status=503, text=f"{READERS} readers are here already")
        stream = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await stream.prepare(request)
        self._readers += 1
        try:
            sent: dict[str, str] = {}
            shown = 0.0
            while True:
                async with self._turn:
                    if self._time == shown:
                        with suppress(TimeoutError):
                            await asyncio.wait_for(self._turn.wait(), ALIVE_SECONDS)
                if self._time == shown:
                    await stream.write(b": alive\n\n")
                    continue
                shown, page = self._time, self._seen
                changed = {name: html for name, html in page.parts.items() if sent.get(name) != html}
                sent = dict(page.parts)
                message = {
                    "time": shown, "headline": page.headline, "order": list(page.parts), "changed": changed,
                    "percent": page.percent, "asks": page.asks,
                }  # fmt: skip
                await stream.write(f"data: {json_text(message)}\n\n".encode())
        except ConnectionError:
            return stream
        finally:
            self._readers -= 1

    async def _act(self, request: web.Request) -> web.Response:
        """Run a verb, if the token is right and the asker saw the weight that is live."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not hmac.compare_digest(token.encode(), self.token.encode()):
            return web.Response(status=401, text="the token is wrong; open the address that `rollout serve` printed")
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin" or not self._same_origin(request):
            return web.Response(status=403, text="another site asks for this")
        if request.content_type != "application/json":
            return web.Response(status=415, text="send application/json")
        verb = request.match_info["verb"]
        try:
            asked = json.loads(await request.read())
            percent, reason = float(asked["percent"]), str(asked.get("reason") or "")
        except (ValueError, TypeError, KeyError, AttributeError):
            return web.Response(status=400, text="send {percent: the new pool's weight that you saw, reason: why}")
        if verb not in self._seen.asks:
            return web.Response(status=409, text=f"{verb} is not possible now")
        if percent != self._seen.percent:
            return web.Response(
                status=409, text=f"the new pool has {self._seen.percent:g} % now, not {percent:g} %; look again"
            )
        if self.actions.begin(verb, reason) is None:
            return web.Response(status=409, text="another command of this page has not ended yet")
        return web.Response(status=202, text=f"rollout {verb} has begun")

    def _same_origin(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin")
        return origin is None or origin == f"{request.scheme}://{request.host}"


def _file(name: str, kind: str) -> Handler:
    """A handler of a file of this package, which is rendered if it is a template."""
    is_template = name.endswith(".j2")
    text = rendered(name) if is_template else (files("inferencepool_rollout.live") / name).read_text()

    async def handle(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type=kind)

    return handle
