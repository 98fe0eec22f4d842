"""A real HTTP server with the part of vLLM's API that adapters need, and with faults on demand.

Paths, status codes and bodies are those of vLLM 0.32 (vllm/entrypoints/openai/models/serving.py and
vllm/entrypoints/serve/lora/api_router.py), seen on a running one as well.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BASE = "tiny-llama"
ROOT = "/models/tiny-llama"
TIMEOUT, LATE = 0.3, 0.35  # seconds: what the syncer waits for, and when a late answer comes
BY_SYNCER = "lora-syncer"
BY_HAND = "curl"


class Fault(Enum):
    """What befalls one request of the syncer's."""

    ERROR = auto()
    """It is answered with 500 and has no effect."""
    LATE = auto()
    """It is done and answered later than the syncer waits for."""
    CUT_BEFORE = auto()
    """The connection ends, and it has no effect."""
    CUT_AFTER = auto()
    """It is done, and the connection ends without an answer."""
    RESTART = auto()
    """The server restarts in the middle of it."""


@dataclass(frozen=True)
class Asked:
    """A load or an unload as it came in."""

    what: str
    name: str
    source: str | None
    base: str | None
    by: str


@dataclass(frozen=True)
class Served:
    """An adapter: where it came from and who loaded it."""

    source: str
    by: str


class VllmServer:
    """vLLM that serves BASE; sources that begin with `missing` are not found, with `rank` can't be loaded."""

    def __init__(self, api_key: str | None = None, updating: bool = True, base: str = BASE) -> None:
        self.api_key, self.updating, self.base = api_key, updating, base
        self.healthy = True
        self.late = LATE
        self.adapters: dict[str, Served] = {}
        self.asked: list[Asked] = []
        self.paths: list[str] = []
        self.on_asked: Callable[[Asked], None] = lambda asked: None
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.bodies: dict[str, bytes] = {}
        self.port = 0
        self.run = 0
        self.in_flight: set[BaseHTTPRequestHandler] = set()
        self.names: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._http: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Listen: on a free port at first, on the same one ever after."""
        self._http = _Http(("127.0.0.1", self.port), _Handler)
        self._http.vllm = self
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, and forget the adapters."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None
        self.forget()

    def forget(self) -> None:
        """Begin another run: what was loaded is gone, and what is under way has no effect."""
        self.run += 1
        self.adapters = {}
        self.names.clear()

    def restart(self) -> None:
        self.stop()
        self.start()

    @property
    def up(self) -> bool:
        return self._http is not None

    @property
    def sources(self) -> dict[str, str]:
        return {name: served.source for name, served in self.adapters.items()}

    def settle(self) -> None:
        """Wait until no request is under way."""
        until = time.monotonic() + 10
        while self.in_flight:
            assert time.monotonic() < until, "requests are under way for 10 s"
            time.sleep(0.005)

    def by_hand(self, what: str, **body: str) -> int:
        """Ask for a load or an unload as a person would; return the status."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Content-Type": "application/json", "User-Agent": BY_HAND}
        connection.request("POST", f"/v1/{what}_lora_adapter", json.dumps(body), headers)
        status = connection.getresponse().status
        connection.close()
        return status


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    vllm: VllmServer


class _Handler(BaseHTTPRequestHandler):
    server: _Http

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        vllm = self.server.vllm
        vllm.in_flight.add(self)
        try:
            self._answer_or_fail(vllm)
        finally:
            vllm.in_flight.remove(self)

    def _answer_or_fail(self, vllm: VllmServer) -> None:
        vllm.paths.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        faults = vllm.faults[self.path] if self.headers["User-Agent"] == BY_SYNCER else []
        fault = faults.pop(0) if faults else None
        if fault is Fault.CUT_BEFORE:
            return
        if fault is Fault.RESTART:
            vllm.forget()
            return
        if fault is Fault.ERROR:
            answer = _error(HTTPStatus.INTERNAL_SERVER_ERROR, "EngineCore encountered an issue.")
        else:
            answer = self._answer(vllm, body, late=fault is Fault.LATE)
        if fault is not Fault.CUT_AFTER:
            self._send(*answer)

    def _answer(self, vllm: VllmServer, body: bytes, late: bool) -> tuple[HTTPStatus, bytes]:
        if vllm.api_key and self.path.startswith("/v1/") and self.headers["Authorization"] != f"Bearer {vllm.api_key}":
            return HTTPStatus.UNAUTHORIZED, b'{"error":"Unauthorized"}'
        if self.path in vllm.bodies:
            return HTTPStatus.OK, vllm.bodies[self.path]
        run, route = vllm.run, (self.command, self.path)
        if route == ("POST", "/v1/load_lora_adapter") and vllm.updating:
            return self._change(vllm, run, json.loads(body), late, "load")
        if route == ("POST", "/v1/unload_lora_adapter") and vllm.updating:
            return self._change(vllm, run, json.loads(body), late, "unload")
        if late:
            time.sleep(vllm.late)
        if route == ("GET", "/health"):
            return (HTTPStatus.OK if vllm.healthy else HTTPStatus.SERVICE_UNAVAILABLE), b""
        if route == ("GET", "/v1/models"):
            return HTTPStatus.OK, json.dumps(_models(vllm)).encode()
        return HTTPStatus.NOT_FOUND, b'{"detail":"Not Found"}'

    def _change(
        self, vllm: VllmServer, run: int, body: dict[str, Any], late: bool, what: str
    ) -> tuple[HTTPStatus, bytes]:
        asked = Asked(
            what, body["lora_name"], body.get("lora_path"), body.get("base_model_name"), self.headers["User-Agent"]
        )
        with vllm.names[asked.name]:
            if late:
                time.sleep(vllm.late)
            if vllm.run != run:
                return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "the engine is dead")
            vllm.asked.append(asked)
            vllm.on_asked(asked)
            return _load(vllm, asked) if what == "load" else _unload(vllm, asked)

    def _send(self, status: HTTPStatus, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the client has gone, as it does when an answer is late

    def log_message(self, format: str, *args: object) -> None:
        pass


def _load(vllm: VllmServer, asked: Asked) -> tuple[HTTPStatus, bytes]:
    if not asked.name or not asked.source:
        return _error(HTTPStatus.BAD_REQUEST, "Both 'lora_name' and 'lora_path' must be provided.")
    if asked.name == vllm.base:
        return _error(HTTPStatus.BAD_REQUEST, f"The lora adapter '{asked.name}' conflicts with a served base model.")
    if asked.name in vllm.adapters:
        return _error(
            HTTPStatus.BAD_REQUEST,
            f"The lora adapter '{asked.name}' has already been loaded. "
            "If you want to load the adapter in place, set 'load_inplace' to True.",
        )
    if asked.source.startswith("missing"):
        return _error(HTTPStatus.NOT_FOUND, f"Loading lora {asked.name} failed: No adapter found for <path>")
    if asked.source.startswith("rank"):
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "LoRA rank 64 is greater than max_lora_rank 8.")
    vllm.adapters[asked.name] = Served(asked.source, asked.by)
    return HTTPStatus.OK, f"Success: LoRA adapter '{asked.name}' added successfully.".encode()


def _unload(vllm: VllmServer, asked: Asked) -> tuple[HTTPStatus, bytes]:
    if vllm.adapters.pop(asked.name, None) is None:
        return _error(HTTPStatus.NOT_FOUND, f"The lora adapter '{asked.name}' cannot be found.")
    return HTTPStatus.OK, f"Success: LoRA adapter '{asked.name}' removed successfully.".encode()


def _error(status: HTTPStatus, message: str) -> tuple[HTTPStatus, bytes]:
    error = {"message": message, "type": status.phrase.replace(" ", ""), "param": None, "code": status.value}
    return status, json.dumps({"error": error}).encode()


def _models(vllm: VllmServer) -> dict[str, Any]:
    base = {"id": vllm.base, "object": "model", "owned_by": "vllm", "root": ROOT, "parent": None}
    adapters = [
        {"id": name, "object": "model", "owned_by": "vllm", "root": served.source, "parent": vllm.base}
        for name, served in vllm.adapters.items()
    ]
    return {"object": "list", "data": [base, *adapters]}


@contextmanager
def vllm_server(api_key: str | None = None, updating: bool = True) -> Iterator[VllmServer]:
    """A server that listens on 127.0.0.1 while the block runs."""
    server = VllmServer(api_key, updating)
    server.start()
    try:
        yield server
    finally:
        server.stop()
