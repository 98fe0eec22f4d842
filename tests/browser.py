"""A real browser without a window: Chromium, driven by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from inferencepool_lab.builds.debian import installed

NAMES = ("chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
LOAD_SECONDS = 60.0


@dataclass
class Seen:
    """A page as it was shown: the expression's `value`, what was complained of, and every URL asked for."""

    value: Any = None
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def look(page: Path, expression: str, width: int, scheme: str = "light", picture: Path | None = None) -> Seen:
    """Show a file at a width (CSS px) and return what came of it; `expression` is evaluated once it is loaded.

    `picture`: where to write a PNG of the whole page.
    """
    return asyncio.run(_look(page, expression, width, scheme, picture))


async def _look(page: Path, expression: str, width: int, scheme: str, picture: Path | None) -> Seen:
    seen, loaded = Seen(), asyncio.Event()
    async with _browser() as socket:
        numbers = itertools.count(1)
        answers: dict[int, asyncio.Future[Any]] = {}
        session: dict[str, str] = {}

        async def ask(method: str, **parameters: Any) -> Any:
            number = next(numbers)
            answers[number] = asyncio.get_running_loop().create_future()
            await socket.send_json({"id": number, "method": method, "params": parameters, **session})
            return await asyncio.wait_for(answers[number], LOAD_SECONDS)

        async def listen() -> None:
            async for message in socket:
                said = message.json()
                if "id" in said:
                    answers[said["id"]].set_result(said.get("result", said.get("error")))
                elif said["method"] == "Page.loadEventFired":
                    loaded.set()
                elif said["method"] == "Network.requestWillBeSent":
                    seen.requests.append(said["params"]["request"]["url"])
                elif said["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
                    seen.complaints.append(str(said["params"]))

        listener = asyncio.create_task(listen())
        target = await ask("Target.createTarget", url="about:blank")
        attached = await ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        session["sessionId"] = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            await ask(f"{domain}.enable")
        await ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        await ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await ask("Page.navigate", url=page.resolve().as_uri())
        await asyncio.wait_for(loaded.wait(), LOAD_SECONDS)
        answer = await ask("Runtime.evaluate", expression=expression, returnByValue=True)
        seen.value = answer["result"].get("value", answer)
        if picture:
            shot = await ask("Page.captureScreenshot", captureBeyondViewport=True)
            picture.write_bytes(base64.b64decode(shot["data"]))
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
    return seen


@asynccontextmanager
async def _browser() -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A browser of its own, with its own profile, which ends with the block, its children too."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, (Path(profile) / "said").open("w") as said:
        command = [_program(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        ) as browser:
            try:
                port, path = await _address(Path(profile))
                async with aiohttp.ClientSession() as client:
                    socket = await client.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0)
                    yield socket
            finally:
                os.killpg(browser.pid, signal.SIGKILL)


async def _address(profile: Path) -> list[str]:
    """The port and path of the protocol's socket, which the browser writes into its profile once it listens."""
    for _ in range(int(LOAD_SECONDS / 0.1)):
        with suppress(FileNotFoundError):
            lines = (profile / "DevToolsActivePort").read_text().splitlines()
            if len(lines) == 2:
                return lines
        await asyncio.sleep(0.1)
    raise RuntimeError(f"the browser did not start: {(profile / 'said').read_text()}")


def _program() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or installed(NAMES[0], NAMES[0], "fonts-dejavu-core")
