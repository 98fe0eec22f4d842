#!/usr/bin/env python3
"""Takes the place of `vllm` in a pod: it asks for the API key as vLLM does, and the simulator beside it does the rest.

vLLM asks for `Authorization: Bearer KEY` on /v1, not on /health and /metrics (vllm/entrypoints/openai/api_server.py).
A file of the standard library alone, since it runs in a container.
"""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEHIND = 8001
"""Port of the simulator."""
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}
CHUNK_BYTES = 65536


class Handler(BaseHTTPRequestHandler):
    """Refuses or passes on; an answer ends with its connection, so that streams pass as they come."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer any method."""
        self.close_connection = True
        body = self._body()
        if self.path.startswith("/v1") and self.headers.get("Authorization") != f"Bearer {os.environ['VLLM_API_KEY']}":
            self._begin(401, [("Content-Type", "application/json")])
            self.wfile.write(b'{"error": "Unauthorized"}')
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        server = HTTPConnection("127.0.0.1", BEHIND)
        server.request(self.command, self.path, body, headers)
        answer = server.getresponse()
        self._begin(answer.status, [(k, v) for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP])
        while chunk := answer.read1(CHUNK_BYTES):
            self.wfile.write(chunk)

    do_POST = do_GET  # noqa: N815 (names of http.server)

    def _body(self) -> bytes:
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _begin(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, value in (*headers, ("Connection", "close")):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
