"""A cluster that takes pools with an EPP of any line, the oldest of which reads an InferencePool of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inferencepool_lab.builds.programs import module_folder
from inferencepool_lab.cluster.handle import Cluster


@pytest.fixture(scope="session")
def every_line(cluster: Cluster) -> Iterator[Cluster]:
    oldest = module_folder("inference-extension-0.5") / "config/crd/bases"
    cluster.kubectl("apply", "--server-side", "--filename", oldest)
    yield cluster
    cluster.kubectl("delete", "--filename", oldest)
