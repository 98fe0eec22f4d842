"""The program of `helm test` asks model servers with their API key, and never prints it."""

from __future__ import annotations

import runpy
import time
from collections.abc import Callable
from typing import Any

import pytest

from kit.charts import CHARTS
from kit.vllm_server import BASE, vllm_server

KEY = "of-the-secret"
PROGRAM: dict[str, Any] = runpy.run_path(str(CHARTS / "inferencepool/files/tests/pool.py"))
models: Callable[[str, str, float], list[str]] = PROGRAM["models"]
cause: Callable[[OSError], str] = PROGRAM["cause"]


def asked(monkeypatch: pytest.MonkeyPatch, key: str | None) -> list[str]:
    with vllm_server(api_key=KEY) as server:
        monkeypatch.setenv("MODEL_SERVER_PORT", str(server.port))
        monkeypatch.delenv("VLLM_API_KEY", raising=False)
        if key is not None:
            monkeypatch.setenv("VLLM_API_KEY", key)
        return models("pod-1", "127.0.0.1", time.monotonic())


@pytest.mark.parametrize("key", [KEY, f"{KEY}\n"])
def test_the_key_goes_with_the_question(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    assert asked(monkeypatch, key) == [BASE]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (None, "401: it asks for an API key; name its Secret in modelServer.apiKey"),
        ("another", "401: it asks for another API key than that of modelServer.apiKey"),
        ("with\nlines", "the API key of modelServer.apiKey has characters that no header can have"),
    ],
)
def test_a_wrong_key_is_told_and_not_printed(monkeypatch: pytest.MonkeyPatch, key: str | None, told: str) -> None:
    with pytest.raises(OSError) as raised:
        asked(monkeypatch, key)
    assert cause(raised.value) == told
    assert not key or key not in str(raised.value)
