"""The program of the warm-up gate ends well only when the server has given a token."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from kit.charts import CHARTS
from kit.completion_servers import Behaviour, serving, whole

PROGRAM = (CHARTS / "inferencepool/files/warm-up.py").read_text()


def exit_code(behaviour: Behaviour, seconds: str = "5", **environment: str) -> int:
    """Run the program as the kubelet would: given as text to a Python in the server's container."""
    with serving(behaviour) as server:
        words = [sys.executable, "-c", PROGRAM, str(urlsplit(server.url).port), "a-model", seconds]
        return subprocess.run(words, capture_output=True, env={**os.environ, **environment}, check=False).returncode


async def no_choices(_: web.Request) -> web.StreamResponse:
    return web.json_response({"choices": []})


async def still_loading(_: web.Request) -> web.StreamResponse:
    return web.Response(status=503)


async def one_token_of_the_model(request: web.Request) -> web.StreamResponse:
    asked = await request.json()
    return await whole(request) if (asked["model"], asked["max_tokens"]) == ("a-model", 1) else web.Response(status=400)


def test_a_token_lets_the_pod_in() -> None:
    assert exit_code(one_token_of_the_model) == 0


@pytest.mark.parametrize("behaviour", [no_choices, still_loading])
def test_anything_but_a_token_keeps_it_out(behaviour: Behaviour) -> None:
    assert exit_code(behaviour) != 0


def test_a_proxy_of_the_environment_is_not_asked() -> None:
    assert exit_code(whole, http_proxy="http://127.0.0.1:9") == 0


async def only_with_the_key(request: web.Request) -> web.StreamResponse:
    if request.headers.get("Authorization") != "Bearer of-the-secret":
        return web.Response(status=401)
    return await whole(request)


def test_a_server_with_an_api_key_is_asked_with_it() -> None:
    assert exit_code(only_with_the_key, VLLM_API_KEY="of-the-secret") == 0
    assert exit_code(only_with_the_key, VLLM_API_KEY="of-the-secret\n") == 0
    assert exit_code(only_with_the_key) != 0


def test_a_server_that_does_not_listen_yet_keeps_it_out() -> None:
    words = [sys.executable, "-c", PROGRAM, "9", "a-model", "1"]
    assert subprocess.run(words, capture_output=True, check=False).returncode != 0
