"""A way to stop a running helm at one request: an HTTP proxy to the API server that holds it back."""

from __future__ import annotations

import asyncio
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientSession, web

from inferencepool_lab.builds.tools import tool
from kit.kubeconfig import kubeconfig as kubeconfig_of


@dataclass
class Stall:
    """Requests of `method` whose path ends with `suffix` wait: `reached` is set by the first, `go` lets all pass."""

    method: str
    suffix: str
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def holds(self, request: web.Request) -> bool:
        return request.method == self.method and request.path.endswith(self.suffix) and not self.go.is_set()


@contextmanager
def stalled(kubeconfig: Path, stall: Stall, folder: Path) -> Iterator[Path]:
    """Yield a kubeconfig whose requests pass through a proxy that holds back those of `stall`."""
    with _kubectl_proxy(kubeconfig) as upstream:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        runner, port = asyncio.run_coroutine_threadsafe(_serve(upstream, stall), loop).result(10)
        path = kubeconfig_of(folder, f"http://127.0.0.1:{port}")
        try:
            yield path
        finally:
            stall.go.set()
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()


@contextmanager
def _kubectl_proxy(kubeconfig: Path) -> Iterator[str]:
    """Yield the address of `kubectl proxy`, which adds the credentials of `kubeconfig`."""
    command = [str(tool("kubectl")), "proxy", f"--kubeconfig={kubeconfig}", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"127\.0\.0\.1:\d+", process.stdout.readline())
        assert found, "kubectl proxy did not start"
        try:
            yield f"http://{found.group()}"
        finally:
            process.terminate()


async def _serve(upstream: str, stall: Stall) -> tuple[web.AppRunner, int]:
    async def forward(request: web.Request) -> web.Response:
        if stall.holds(request):
            stall.reached.set()
            await asyncio.get_running_loop().run_in_executor(None, stall.go.wait)
        headers = {k: v for k, v in request.headers.items() if k in ("Accept", "Content-Type", "User-Agent")}
        async with (
            ClientSession() as session,
            session.request(
                request.method, f"{upstream}{request.path_qs}", data=await request.read() or None, headers=headers
            ) as answer,
        ):
            body = await answer.read()
            return web.Response(
                status=answer.status, body=body, headers={"Content-Type": answer.headers["Content-Type"]}
            )

    application = web.Application(client_max_size=2**24)
    application.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, runner.addresses[0][1]
