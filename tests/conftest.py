"""What all tests share: the options of the cluster, and the real cluster that those below cluster/ and long/ run on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from inferencepool_lab.builds.tools import tool
from inferencepool_lab.cluster.handle import Cluster
from kit.cluster import standing
from kit.namespace import Namespace, new_namespace

NAME, PORT = "inferencepool-test", 18081


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep-cluster", action="store_true", help="leave the tests' kind cluster up for the next run")
    parser.addoption("--cluster", default=NAME, help="name of the tests' kind cluster (%(default)s)")
    parser.addoption("--port", type=int, default=PORT, help="port of 127.0.0.1 for its Gateway (%(default)s)")


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with standing(request.config) as made:
        yield made


@pytest.fixture(scope="session")
def kubectl_on_path(cluster: Cluster) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tool('kubectl').parent}{os.pathsep}{os.environ['PATH']}")
        yield


@pytest.fixture(scope="module")
def kube_config(cluster: Cluster, kubectl_on_path: None) -> str:
    """What pytest-helm-charts connects its `kube_cluster` with."""
    return str(cluster.kubeconfig)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace of the test's own, gone with all that is in it when the test ends."""
    with new_namespace(cluster, "test") as made:
        yield made
