"""The program as the image starts it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

from kit.charts import ROOT
from kit.vllm_server import VllmServer
from unit.syncer.volume import Volume

PACKAGE = ROOT / "lora-syncer"


@contextmanager
def running(volume: Volume, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "lora_syncer"],
        env=os.environ | {"PYTHONPATH": str(PACKAGE), "DYNAMIC_LORA_ROLLOUT_CONFIG": str(volume.path)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


def wait_until_ready(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        assert time.monotonic() < until, "not ready for 20 s"
        time.sleep(0.05)


def test_it_loads_what_is_configured_and_ends_at_sigterm_with_json_lines_behind_it(
    vllm: VllmServer, volume: Volume
) -> None:
    volume.configure(vllm.port, {"one": "a/one"})
    port = free_port()
    with running(volume, LORA_SYNCER_PORT=str(port)) as process:
        wait_until_ready(port)
        assert vllm.sources == {"one": "a/one"}
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=5)
    assert process.returncode == 0
    assert errors == ""
    lines = [json.loads(line) for line in output.splitlines()]
    assert {"message": "adapter loaded", "adapter": "one", "source": "a/one", "level": "info"}.items() <= {
        key: value for line in lines if line["message"] == "adapter loaded" for key, value in line.items()
    }.items()
    assert vllm.sources == {"one": "a/one"}


def test_a_setting_that_can_not_be_used_ends_it_with_one_line(volume: Volume) -> None:
    with running(volume, LORA_SYNCER_MAX_ADAPTERS="many") as process:
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert errors.startswith("lora_syncer: LORA_SYNCER_MAX_ADAPTERS is 'many'; ")
    assert len(errors.splitlines()) == 1


def test_a_port_that_is_taken_ends_it_with_one_line(volume: Volume) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with running(volume, LORA_SYNCER_PORT=str(port)) as process:
            _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert errors == f"lora_syncer: port {port} can't be used: Address already in use\n"
