"""The CRDs of Gateway API and of the Inference Extension, which every gateway needs."""

from __future__ import annotations

from inferencepool_lab.builds.programs import module_folder
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.progress import step

CRDS = (("gateway-api", "config/crd/standard"), ("inference-extension", "config/crd/bases"))
"""Modules of versions.toml, and the folders in them."""


def apply(cluster: Cluster) -> None:
    """Apply the CRDs; raises Failure with the API server's cause."""
    with step("applying the CRDs of Gateway API and of the Inference Extension", "10 s"):
        for module, folder in CRDS:
            cluster.kubectl("apply", "--server-side", "--filename", module_folder(module) / folder)
