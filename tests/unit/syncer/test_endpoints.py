"""The endpoints, over real HTTP: the kubelet's probes and Prometheus."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kit.wait import wait_until
from lora_syncer.endpoints import Endpoints
from lora_syncer.metrics import Metrics
from lora_syncer.status import Status


class Running:
    """Endpoints that answer from a status that a test sets."""

    def __init__(self) -> None:
        self.status, self.metrics = Status(), Metrics()
        self.server = Endpoints(0, lambda: self.status, self.metrics.registry)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def get(self, path: str, host: str = "127.0.0.1") -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(host, self.server.server_port, timeout=5)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running()
    yield running
    running.server.shutdown()
    running.server.server_close()


def test_healthz_answers_200_whatever_the_status(running: Running) -> None:
    assert running.get("/healthz")[0].status == 200


@pytest.mark.parametrize(("ready", "code"), [(True, 200), (False, 503)])
def test_readyz_answers_200_if_the_pod_may_be_in_its_pool_else_503(running: Running, ready: bool, code: int) -> None:
    running.status = Status(ready=ready)
    assert running.get("/readyz")[0].status == code


def test_a_probe_that_waits_no_longer_leaves_nothing_in_the_log(
    running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    gone, threads = threading.Event(), threading.active_count()
    running.server.status = lambda: Status(ready=gone.wait(10))
    with socket.create_connection(("127.0.0.1", running.server.server_port)) as probe:
        probe.sendall(b"GET /readyz HTTP/1.1\r\n\r\n")
        wait_until(lambda: threading.active_count() > threads, "the probe is being answered", 10, 0.01)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
    gone.set()
    wait_until(lambda: threading.active_count() == threads, "the answer has ended", 10, 0.01)
    assert capfd.readouterr().err == ""


def test_the_body_of_readyz_says_which_adapter_is_missing_and_why(running: Running) -> None:
    running.status = Status(adapters={"one": False}, missing={"one": "pending"})
    response, body = running.get("/readyz")
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(body)["missing"] == {"one": "pending"}


def test_metrics_are_in_the_format_that_their_type_names(running: Running) -> None:
    running.metrics.show(Status(adapters={"one": True}))
    response, body = running.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    families = {family.name for family in text_string_to_metric_families(body.decode())}
    assert "lora_syncer_adapter_status" in families


def test_another_path_answers_404(running: Running) -> None:
    assert running.get("/")[0].status == 404


def test_ipv6_is_answered_where_the_host_has_it(running: Running) -> None:
    if running.server.address_family.name != "AF_INET6":
        pytest.skip("this host has no IPv6")
    assert running.get("/healthz", "::1")[0].status == 200
