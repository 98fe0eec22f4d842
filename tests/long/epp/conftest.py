"""A cluster that takes pools with an EPP of any line, the oldest of which reads an InferencePool of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from cluster.pool.pools import Pools
from epp_lines import Line
from inferencepool_lab.builds.programs import module_folder
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.images import pull


@dataclass(frozen=True)
class Lines:
    """Where EPPs of several lines run."""

    cluster: Cluster

    @contextmanager
    def namespace(self, *needed: Line) -> Iterator[Pools]:
        """A namespace under the restricted profile on a node that has the images of these lines."""
        images = [line.image for line in needed]
        pull.ensure(self.cluster.docker, images)
        self.cluster.load(*images)
        name = f"epp-{secrets.token_hex(4)}"
        self.cluster.kubectl("create", "namespace", name)
        self.cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        yield Pools(self.cluster, name)
        for release in self.cluster.helm("list", "--namespace", name, "--short").split():
            self.cluster.helm("uninstall", release, "--namespace", name)  # a ClusterRole is in no namespace
        self.cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def lines(cluster: Cluster) -> Iterator[Lines]:
    oldest = module_folder("inference-extension-0.5") / "config/crd/bases"
    cluster.kubectl("apply", "--server-side", "--filename", oldest)
    yield Lines(cluster)
    cluster.kubectl("delete", "--filename", oldest)
