"""A namespace with two pools whose releases are Flux's to make, on an API server of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kit.api_server import api_server
from kit.flux import Flux, flux
from kit.route import pool, server


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flux]:
    folder = tmp_path_factory.mktemp("flux")
    with api_server(folder) as started, flux(started, folder, "team") as made:
        for name in ("pool-old", "pool-new"):
            made.apply(*pool(name), server(f"{name}-0", {"app": name}))
            made.set_ready(f"{name}-0", ready=True)
        yield made
