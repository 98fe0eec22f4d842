"""The part of vLLM's HTTP API that adapters need.

Source: vLLM's vllm/entrypoints/openai/models/serving.py and vllm/entrypoints/serve/lora/api_router.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any

from lora_syncer.config import Adapter

NO_PATH = "it has no such path; start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=true"


class ServerError(Exception):
    """The model server did not do what it was asked; `status` is what it answered, None if it did not answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ServerDown(ServerError):
    """Nothing listens: what the model server had loaded is gone."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds that a question may take, and a load, which may fetch an adapter from a hub first."""

    question: float = 5
    load: float = 600


@dataclass(frozen=True)
class Models:
    """An answer of /v1/models: the names of the base model, and of each adapter the source it came from."""

    base: frozenset[str]
    adapters: Mapping[str, str]


class ModelServer:
    """vLLM at host:port. Every call is one request, and raises ServerError when that was not answered with 200."""

    def __init__(self, host: str, port: int, timeouts: Timeouts, api_key: str | None = None) -> None:
        self._host, self._port, self._timeouts = host, port, timeouts
        self._headers = {"User-Agent": "lora-syncer", "Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    def __str__(self) -> str:
        return f"{self._host}:{self._port}"

    def check_health(self) -> None:
        """Return when the model server is up."""
        self._ask("GET", "/health")

    def models(self) -> Models:
        """Return what is served now."""
        answer = self._ask("GET", "/v1/models")
        try:
            cards = json.loads(answer)["data"]
            base = [card for card in cards if card.get("parent") is None]
            return Models(
                frozenset(str(name) for card in base for name in (card["id"], card["root"])),
                {str(card["id"]): str(card["root"]) for card in cards if card.get("parent") is not None},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ServerError(f"{self} answered /v1/models with no list of models: {answer[:200]!r}") from error

    def load(self, adapter: Adapter) -> None:
        """Load an adapter under a name that is free."""
        body = {"lora_name": adapter.id, "lora_path": adapter.source}
        if adapter.base_model:
            body["base_model_name"] = adapter.base_model
        self._ask("POST", "/v1/load_lora_adapter", body, self._timeouts.load)

    def unload(self, adapter_id: str) -> None:
        """Unload an adapter; one that is not there is no error."""
        try:
            self._ask("POST", "/v1/unload_lora_adapter", {"lora_name": adapter_id})
        except ServerError as error:
            if error.status != HTTPStatus.NOT_FOUND or NO_PATH in str(error):
                raise

    def _ask(self, method: str, path: str, body: Any = None, timeout: float | None = None) -> bytes:
        connection = HTTPConnection(self._host, self._port, timeout=timeout or self._timeouts.question)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), self._headers)
            response = connection.getresponse()
            answer = response.read()
        except ConnectionRefusedError as error:
            raise ServerDown(f"{self} refuses connections") from error
        except (OSError, HTTPException) as error:
            raise ServerError(f"{self} did not answer {path}: {error or type(error).__name__}") from error
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise ServerError(f"{self} answered {path} with {response.status}: {_cause(answer)}", response.status)
        return answer


def _cause(answer: bytes) -> str:
    """The message in an error of vLLM's, whichever version's shape it has; else the beginning of the answer."""
    text = answer[:500].decode(errors="replace")
    try:
        error = json.loads(answer)
        if error.get("detail") == "Not Found":
            return NO_PATH
        return str(error.get("error", error)["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return text
