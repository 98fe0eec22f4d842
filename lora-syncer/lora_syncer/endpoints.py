"""The HTTP endpoints /metrics, /healthz and /readyz."""

from __future__ import annotations

import dataclasses
import json
import socket
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from lora_syncer.status import Status


class Endpoints(ThreadingHTTPServer):
    """Answers on every address of the host, IPv4 and IPv6.

    /healthz answers 200 as long as the process runs. /readyz answers 200 or 503, its body is what `status` returns at
    that moment, as JSON.
    """

    daemon_threads = True
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def __init__(self, port: int, status: Callable[[], Status], registry: CollectorRegistry) -> None:
        self.status, self.registry = status, registry
        super().__init__(("", port), _Handler)

    def server_bind(self) -> None:
        """Bind to both families where the host has both."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:
        """Write what went wrong, unless it is that the client, as a probe that is out of time, waits no longer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: Endpoints

    def do_GET(self) -> None:
        answers = {"/metrics": self._metrics, "/healthz": self._healthz, "/readyz": self._readyz}
        status, content_type, body = answers.get(self.path, self._not_found)()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _metrics(self) -> tuple[HTTPStatus, str, bytes]:
        return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self.server.registry)

    def _healthz(self) -> tuple[HTTPStatus, str, bytes]:
        return HTTPStatus.OK, "text/plain", b"ok\n"

    def _readyz(self) -> tuple[HTTPStatus, str, bytes]:
        status = self.server.status()
        code = HTTPStatus.OK if status.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return code, "application/json", json.dumps(dataclasses.asdict(status)).encode() + b"\n"

    def _not_found(self) -> tuple[HTTPStatus, str, bytes]:
        return HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /healthz or /readyz\n"

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the kubelet asks once a second."""
