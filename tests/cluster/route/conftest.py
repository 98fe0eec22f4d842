"""What every test of the route's releases starts from: a namespace with two pools, and nothing that serves them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.route.release import Release


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    """The API server to use: that of $ROUTE_KUBECONFIG (Gateway API and Inference Extension CRDs are all it needs),
    else that of the kind cluster."""
    given = os.environ.get("ROUTE_KUBECONFIG")
    if given:
        return Path(given)
    path: Path = request.getfixturevalue("cluster").kubeconfig
    return path


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def release(kubeconfig: Path, helm: str) -> Iterator[Release]:
    """A release that is not installed yet, in a new namespace that holds pool-old and pool-new."""
    namespace = f"route-{secrets.token_hex(4)}"
    release = Release(kubeconfig, namespace, helm)
    release.kubectl("create", "namespace", namespace)
    try:
        release.add_pool("pool-old")
        release.add_pool("pool-new")
        yield release
    finally:
        release.kubectl("delete", "namespace", namespace, "--wait=false")
