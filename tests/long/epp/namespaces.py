"""Namespaces for EPPs of several lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.images import pull
from kit.epp_lines import Line
from kit.namespace import RESTRICTED, Namespace, new_namespace


@contextmanager
def namespace_for(cluster: Cluster, *lines: Line) -> Iterator[Namespace]:
    """A namespace under the restricted profile on a node that has the images of these lines."""
    images = [line.image for line in lines]
    pull.ensure(cluster.docker, images)
    cluster.load(*images)
    with new_namespace(cluster, "epp", labels=RESTRICTED, uninstall=True) as namespace:
        yield namespace
