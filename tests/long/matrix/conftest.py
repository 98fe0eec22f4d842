"""The page that all tests of the matrix fill, and the clusters of each minor of Kubernetes that they run on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inferencepool_lab import docker
from inferencepool_lab.builds.versions import CHOICE
from inferencepool_lab.cluster import kind
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.ready import ready
from long.matrix.compatibility import CLUSTERS, Compatibility

NAME, PORT = "inferencepool-minor", 18090


@pytest.fixture(scope="session")
def compatibility(request: pytest.FixtureRequest) -> Iterator[Compatibility]:
    """The page, printed, and written when all has run and all was right."""
    made = Compatibility()
    yield made
    if made.whole and not request.session.testsfailed:
        made.write()
    print(f"\n{made}")


@pytest.fixture(scope="session", params=CLUSTERS)
def kubernetes(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster of that minor, one at a time."""
    daemon = docker.ensure()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CHOICE, request.param)
        try:
            yield ready(NAME, PORT)
        finally:
            kind.down(daemon, NAME)
            if not kind.names():
                docker.stop()
