"""A real HTTP receiver on 127.0.0.1 of what hooks and notifications post."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook

KEY = "whsec_bm90IGEgc2VjcmV0IG91dHNpZGUgb2YgdGVzdHM="


@dataclass(frozen=True)
class Post:
    """One request that was received."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def event(self) -> CloudEvent:
        """The CloudEvent that it holds, read by another's library."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        return from_http_event(HTTPMessage(headers=headers, body=self.body))  # type: ignore[return-value]

    def verified(self, key: str = KEY) -> Any:
        """Its JSON, once another's library has verified the signature; raises WebhookVerificationError."""
        return Webhook(key).verify(self.body, dict(self.headers))


@dataclass
class Receiver:
    """What was received; `statuses` are the next answers, then `status` for good, each after `seconds`."""

    url: str = ""
    status: int = 200
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    said: bytes = b""
    seconds: float = 0
    drip: float = 0
    """Seconds between the bytes of an answer."""
    posts: list[Post] = field(default_factory=list)

    def kinds(self) -> list[str]:
        """The events that were received."""
        return [post.event().get_type().rpartition(".")[2] for post in self.posts]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive posts while the block runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.posts.append(Post(self.path, dict(self.headers.items()), body))
            time.sleep(receiver.seconds)
            status = receiver.statuses.pop(0) if receiver.statuses else receiver.status
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(receiver.said)))
            self.end_headers()
            for byte in receiver.said:
                self.wfile.write(bytes([byte]))
                time.sleep(receiver.drip)

        do_GET = do_POST  # noqa: N815 -- a redirect that is followed would come here

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the sender's time was over
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        yield receiver
        server.shutdown()
