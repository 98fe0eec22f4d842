"""What a real API server said (recorded/api.json, from the tests' kind cluster), said again over HTTP.

The tool reads it through its real client. A test changes the objects to what a broken cluster would say.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from kit.kubeconfig import kubeconfig

RECORDED = Path(__file__).with_name("recorded") / "api.json"
POOLS = "/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools"
ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes"
ALL_ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"
ROUTER_REWRITES = "/apis/llm-d.ai/v1alpha2/namespaces/default/inferencemodelrewrites"
REWRITES = "/apis/inference.networking.x-k8s.io/v1alpha2/namespaces/default/inferencemodelrewrites"
PODS = "/api/v1/namespaces/default/pods"
SERVICES = "/api/v1/namespaces/default/services"


class Said:
    """What the API server says: path -> object; a path that is not in it is answered with 404."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = json.loads(RECORDED.read_text())
        self.objects[ALL_ROUTES] = self.objects[ROUTES]
        self.forbidden: set[tuple[str, str]] = set()

    @property
    def route(self) -> Any:
        return self.objects[f"{ROUTES}/route"]

    def pool(self, name: str) -> Any:
        return self.objects[f"{POOLS}/{name}"]

    def pod(self, release: str, component: str) -> Any:
        """The one pod of that kind."""
        wanted = {"app.kubernetes.io/instance": release, "app.kubernetes.io/component": component}
        (found,) = [pod for pod in self.objects[PODS]["items"] if wanted.items() <= pod["metadata"]["labels"].items()]
        return found

    def models(self, release: str) -> Any:
        """The list of models of the release's one model server."""
        name = self.pod(release, "model-server")["metadata"]["name"]
        return self.objects[f"{PODS}/{name}:8000/proxy/v1/models"]["data"]


@contextmanager
def answering(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Said]:
    """Serve the recorded objects while the block runs, where the KUBECONFIG in `folder` leads."""
    said = Said()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            found = said.objects.get(unquote(url.path))
            if found and (selector := parse_qs(url.query).get("labelSelector")):
                found = {**found, "items": [each for each in found["items"] if _selected(each, selector[0])]}
            body = json.dumps(found or {"kind": "Status", "code": 404, "reason": "NotFound"}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            """Every right is granted, but those in `forbidden`."""
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            wanted = asked["spec"]["resourceAttributes"]
            refused = (wanted["verb"], wanted["resource"]) in said.forbidden
            body = json.dumps({**asked, "status": {"allowed": not refused}}).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        config = kubeconfig(folder, f"http://127.0.0.1:{server.server_port}")
        patch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(config))
        yield said
        server.shutdown()


def _selected(found: Any, selector: str) -> bool:
    """Whether an object has all labels of a selector, which is written KEY=VALUE,..."""
    labels: dict[str, str] = found["metadata"]["labels"]
    return dict(part.split("=") for part in selector.split(",")).items() <= labels.items()
