from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.vllm_server import TIMEOUT, VllmServer, vllm_server
from lora_syncer.config_file import ConfigFile
from lora_syncer.metrics import Metrics
from lora_syncer.model_server import Timeouts
from lora_syncer.syncer import Syncer
from unit.syncer.volume import Volume


class Clock:
    """Time that passes when it is told to, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def make_syncer(
    volume: Volume,
    clock: Callable[[], float],
    max_adapters: int | None = None,
    api_key: str | None = None,
    timeout: float = TIMEOUT,
) -> Syncer:
    """The syncer as the program makes it, with short time-outs and time of its own."""
    return Syncer(
        ConfigFile(volume.path, max_adapters),
        Metrics(),
        max_adapters,
        api_key,
        Timeouts(timeout, timeout),
        clock,
        random.Random(0),
    )


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vllm() -> Iterator[VllmServer]:
    with vllm_server() as server:
        yield server


@pytest.fixture
def syncer(volume: Volume, clock: Clock) -> Syncer:
    return make_syncer(volume, clock)
